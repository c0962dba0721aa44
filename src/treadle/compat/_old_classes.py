"""Classes and functions of Keras whose old argument names scripts still use.

A look-alike class makes objects of treadle's own class, and may be derived from; `isinstance` agrees with both.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from treadle import _core, callbacks, layers, optimizers, regularizers

# What becomes of an argument: its new name; None leaves it out, as it changes nothing here.
Renames = Mapping[str, str | None]
Translate = Callable[[dict[str, Any]], dict[str, Any]]

_OPTIMIZER: Renames = {"lr": "learning_rate"}
OLD_ARGUMENTS: dict[str, dict[str, Renames]] = {
    "layers": {
        "BatchNormalization": {"fused": None, "renorm": None, "virtual_batch_size": None},
        "Embedding": {"input_length": None},
        "InputLayer": {"input_shape": "shape", "batch_input_shape": "batch_shape"},
        "LeakyReLU": {"alpha": "negative_slope"},
    },
    "callbacks": {
        "ModelCheckpoint": {"period": None},
        "ReduceLROnPlateau": {"epsilon": "min_delta"},
        "TensorBoard": {"write_grads": None, "batch_size": None, "embeddings_layer_names": None},
    },
    "regularizers": {"l1": {"l": "l1"}, "l2": {"l": "l2"}},
}

_ROOMS = {"callbacks": callbacks, "layers": layers, "regularizers": regularizers}


def rename(owner: str, renames: Renames, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments under their new names."""
    if renames.keys().isdisjoint(given):
        return given
    renamed: dict[str, Any] = {}
    for name, value in given.items():
        new = renames.get(name, name)
        if new is None:
            continue
        if new != name and new in given:
            raise TypeError(
                _core.explain(
                    f"{owner} got the same argument twice.",
                    expected=new,
                    got=f"{name} and {new}",
                    fix=f"leave out {name}, the old name",
                )
            )
        renamed[new] = value
    return renamed


class LookAlikeType(type):
    """The type of look-alike classes: called, they make objects of the class that they stand for."""

    _original: type
    _translate: Translate

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "_original" in vars(cls):
            return cls._original(*args, **cls._translate(kwargs))
        inherited = "__init__" not in vars(cls)
        return super().__call__(*args, **(cls._translate(kwargs) if inherited else kwargs))

    def __instancecheck__(cls, instance: Any) -> bool:
        if "_original" in vars(cls):
            return isinstance(instance, cls._original)
        return super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if "_original" in vars(cls):
            return issubclass(subclass, cls._original)
        return super().__subclasscheck__(subclass)


def look_alike_class(original: type, translate: Translate) -> Any:
    """Return a class that takes old arguments and makes objects of `original`."""

    @functools.wraps(original.__init__)
    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        original.__init__(self, *args, **translate(kwargs))

    initialize.__signature__ = inspect.signature(original.__init__)  # type: ignore[attr-defined]
    body = {
        "__init__": initialize,
        "__doc__": original.__doc__,
        "__module__": original.__module__,
        "__qualname__": original.__qualname__,
    }
    made = LookAlikeType(original.__name__, (original,), body)
    # Last, so that classes derived from it are seen to have none of their own.
    made._original, made._translate = original, staticmethod(translate)
    return made


def _translated(original: Any, translate: Translate) -> Any:
    if isinstance(original, type):
        return look_alike_class(original, translate)

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **translate(kwargs))

    return function


def old_arguments(room: str) -> dict[str, Any]:
    """Return the look-alikes of a room of treadle that take old arguments."""
    module = _ROOMS[room]
    return {
        name: _translated(getattr(module, name), functools.partial(rename, name, renames))
        for name, renames in OLD_ARGUMENTS[room].items()
        if hasattr(module, name)
    }


def old_optimizers() -> dict[str, Any]:
    """Return look-alikes of all optimizers: `lr=`, `decay=` and `epsilon=None` are translated."""
    found = {name: getattr(optimizers, name) for name in optimizers.__all__}
    return {
        name: look_alike_class(cls, functools.partial(_optimizer_arguments, name))
        for name, cls in found.items()
        if isinstance(cls, type)
        and issubclass(cls, optimizers.Optimizer)
        and cls is not optimizers.Optimizer
    }


def _optimizer_arguments(owner: str, given: dict[str, Any]) -> dict[str, Any]:
    kwargs = rename(owner, _OPTIMIZER, given)
    if kwargs.get("epsilon", 0) is None:  # the default, in old Keras
        del kwargs["epsilon"]
    decay = kwargs.pop("decay", None)
    if decay:
        rate = kwargs.get("learning_rate", _default_rate(owner))
        kwargs["learning_rate"] = optimizers.schedules.InverseTimeDecay(rate, 1, decay)
    return kwargs


def _default_rate(owner: str) -> float:
    original = getattr(optimizers, owner)
    return inspect.signature(original.__init__).parameters["learning_rate"].default


def warn(what: str, *, got: str, fix: str, stacklevel: int = 3) -> None:
    """Warn that a slip of the script was read as what was meant."""
    warnings.warn(
        _core.explain(what, got=got, fix=fix), _core.TreadleWarning, stacklevel=stacklevel
    )


class Reduction:
    """The names of reductions of losses, as `keras.losses.Reduction` has them."""

    AUTO = "sum_over_batch_size"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
