"""`Normalization`: shifts and scales features by the mean and variance of data that it has seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core
from treadle.layers._context import context
from treadle.layers._family import FAMILY
from treadle.layers._features._adapting import numbers_of
from treadle.layers._layer import Layer

_CHUNK = 2**22  # numbers in float64 at a time: 32 MiB


@FAMILY.member()
class Normalization(Layer):
    """Computes `(x - mean) / sqrt(variance)` with statistics of the features, from `adapt` or given.

    A feature that never changes is only shifted: it has no scale.

    Args:
        axis: The axis, or axes, along which each index has statistics of its own; None for one mean and
            variance of everything. The batch axis cannot be among them.
        mean: The mean, a number or an array of the kept axes' shape; `adapt` is then not needed.
        variance: The variance, likewise.
        invert: Whether to undo the normalization: `x * sqrt(variance) + mean`.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        StateError: when it is called on data before it was adapted.
        ValueError: for a mean without a variance, and for axes that do not fit.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.Normalization()
        >>> layer.adapt(torch.tensor([[0.0, 7.0], [2.0, 7.0]]))
        >>> layer(torch.tensor([[2.0, 8.0]]))
        tensor([[1., 1.]])

    Reference:
        Keras 3 API, `keras.layers.Normalization`; Chan et al., 1983, for the merge of moments.
    """

    _plain_call = True
    _casts_integers = True
    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.invert = bool(invert)
        self._dtype = _core.torch_dtype(self.compute_dtype)
        # Statistics in half precision would lose what they are for.
        self._statistics_dtype = torch.promote_types(_core.torch_dtype(self.dtype), torch.float32)
        if (mean is None) != (variance is None):
            raise ValueError(
                _core.explain(
                    "Normalization needs a mean and a variance.",
                    expected="both `mean` and `variance`, or neither of them",
                    got=f"`{'mean' if variance is None else 'variance'}` only",
                )
            )
        self._given = None if mean is None else (_tensor(mean), _tensor(variance))
        self._ready = False

    def build(self, input_shape: Any) -> None:
        """Make the statistics, of the shape of the kept axes."""
        kept = _kept_axes(self, input_shape)
        shape = tuple(int(input_shape[axis]) for axis in kept)
        self._broadcast = tuple(
            int(input_shape[axis]) if axis in kept else 1 for axis in range(len(input_shape))
        )
        if self._given is None:
            dtype = _core.standardize_dtype(self._statistics_dtype)
            self.mean = self.add_weight(shape, "zeros", dtype, trainable=False, name="mean")
            self.variance = self.add_weight(shape, "ones", dtype, trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", "int64", trainable=False, name="count")
        else:
            for name, value in zip(("mean", "variance"), self._given, strict=True):
                fitted = _broadcast(self, name, value, shape).to(self._statistics_dtype)
                self.register_buffer(name, fitted, persistent=False)
            self._ready = True
        self.built = True

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn mean and variance from data, in place of what was learned before.

        Args:
            data: An array or tensor of shape (samples, ...), or an iterable of batches (no targets).
            steps: How many batches of an iterable to read; all by default.

        Raises:
            DataError: for no data, for NaN or infinity, for batches with targets.
            StateError: when mean and variance were given to the constructor.
        """
        if self._given is not None:
            raise _core.StateError(
                _core.explain(
                    f"Normalization {self.name!r} has its statistics already.",
                    expected="a layer without `mean` and `variance` to adapt",
                    got="both were given to the constructor",
                    fix="treadle.layers.Normalization(axis=...).adapt(data)",
                )
            )
        total, shape = None, None
        for batch in numbers_of(self, data, steps):
            if not self.built:
                self.build((None, *batch.shape[1:]))
                self._build_shape = (None, *batch.shape[1:])
            shape = shape or tuple(batch.shape[1:])
            _check_shape(self, tuple(batch.shape[1:]), shape)
            for chunk in batch.split(max(1, _CHUNK // max(1, math.prod(shape)))):
                total = merge(total, moments(chunk, _kept_axes(self, batch.shape)))
        assert total is not None  # an empty iterable has raised
        count, mean, squares = total
        if not bool(torch.isfinite(mean).all() and torch.isfinite(squares).all()):
            raise _core.DataError(
                _core.explain(
                    f"Normalization {self.name!r} cannot adapt to these data.",
                    expected="finite numbers",
                    got="NaN or infinity",
                    fix="drop those rows, or fill them: np.nan_to_num(x)",
                )
            )
        variance = squares / count
        # Rounding leaves a constant feature with a variance of the order of (1e-16 * mean) ** 2.
        variance = variance.where(variance > (1e-12 * mean).square(), 0.0)
        self.mean.assign(mean)
        self.variance.assign(variance)
        self.count.assign(min(int(count), 2**31 - 1))
        self._ready = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the normalized `inputs`, of the same shape, in the compute dtype."""
        if not self._ready:
            self._check_adapted()
        mean = self.mean.view(self._broadcast)
        deviation = self.variance.view(self._broadcast).sqrt()
        deviation = deviation.where(deviation > 0, 1.0)
        y = inputs * deviation + mean if self.invert else (inputs - mean) / deviation
        return y.to(self._dtype)

    def _check_adapted(self) -> None:
        """Raise unless the statistics have been learned, set or loaded; shapes may be tried before."""
        if context.probing:
            return
        same = not bool(self.mean.any()) and bool((self.variance == 1).all())
        if same and not int(self.count):
            raise _core.StateError(
                _core.explain(
                    f"Normalization {self.name!r} was never adapted: it would change nothing.",
                    expected="statistics of the training data",
                    got="none",
                    fix="layer.adapt(x_train) before the model is used, or load weights; "
                    "Normalization(mean=0.0, variance=1.0) if nothing is to change",
                )
            )
        self._ready = True

    def finalize_state(self) -> None:
        """Do nothing: the statistics are used as they are. Keras's layers have this method."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return super().get_config() | {"axis": list(self.axis) if self.axis else None}


Moments = tuple[float, torch.Tensor, torch.Tensor]


def moments(batch: torch.Tensor, kept: Sequence[int]) -> Moments:
    """Return count, mean and sum of squared deviations over all axes but `kept`, in float64."""
    values = batch.to(torch.float64)
    reduced = [axis for axis in range(values.dim()) if axis not in kept]
    count = math.prod(values.shape[axis] for axis in reduced)
    mean = values.mean(reduced, keepdim=True)
    squares = (values - mean).square().sum(reduced)
    return float(count), mean.sum(reduced), squares


def merge(a: Moments | None, b: Moments) -> Moments:
    """Return the moments of two parts together, without the cancellation of sums of squares."""
    if a is None:
        return b
    count = a[0] + b[0]
    delta = b[1] - a[1]
    mean = a[1] + delta * (b[0] / count)
    return count, mean, a[2] + b[2] + delta.square() * (a[0] * b[0] / count)


def _tensor(value: Any) -> torch.Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _kept_axes(layer: Normalization, shape: Any) -> list[int]:
    """Return the axes with statistics of their own, in order, counted from the front."""
    rank = len(shape)
    kept = sorted(axis % rank if -rank <= axis < rank else rank for axis in layer.axis)
    fix = "Normalization(axis=None) for one mean and variance of everything"
    if kept and (kept[0] == 0 or kept[-1] == rank or len(set(kept)) < len(kept)):
        raise ValueError(
            _core.explain(
                f"`axis` of Normalization {layer.name!r} does not fit its input.",
                expected=f"different axes of an input of {rank} dimensions, not the batch axis 0",
                got=f"axis={layer.axis}",
                fix=fix,
            )
        )
    for axis in kept:
        if shape[axis] is None:
            raise _core.ShapeError(
                _core.explain(
                    f"Normalization {layer.name!r} cannot be built.",
                    expected=f"an input whose size along axis {axis} is known",
                    got=f"shape {tuple(shape)}",
                    fix=fix,
                )
            )
    return kept


def _check_shape(layer: Normalization, got: tuple[int, ...], first: tuple[int, ...]) -> None:
    built = tuple(layer._broadcast[1:])
    fits = len(got) == len(built) and all(
        b in (1, g) or g == b for g, b in zip(got, built, strict=True)
    )
    if not fits or len(got) != len(first):
        raise _core.ShapeError(
            _core.explain(
                f"Normalization {layer.name!r} cannot adapt to these data.",
                expected=f"samples of shape {first}, statistics of shape {tuple(layer.mean.shape)}",
                got=f"samples of shape {got}",
            )
        )


def _broadcast(
    layer: Normalization, name: str, value: torch.Tensor, shape: tuple[int, ...]
) -> torch.Tensor:
    try:
        return value.broadcast_to(shape).clone()
    except RuntimeError as error:
        raise ValueError(
            _core.explain(
                f"`{name}` of Normalization {layer.name!r} does not fit its input.",
                expected=f"a number, or an array of shape {shape}",
                got=f"shape {tuple(value.shape)}",
            )
        ) from error
