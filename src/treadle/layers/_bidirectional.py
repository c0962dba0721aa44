"""A recurrent layer run over a sequence in both directions."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._wrapper import build_inner

_MERGES = ("concat", "sum", "ave", "mul", None)


@FAMILY.member()
class Bidirectional(Layer):
    """Runs one copy of a recurrent layer forward, another one backward, and merges their outputs.

    Args:
        layer: A recurrent layer, such as `LSTM(8)`; it is copied.
        merge_mode: `"concat"`, `"sum"`, `"ave"`, `"mul"`, or None for a list of both outputs.
        weights: The first weights of both directions, a list of arrays.
        backward_layer: The layer for the way back, made with `go_backwards=True`, where it should differ.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: for layers that do not go together.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.Bidirectional(treadle.layers.LSTM(4, return_sequences=True))
        >>> layer(torch.zeros(2, 5, 3)).shape
        torch.Size([2, 5, 8])

    Reference:
        Schuster and Paliwal, 1997, https://doi.org/10.1109/78.650093
    """

    supports_masking = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if merge_mode not in _MERGES:
            raise ValueError(
                _core.explain(
                    "`merge_mode` of Bidirectional is not known.",
                    expected='"concat", "sum", "ave", "mul" or None',
                    got=repr(merge_mode),
                )
            )
        for given in (layer, backward_layer):
            if given is not None and not hasattr(given, "go_backwards"):
                raise ValueError(
                    _core.explain(
                        "Bidirectional takes recurrent layers only.",
                        expected="a layer with go_backwards, return_sequences and return_state",
                        got=f"{type(given).__name__}: {given!r:.60}",
                        fix="treadle.layers.Bidirectional(treadle.layers.LSTM(units))",
                    )
                )
        self.merge_mode = merge_mode
        self.forward_layer = _copied(layer, "forward", {})
        self.backward_layer = (
            _copied(layer, "backward", {"go_backwards": not layer.go_backwards})
            if backward_layer is None
            else backward_layer
        )
        self._check_directions()
        for one in (self.forward_layer, self.backward_layer):
            one.zero_output_for_mask = (
                True  # "the output before" means another step on the way back
            )
        self._start = weights

    def _check_directions(self) -> None:
        ahead, back = self.forward_layer, self.backward_layer
        keys = ("return_sequences", "return_state", "stateful")
        wrong = [key for key in keys if getattr(ahead, key) != getattr(back, key)]
        if ahead.go_backwards == back.go_backwards:
            wrong.append("go_backwards")
        if wrong:
            raise ValueError(
                _core.explain(
                    "The two layers of Bidirectional do not go together.",
                    expected="opposite go_backwards, and else the same arguments",
                    got=", ".join(
                        f"{key}={getattr(ahead, key)} and {getattr(back, key)}" for key in wrong
                    ),
                    fix="make backward_layer with go_backwards=True",
                )
            )

    @property
    def return_sequences(self) -> bool:
        """Whether the outputs of all steps are returned."""
        return self.forward_layer.return_sequences

    @property
    def return_state(self) -> bool:
        """Whether the last states are returned too."""
        return self.forward_layer.return_state

    @property
    def stateful(self) -> bool:
        """Whether states are kept between batches."""
        return self.forward_layer.stateful

    @property
    def go_backwards(self) -> bool:
        """The direction of the first layer."""
        return self.forward_layer.go_backwards

    def build(self, input_shape: Any) -> None:
        """Build both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            layer.path = f"{self.path}/{layer.name}"
            build_inner(layer, input_shape)
        self.built = True
        if self._start is not None:
            self.set_weights(self._start)
            self._start = None

    def call(
        self,
        sequences: torch.Tensor,
        initial_state: Any = None,
        mask: torch.Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        """Return the merged outputs, with the states of both directions behind them if `return_state`."""
        first: dict[str, Any] = {}
        second: dict[str, Any] = {}
        if initial_state is not None:
            half = len(initial_state) // 2
            first["initial_state"] = initial_state[:half]
            second["initial_state"] = initial_state[half:]
        ahead = self.forward_layer(sequences, mask=mask, training=training, **first)
        back = self.backward_layer(sequences, mask=mask, training=training, **second)
        states: list[Any] = []
        if self.return_state:
            states = [*ahead[1:], *back[1:]]
            ahead, back = ahead[0], back[0]
        if self.return_sequences:
            back = back.flip(1)
        merged = self._merge(ahead, back)
        if not self.return_state:
            return merged
        return (*merged, *states) if isinstance(merged, tuple) else (merged, *states)

    def _merge(self, ahead: torch.Tensor, back: torch.Tensor) -> Any:
        mode = self.merge_mode
        if mode == "concat":
            return torch.cat([ahead, back], -1)
        if mode == "sum":
            return ahead + back
        if mode == "ave":
            return (ahead + back) / 2
        return ahead * back if mode == "mul" else (ahead, back)

    def reset_state(self) -> None:
        """Begin the next batch with zeros in both directions."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the input's mask for outputs of all steps; None for states."""
        mask = previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask
        mask = mask if self.return_sequences else None
        outputs = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            sizes = self.forward_layer.state_size
            count = len(sizes) if isinstance(sizes, (list, tuple)) else 1
            return outputs + [None] * (2 * count)
        return outputs if self.merge_mode is None else mask

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the first weights are weights, not configuration."""
        return super().get_config() | {"weights": None}


def _copied(layer: Any, prefix: str, changes: dict[str, Any]) -> Any:
    """Return a new layer of the same configuration, with a name that says its direction."""
    config = layer.get_config() | changes
    name = layer.name.removeprefix("forward_")
    return type(layer).from_config(config | {"name": f"{prefix}_{name}"})
