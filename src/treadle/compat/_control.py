"""Control flow, variables, devices, printing and checks: what of TensorFlow is plain Python here."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import numpy as np
import torch

from treadle import _core
from treadle.compat._convert import as_dtype, as_pair, as_tensor

Function = Callable[..., Any]


def cond(
    pred: Any,
    true_fn: Function | None = None,
    false_fn: Function | None = None,
    name: str | None = None,
) -> Any:
    """Return what one of two functions returns."""
    chosen = true_fn if bool(pred) else false_fn
    return None if chosen is None else chosen()


def case(
    pred_fn_pairs: Any,
    default: Function | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str | None = None,
) -> Any:
    """Return what the function of the first true condition returns."""
    for condition, function in pred_fn_pairs:
        if bool(condition):
            return function()
    return None if default is None else default()


def while_loop(
    cond: Function,
    body: Function,
    loop_vars: Sequence[Any],
    maximum_iterations: int | None = None,
    **unused: Any,
) -> Any:
    """Return the variables after repeating `body` while `cond` holds."""
    values = tuple(loop_vars)
    left = sys.maxsize if maximum_iterations is None else int(maximum_iterations)
    while left > 0 and bool(cond(*values)):
        result = body(*values)
        values = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        left -= 1
    return values


def map_fn(fn: Function, elems: Any, dtype: Any = None, **unused: Any) -> Any:
    """Return what `fn` returns for each row, stacked."""
    spread = _core.map_structure(as_tensor, elems)
    count = len(_core.leaves(spread)[0])
    rows = [fn(_core.map_structure(lambda leaf, i=i: leaf[i], spread)) for i in range(count)]
    return _core.map_structure(lambda *leaves: torch.stack([as_tensor(x) for x in leaves]), *rows)


def scan(fn: Function, elems: Any, initializer: Any = None, **unused: Any) -> Any:
    """Return all values of an accumulator that `fn(accumulator, row)` carries along the rows."""
    rows = list(as_tensor(elems))
    value = rows.pop(0) if initializer is None else as_tensor(initializer)
    values = [value] if initializer is None else []
    for row in rows:
        value = fn(value, row)
        values.append(value)
    return torch.stack(values)


def numpy_function(func: Function, inp: Sequence[Any], Tout: Any = None, **unused: Any) -> Any:
    """Return as tensors what `func` returns for arrays."""
    return _typed(func(*[as_tensor(item).detach().cpu().numpy() for item in inp]), Tout)


def py_function(
    func: Function, inp: Sequence[Any], Tout: Any = None, name: str | None = None
) -> Any:
    """Return as tensors what `func` returns for tensors."""
    return _typed(func(*inp), Tout)


def _typed(result: Any, dtypes: Any) -> Any:
    if isinstance(result, (tuple, list)):
        wanted = dtypes if isinstance(dtypes, (tuple, list)) else [dtypes] * len(result)
        return [as_tensor(item, dtype) for item, dtype in zip(result, wanted, strict=True)]
    return as_tensor(result, dtypes[0] if isinstance(dtypes, (tuple, list)) else dtypes)


def print_(*inputs: Any, **kwargs: Any) -> None:
    """Print to the standard error, or to `output_stream`; tensors as TensorFlow shows them."""
    stream = kwargs.get("output_stream", sys.stderr)
    stream = stream if isinstance(stream, TextIO) or hasattr(stream, "write") else sys.stderr
    shown = [_shown(item) for item in inputs]
    print(*shown, sep=kwargs.get("sep", " "), end=kwargs.get("end", "\n"), file=stream)


def _shown(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        array = value.detach().cpu().numpy()
        return np.array2string(array, separator=" ") if array.ndim else array.item()
    return value


def device(device_name: Any = None) -> Any:
    """Return a context in which new tensors are made on a device: "/CPU:0", "/GPU:0", or a torch device."""
    if device_name is None:
        return contextlib.nullcontext()
    if isinstance(device_name, str) and (
        found := re.fullmatch(
            r"(?:.*/)?(?:device:)?(cpu|gpu)(?::(\d+))?", device_name, re.IGNORECASE
        )
    ):
        kind = "cuda" if found[1].lower() == "gpu" else "cpu"
        if kind == "cuda" and not torch.cuda.is_available():
            return contextlib.nullcontext()  # TensorFlow places softly, too
        return torch.device(kind, int(found[2] or 0)) if kind == "cuda" else torch.device(kind)
    return torch.device(device_name)


def nothing(*args: Any, **kwargs: Any) -> Any:
    """Return a context that does nothing: scopes of graphs mean nothing here."""
    return contextlib.nullcontext()


def ignored(*args: Any, **kwargs: Any) -> None:
    """Do nothing: a setting of TensorFlow's own that has no counterpart."""


def unchanged(function: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Return a function as it is; a decorator with or without arguments."""
    return unchanged if function is None else function


def list_physical_devices(device_type: str | None = None) -> list[torch.device]:
    """Return the devices of a kind: "CPU", "GPU", or all."""
    wanted = (device_type or "").upper()
    found = [torch.device("cpu")] if wanted in ("", "CPU") else []
    if wanted in ("", "GPU"):
        found += [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return found


def gpu_device_name() -> str:
    """Return "/device:GPU:0", or an empty string where there is no GPU."""
    return "/device:GPU:0" if torch.cuda.is_available() else ""


def _asserted(name: str, holds: Callable[[Any, Any], Any]) -> Function:
    def check(
        x: Any, y: Any, message: str | None = None, summarize: Any = None, name: Any = None
    ) -> None:
        if not bool(torch.all(holds(*as_pair(x, y)))):
            raise AssertionError(message or f"{label}: the condition does not hold.")

    label = f"tf.debugging.{name}"
    return check


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """Return the tensor, or raise a DataError if it holds NaN or infinity."""
    tensor = as_tensor(tensor)
    if not bool(torch.isfinite(tensor).all()):
        raise _core.DataError(
            _core.explain(message, expected="finite numbers", got="NaN or infinity")
        )
    return tensor


def is_tensor(x: Any) -> bool:
    """Return whether `x` is a tensor."""
    return isinstance(x, torch.Tensor)


def group(*inputs: Any, **kwargs: Any) -> None:
    """Do nothing: operations have run when they were called."""


class _NewVariable(type):
    def __call__(
        cls, initial_value: Any = None, trainable: bool | None = None, *args: Any, **kw: Any
    ) -> Any:
        value = initial_value() if callable(initial_value) else initial_value
        data = as_tensor(value, kw.get("dtype")).detach().clone()
        trained = data.is_floating_point() and trainable is not False
        return _core.Variable(data, trained, kw.get("name") or "Variable")

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, (_core.Variable, _core.StateVariable))


class Variable(metaclass=_NewVariable):
    """Makes a `treadle.Variable` from TensorFlow's arguments; layers and tapes know it."""


class Module(torch.nn.Module):
    """A torch module with the properties of `tf.Module`.

    Args:
        name: A name.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        self.name = name or _core.snake_case(type(self).__name__)

    @property
    def variables(self) -> tuple[Any, ...]:
        """All variables."""
        return tuple(self.parameters())

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """The variables that are trained."""
        return tuple(item for item in self.parameters() if item.requires_grad)

    @staticmethod
    def with_name_scope(method: Any) -> Any:
        """Return the method as it is."""
        return method


CONTROL: dict[str, Any] = {
    "Module": Module,
    "Tensor": torch.Tensor,
    "Variable": Variable,
    "case": case,
    "cond": cond,
    "control_dependencies": nothing,
    "device": device,
    "executing_eagerly": lambda: True,
    "get_logger": lambda: logging.getLogger("tensorflow"),
    "group": group,
    "init_scope": nothing,
    "is_tensor": is_tensor,
    "map_fn": map_fn,
    "name_scope": nothing,
    "no_op": ignored,
    "numpy_function": numpy_function,
    "print": print_,
    "py_function": py_function,
    "scan": scan,
    "timestamp": time.time,
    "vectorized_map": map_fn,
    "while_loop": while_loop,
}
DEBUGGING: dict[str, Any] = {
    "assert_equal": _asserted("assert_equal", torch.eq),
    "assert_greater": _asserted("assert_greater", torch.gt),
    "assert_greater_equal": _asserted("assert_greater_equal", torch.ge),
    "assert_less": _asserted("assert_less", torch.lt),
    "assert_less_equal": _asserted("assert_less_equal", torch.le),
    "assert_near": _asserted("assert_near", torch.isclose),
    "check_numerics": check_numerics,
    "is_numeric_tensor": is_tensor,
    "set_log_device_placement": ignored,
}
DTYPES: dict[str, torch.dtype] = {
    name: torch_dtype
    for name in [
        "bfloat16",
        "bool",
        "complex128",
        "complex64",
        "float16",
        "float32",
        "float64",
        "int16",
        "int32",
        "int64",
        "int8",
        "uint16",
        "uint32",
        "uint64",
        "uint8",
    ]
    if (torch_dtype := as_dtype(name)) is not None
} | {"double": torch.float64, "half": torch.float16}
