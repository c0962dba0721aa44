"""Methods that old scripts call on models, layers, optimizers and tensors; there while look-alikes are installed.

They are added to treadle's own classes, not to derived ones, so that every object has them, however it was made.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import torch

from treadle import _core, autodiff, graph, layers, metrics, optimizers, training
from treadle.compat._old_classes import rename, warn
from treadle.compat._shapes import static_shape

_ABSENT: Any = object()
_WORKERS: dict[str, str | None] = {
    "workers": None,
    "use_multiprocessing": None,
    "max_queue_size": None,
}
# What Keras has, beside what treadle's method takes; None: it changes nothing here.
_OLD_ARGUMENTS: dict[str, dict[str, str | None]] = {
    "compile": {
        "loss_weight": "loss_weights",
        "run_eagerly": None,
        "steps_per_execution": None,
        "jit_compile": None,
        "auto_scale_loss": None,
        "experimental_run_tf_function": None,
        "sample_weight_mode": None,
    },
    "fit": {**_WORKERS, "nb_epoch": "epochs"},
    "evaluate": {**_WORKERS},
    "predict": {**_WORKERS},
}


def _takes_old_arguments(method: Callable[..., Any]) -> Callable[..., Any]:
    name = method.__name__
    known = inspect.signature(method).parameters
    renames = {old: new for old, new in _OLD_ARGUMENTS[name].items() if old not in known}

    @functools.wraps(method)
    def translated(self: Any, *args: Any, **kwargs: Any) -> Any:
        if "loss_weight" in kwargs:
            warn(
                "`compile` has no argument `loss_weight`; it was read as `loss_weights`.",
                got="loss_weight=",
                fix="loss_weights=",
            )
        return method(self, *args, **rename(name, renames, kwargs))

    return translated


def _generator_method(name: str) -> Callable[..., Any]:
    def method(self: Any, generator: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs = rename(name, {**_WORKERS, "nb_epoch": "epochs"}, kwargs)
        if args:
            kwargs["steps_per_epoch" if name == "fit" else "steps"] = args[0]
        return getattr(self, name)(generator, *args[1:], **kwargs)

    return method


def _predict_classes(self: Any, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
    scores = self.predict(x, batch_size=batch_size, verbose=verbose)
    if scores.shape[-1] > 1:
        return scores.argmax(axis=-1)
    return (scores > 0.5).astype("int32")


def _name_first(add_weight: Callable[..., Any]) -> Callable[..., Any]:
    """Return `add_weight` for calls of old Keras, whose first argument is the name."""

    @functools.wraps(add_weight)
    def translated(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], str):
            kwargs["name"] = args[0]
            args = args[1:]
        return add_weight(self, *args, **kwargs)

    return translated


def _rate(optimizer: Any) -> Any:
    return optimizer.learning_rate


def _set_rate(optimizer: Any, value: Any) -> None:
    optimizer.learning_rate = value


def _minimize(
    self: Any, loss: Any, var_list: Any, tape: Any = None, name: str | None = None, **unused: Any
) -> None:
    """Take one step against the gradient of a loss, or of what a function returns."""
    made: Any = var_list() if callable(var_list) else var_list
    variables = list(made)
    if callable(loss) and not isinstance(loss, torch.Tensor):
        with autodiff.GradientTape() as tape:
            loss = loss()
    if tape is None:
        raise ValueError(
            _core.explain(
                "`minimize` was given a value without the tape that recorded it.",
                expected="a function that computes the loss, or tape=",
                got="a tensor",
                fix="optimizer.minimize(lambda: compute_loss(), variables)",
            )
        )
    gradients = tape.gradient(loss, variables)
    self.apply_gradients(zip(gradients, variables, strict=True))


_plain_numpy = torch.Tensor.numpy


def _numpy(self: Any, *, force: bool = True) -> np.ndarray:
    """Return the values as an array, also of a tensor that has a gradient or is on another device."""
    return _plain_numpy(self, force=force)


def _set_shape(self: Any, shape: Any) -> None:
    """Raise a ShapeError unless the tensor has that shape."""
    static_shape(self).assert_is_compatible_with(shape)


def _old_methods() -> list[tuple[type, str, Any]]:
    model = training.Trainer
    optimizer = optimizers.Optimizer
    rows: list[tuple[type, str, Any]] = [
        (model, name, _takes_old_arguments(getattr(model, name))) for name in _OLD_ARGUMENTS
    ]
    rows += [
        (model, f"{name}_generator", _generator_method(name))
        for name in ("fit", "evaluate", "predict")
    ]
    rows += [
        (model, "predict_classes", _predict_classes),
        (layers.Layer, "add_weight", _name_first(layers.Layer.add_weight)),
        (layers.Layer, "add_variable", _name_first(layers.Layer.add_weight)),
        (metrics.Metric, "add_weight", _name_first(metrics.Metric.add_weight)),
        (optimizer, "lr", property(_rate, _set_rate)),
        (optimizer, "minimize", _minimize),
        (torch.Tensor, "numpy", _numpy),
        (torch.Tensor, "get_shape", static_shape),
        (torch.Tensor, "set_shape", _set_shape),
        (graph.SymbolicTensor, "get_shape", static_shape),
        (graph.SymbolicTensor, "set_shape", _set_shape),
    ]
    return rows


@contextlib.contextmanager
def old_methods() -> Generator[None]:
    """Add the methods of old scripts inside the block; everything is put back afterwards."""
    before: list[tuple[type, str, Any]] = []
    try:
        for owner, name, method in _old_methods():
            before.append((owner, name, vars(owner).get(name, _ABSENT)))
            setattr(owner, name, method)
        yield
    finally:
        for owner, name, method in reversed(before):
            if method is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, method)
