"""`Discretization`: numbers as the bins that they fall into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.layers._checks import choice, positive_int
from treadle.layers._context import context
from treadle.layers._family import FAMILY
from treadle.layers._features._adapting import numbers_of
from treadle.layers._features._category_encoding import (
    VECTORS,
    encode,
    output_dtypes,
    reject_sparse,
)
from treadle.layers._features._quantiles import QuantileSketch
from treadle.layers._layer import Layer


@FAMILY.member()
class Discretization(Layer):
    """Replaces each number by the index of its bin; boundaries are given, or learned so that bins are equally full.

    Boundaries (b0, b1, ...) make the bins (-inf, b0), [b0, b1), ... [bn, inf).

    Args:
        bin_boundaries: The boundaries, in increasing order.
        num_bins: The number of bins that `adapt` is to find boundaries for, instead.
        epsilon: How far from equally full the bins may be, as a fraction of all values; few values are divided
            exactly.
        output_mode: `"int"`, the indices; `"one_hot"`, `"multi_hot"` or `"count"`, vectors of them
            (see `CategoryEncoding`).
        sparse: Must be False.
        dtype: The dtype of the inputs and of vectors; an integer dtype is that of the output.
        name: A name.

    Raises:
        StateError: when it is called on data without boundaries.
        ValueError: for boundaries that do not increase, and unless one of the two is given.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.Discretization(num_bins=3)
        >>> layer.adapt(torch.arange(9.0))
        >>> layer.bin_boundaries, layer(torch.tensor([-1.0, 3.0, 5.5, 100.0]))
        ([2.0, 5.0], tensor([0, 1, 2, 2]))

    Reference:
        Keras 3 API, `keras.layers.Discretization`.
    """

    _plain_call = True

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)
        reject_sparse("Discretization", sparse)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                _core.explain(
                    "Discretization needs bins.",
                    expected="either `bin_boundaries`, or `num_bins` and adapt(data)",
                    got="neither" if num_bins is None else "both",
                )
            )
        if not 0 < epsilon < 1:
            raise ValueError(
                _core.explain(
                    "`epsilon` of Discretization cannot be used.",
                    expected="a number between 0 and 1",
                    got=repr(epsilon),
                )
            )
        self.num_bins = (
            None if num_bins is None else positive_int("Discretization", "num_bins", num_bins)
        )
        self.epsilon = float(epsilon)
        self.output_mode = choice("Discretization", "output_mode", output_mode, ("int", *VECTORS))
        self._dtype, self._index_dtype = output_dtypes(self)
        self._given = bin_boundaries is not None
        self.register_buffer("_boundaries", None, persistent=False)
        if bin_boundaries is not None:
            self._set(np.asarray(bin_boundaries, dtype=np.float64).reshape(-1))

    @property
    def bin_boundaries(self) -> list[float] | None:
        """The boundaries, or None before `adapt`."""
        boundaries: Any = self._boundaries
        return None if boundaries is None else boundaries.tolist()

    def _set(self, boundaries: np.ndarray) -> None:
        if not (np.isfinite(boundaries).all() and (np.diff(boundaries) >= 0).all()):
            raise ValueError(
                _core.explain(
                    "`bin_boundaries` of Discretization cannot be used.",
                    expected="finite numbers in increasing order",
                    got=f"{boundaries.tolist()!r:.60}",
                    fix="sorted(bin_boundaries)",
                )
            )
        old: Any = self._boundaries
        device = None if old is None else old.device
        self._boundaries = torch.tensor(boundaries, dtype=torch.float32, device=device)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find boundaries between which equally many values of `data` lie.

        Args:
            data: An array or tensor of any shape, or an iterable of them (no targets).
            steps: How many batches of an iterable to read; all by default.

        Raises:
            DataError: for no data, for NaN, for batches with targets.
            StateError: when the boundaries were given to the constructor.
        """
        if self._given or self.num_bins is None:
            raise _core.StateError(
                _core.explain(
                    f"Discretization {self.name!r} has its boundaries already.",
                    expected="a layer made with `num_bins` to adapt",
                    got="one made with `bin_boundaries`",
                    fix="treadle.layers.Discretization(num_bins=...)",
                )
            )
        sketch = QuantileSketch(self.epsilon)
        for batch in numbers_of(self, data, steps):
            values = batch.float().numpy().reshape(-1)
            if np.isnan(values).any():
                raise _core.DataError(
                    _core.explain(
                        f"Discretization {self.name!r} cannot adapt to these data.",
                        expected="numbers",
                        got="NaN",
                        fix="drop those rows, or fill them: np.nan_to_num(x)",
                    )
                )
            sketch.add(values)
        fractions = np.arange(1, self.num_bins) / self.num_bins
        self._set(sketch.quantiles(fractions))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return bins of the shape of `inputs`, or vectors of them."""
        boundaries: Any = self._boundaries
        if boundaries is None:
            boundaries = self._without_boundaries(inputs)
        inputs = inputs if inputs.is_floating_point() else inputs.to(boundaries.dtype)
        bins = torch.bucketize(inputs, boundaries.to(inputs.dtype), right=True)
        if self.output_mode == "int":
            return bins.to(self._index_dtype)
        depth = self.num_bins or boundaries.shape[0] + 1
        return encode(bins, depth, self.output_mode, self._dtype)

    def _without_boundaries(self, inputs: torch.Tensor) -> torch.Tensor:
        if context.probing:  # only shapes are asked for
            return inputs.new_zeros(0)
        raise _core.StateError(
            _core.explain(
                f"Discretization {self.name!r} has no bins yet.",
                expected="boundaries from adapt(data)",
                got="none",
                fix="layer.adapt(x_train) before the model is used",
            )
        )

    def finalize_state(self) -> None:
        """Do nothing: `adapt` sets the boundaries. Keras's layers have this method."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the boundaries that were learned."""
        config = super().get_config()
        del config["trainable"]  # neither has Keras
        return config | {"bin_boundaries": self.bin_boundaries}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return a new layer; boundaries that were learned come along."""
        boundaries = config.get("bin_boundaries")
        if boundaries is None or config.get("num_bins") is None:
            return super().from_config(config)
        layer = super().from_config({**config, "bin_boundaries": None})
        layer._set(np.asarray(boundaries, dtype=np.float64).reshape(-1))
        return layer
