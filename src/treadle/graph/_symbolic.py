"""Symbolic tensors: stand-ins without values that record every layer, operator and torch function applied to them.

A recorded call is a `Node`; nodes carry increasing numbers, so that their order is an order of execution.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.graph._probe import Sizes, known_shape, probe_sizes, run_probes

_numbers = itertools.count()


class Node:
    """One recorded call: what was called with what, and the symbolic values that came out.

    Attributes:
        target: A module, a function, or the name of a tensor method or attribute.
        kind: `"input"`, `"module"`, `"function"`, `"method"` or `"attribute"`.
        args: Positional arguments, in which symbolic values may be nested.
        kwargs: Keyword arguments, likewise.
        outputs: The structure that the call returned.
        implied: Keyword arguments that nobody wrote: masks, which a new recording finds by itself.
    """

    __slots__ = ("args", "implied", "kind", "kwargs", "number", "outputs", "target")

    def __init__(
        self, kind: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.kind = kind
        self.target = target
        self.args = args
        self.kwargs = kwargs
        self.number = next(_numbers)
        self.outputs: Any = None
        self.implied: tuple[str, ...] = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        return self  # nodes are never changed, and a chain of them would exhaust the stack

    def symbolic_inputs(self) -> list[Symbolic]:
        """Return the symbolic values among the arguments, in order."""
        return [leaf for leaf in _leaves((self.args, self.kwargs)) if isinstance(leaf, Symbolic)]


class Symbolic:
    """A value that is known only when the model runs; every operation on it is recorded."""

    __slots__ = ("node", "values")

    def __init__(self, values: Any, node: Node | None = None) -> None:
        self.values = values
        self.node = node

    def __deepcopy__(self, memo: dict[int, Any]) -> Symbolic:
        return self

    def __bool__(self) -> bool:
        raise TypeError(
            _no_value(
                "Python's `if`, `while`, `and`, `or`",
                "torch.where, or a layer whose call() has the `if`",
            )
        )

    def __float__(self) -> float:
        raise TypeError(_no_value("float()", "keep the tensor, or do this in a layer's call()"))

    def __int__(self) -> int:
        raise TypeError(_no_value("int()", "keep the tensor, or do this in a layer's call()"))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(_no_value("NumPy", "the torch function of the same name"))

    # NumPy's arrays and scalars leave `array * symbolic` to the operators below.
    __array_priority__ = 1000
    __hash__ = object.__hash__

    # Also of sizes: torch.zeros((x.size(0), 3)) is a call on a symbolic value.
    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return record("function", function, tuple(args), kwargs or {})


class SymbolicTensor(Symbolic):
    """A tensor without values: what `Input` returns, and every layer or torch function applied to it.

    Its `shape` has None for sizes that are not known before the model runs. Python operators, indexing,
    methods of `torch.Tensor` and all torch functions work on it and give symbolic tensors.

    Args:
        sizes: The two shapes that stand for it in probes.
        dtype: The dtype of its values; `str` where NumPy arrays of strings stand in the place of tensors.
        name: A name to show.

    Example:
        >>> import torch, treadle
        >>> x = treadle.Input((4,))
        >>> y = torch.cat([x, x * 2 + 1], dim=-1)[:, :6]
        >>> y.shape
        (None, 6)
    """

    __slots__ = ("dtype", "mask", "name", "sizes")

    def __init__(
        self, sizes: Sizes, dtype: Any, name: str | None = None, node: Node | None = None
    ) -> None:
        super().__init__(None, node)
        self.sizes = sizes
        self.dtype = dtype
        self.name = name
        self.mask: SymbolicTensor | None = None

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, with None for unknown sizes."""
        return known_shape(self.sizes)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.sizes[0])

    def dim(self) -> int:
        """Return the number of dimensions."""
        return len(self.sizes[0])

    def size(self, dim: int | None = None) -> Any:
        """Return the sizes; an unknown one is symbolic and may be given to `view`, `reshape`, `expand`."""
        sizes = [_symbolic_size(self, position) for position in range(self.ndim)]
        return tuple(sizes) if dim is None else sizes[dim]

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(torch.Tensor, name, None)
        if attribute is None or name.startswith("__"):
            known = [item for item in dir(torch.Tensor) if item.strip("_") == item]
            close = _core.nearest(name, known)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise AttributeError(
                f"A symbolic tensor has no attribute {name!r}, as torch.Tensor has none{hint}"
            )
        if name.endswith("_"):
            raise TypeError(_in_place(name))
        if callable(attribute):
            return lambda *args, **kwargs: record("method", name, (self, *args), kwargs)
        return record("attribute", name, (self,), {})

    def __getitem__(self, key: Any) -> Any:
        return record("function", operator.getitem, (self, key), {})

    def __len__(self) -> int:
        size = self.shape[0] if self.ndim else None
        if size is None:
            raise TypeError(_no_value("len()", "x.size(0), or x.shape"))
        return size

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"<SymbolicTensor shape={self.shape}, dtype={_core.standardize_dtype(self.dtype)}{name}>"


class SymbolicValue(Symbolic):
    """A number (or other plain value) that depends on unknown sizes, such as `x.size(0) * 2`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<SymbolicValue like {self.values[0]!r}>"


def _no_value(where: str, fix: str) -> str:
    return _core.explain(
        f"{where} cannot be used on a symbolic tensor.",
        expected="a tensor with values",
        got="one without, as the model has not run yet",
        fix=fix,
    )


def _in_place(method: str) -> str:
    return _core.explain(
        f"The in-place method {method!r} cannot be used on a symbolic tensor.",
        expected="a method that returns its result",
        got=f"x.{method}(...), which would change the model's own input",
        fix=f"x = x.{method[:-1]}(...)",
    )


def _symbolic_size(tensor: SymbolicTensor, position: int) -> Any:
    known = tensor.shape[position]
    return record("method", "size", (tensor, position), {}) if known is None else known


def _leaves(structure: Any) -> list[Any]:
    """Return the leaves of nested lists, tuples, dicts and slices."""
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in _leaves(part)]
    if isinstance(structure, dict):
        return [leaf for part in structure.values() for leaf in _leaves(part)]
    if isinstance(structure, slice):
        return [structure.start, structure.stop, structure.step]
    return [structure]


def like_tuple(given: tuple[Any, ...], parts: list[Any]) -> tuple[Any, ...]:
    """Return `parts` as a tuple of the kind of `given`: plain, named, or one of torch's return types."""
    if hasattr(given, "_fields"):
        return type(given)(*parts)
    return type(given)(parts) if hasattr(given, "n_fields") else tuple(parts)


def map_leaves(function: Callable[[Any], Any], structure: Any) -> Any:
    """Return `structure` with `function` applied inside nested lists, tuples, dicts and slices."""
    if isinstance(structure, tuple):
        return like_tuple(structure, [map_leaves(function, part) for part in structure])
    if isinstance(structure, list):
        return [map_leaves(function, part) for part in structure]
    if isinstance(structure, dict):
        return {key: map_leaves(function, part) for key, part in structure.items()}
    if isinstance(structure, slice):
        return slice(
            *(
                map_leaves(function, part)
                for part in (structure.start, structure.stop, structure.step)
            )
        )
    return function(structure)


def has_symbolic(args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Return whether a symbolic value is among the arguments, nested or not."""
    return any(isinstance(leaf, Symbolic) for leaf in _leaves((tuple(args), kwargs)))


def record(kind: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a call and return its symbolic result; values that do not depend on the input stay plain."""
    if any(isinstance(leaf, (np.ndarray, np.generic)) for leaf in _leaves((args, kwargs))):
        args, kwargs = map_leaves(_as_constant, args), map_leaves(_as_constant, kwargs)
    node = Node(kind, target, args, kwargs)
    elements = sum(
        torch.Size(leaf.sizes[1]).numel()
        for leaf in node.symbolic_inputs()
        if isinstance(leaf, SymbolicTensor)
    )

    def run(which: int, zeros: Callable[..., torch.Tensor]) -> Any:
        def value(leaf: Any) -> Any:
            if isinstance(leaf, SymbolicTensor):
                if leaf.dtype is str:
                    return np.full(leaf.sizes[which], "")
                return zeros(leaf.sizes[which], dtype=leaf.dtype)
            return leaf.values[which] if isinstance(leaf, Symbolic) else leaf

        return call_target(kind, target, map_leaves(value, args), map_leaves(value, kwargs))

    try:
        small, large = run_probes(run, elements)
    except Exception as error:
        error.add_note(_recording(node))
        raise
    node.outputs = _symbolic_outputs(small, large, node)
    return node.outputs


def _recording(node: Node) -> str:
    shapes = [getattr(leaf, "shape", "a number") for leaf in node.symbolic_inputs()]
    name = getattr(node.target, "__name__", node.target)
    return (
        f"This happened while {name!s:.80} was tried on symbolic values of shape "
        f"{', '.join(map(str, shapes))}. A size that is not known is None in x.shape; x.size(0) stands for it."
    )


def _as_constant(leaf: Any) -> Any:
    """Return an array as a tensor (float64 as `floatx`, like all data) and a NumPy scalar as a number."""
    if isinstance(leaf, np.generic):
        return leaf.item()
    if not isinstance(leaf, np.ndarray):
        return leaf
    tensor = torch.tensor(leaf)
    return tensor.to(_core.torch_dtype(None)) if tensor.dtype == torch.float64 else tensor


def call_target(kind: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make the call that a node stands for."""
    if kind == "method":
        return getattr(args[0], target)(*args[1:], **kwargs)
    if kind == "attribute":
        return getattr(args[0], target)
    return target(*args, **kwargs)


def _symbolic_outputs(small: Any, large: Any, node: Node) -> Any:
    """Return the structure of the two probes' results with symbolic leaves."""
    if isinstance(small, torch.Tensor):
        return SymbolicTensor((tuple(small.shape), tuple(large.shape)), small.dtype, node=node)
    if isinstance(small, np.ndarray) and small.dtype.kind in "US":
        return SymbolicTensor((small.shape, large.shape), str, node=node)
    if isinstance(small, (list, tuple)) and not isinstance(small, torch.Size):
        parts = [_symbolic_outputs(a, b, node) for a, b in zip(small, large, strict=True)]
        return like_tuple(small, parts) if isinstance(small, tuple) else parts
    if isinstance(small, dict):
        return {key: _symbolic_outputs(part, large[key], node) for key, part in small.items()}
    # Numbers made of sizes may agree by accident: half of 2 and of 3 is 1.
    made_of_sizes = type(small) in (int, float) and any(
        isinstance(leaf, SymbolicValue) for leaf in node.symbolic_inputs()
    )
    agree = small == large and not made_of_sizes
    return small if agree else SymbolicValue((small, large), node)


def make_input(shape: Sequence[int | None], dtype: Any, name: str, target: Any) -> SymbolicTensor:
    """Return a new symbolic input of the full `shape` (batch first); `target` is the module that stands for it."""
    node = Node("input", target, (), {})
    node.outputs = SymbolicTensor(probe_sizes(shape), dtype, name, node)
    return node.outputs


def _operator(function: Callable[..., Any], reflected: bool) -> Callable[..., Any]:
    if reflected:
        return lambda self, other: record("function", function, (other, self), {})
    return lambda self, *other: record("function", function, (self, *other), {})


_ARITHMETIC = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and_",
    "or_",
    "xor",
)
_OTHERS = ("lt", "le", "gt", "ge", "eq", "ne", "neg", "abs", "invert")
for _name in _ARITHMETIC + _OTHERS:
    _function = getattr(operator, _name)
    _short = _name.rstrip("_")
    setattr(Symbolic, f"__{_short}__", _operator(_function, False))
    if _name in _ARITHMETIC:
        setattr(Symbolic, f"__r{_short}__", _operator(_function, True))
