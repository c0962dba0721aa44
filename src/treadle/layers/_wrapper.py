"""Layers around a layer: the base of all wrappers, and spectral normalization."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from treadle import _core, graph
from treadle.layers._call import build, finish_building
from treadle.layers._checks import positive_int
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._training_mode import is_training


@FAMILY.member()
class Wrapper(Layer):
    """The base of layers that hold another layer; a subclass says in `call` what happens around it.

    Args:
        layer: The layer (or torch module) inside.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        TypeError: when `layer` is not a module.

    Example:
        >>> import torch, treadle
        >>> class Twice(treadle.layers.Wrapper):
        ...     def call(self, inputs):
        ...         return 2 * self.layer(inputs)
        >>> Twice(treadle.layers.ReLU())(torch.tensor([-1.0, 1.0]))
        tensor([0., 2.])

    Reference:
        Keras 3 API, `keras.layers.Wrapper`.
    """

    def __init__(self, layer: nn.Module, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, nn.Module):
            raise TypeError(
                _core.explain(
                    f"{type(self).__name__} wraps layers only.",
                    expected="an instance of Layer or of torch.nn.Module",
                    got=f"{type(layer).__name__}: {layer!r:.60}",
                )
            )
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside."""
        build_inner(self.layer, input_shape)
        self.built = True


def build_inner(layer: nn.Module, input_shape: Any) -> None:
    """Build a layer inside another one, unless it is built or needs no building."""
    if isinstance(layer, Layer) and not layer.built:
        with graph.real_tensors():
            build(layer, input_shape)
        finish_building(layer)


@FAMILY.member()
class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value, so that the layer's slope is at most 1.

    The singular value is followed by power iteration, `power_iterations` steps in each training call.

    Args:
        layer: A layer with a `kernel` or `embeddings`.
        power_iterations: The steps per call, an integer > 0.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: when the layer has no kernel.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.SpectralNormalization(treadle.layers.Dense(1, use_bias=False), 5)
        >>> x = torch.eye(3)
        >>> round(float(layer(x, training=True).detach().norm()), 4)
        1.0

    Reference:
        Miyato et al., 2018, https://arxiv.org/abs/1802.05957
    """

    def __init__(self, layer: nn.Module, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.power_iterations = positive_int(
            "SpectralNormalization", "power_iterations", power_iterations
        )

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside, and make the left singular vector (1, out)."""
        super().build(input_shape)
        self._key = next((key for key in ("kernel", "embeddings") if hasattr(self.layer, key)), "")
        if not self._key:
            raise ValueError(
                _core.explain(
                    f"SpectralNormalization {self.name!r} finds nothing to normalize.",
                    expected="a layer with a weight `kernel` or `embeddings`",
                    got=type(self.layer).__name__,
                )
            )
        kernel = getattr(self.layer, self._key)
        # Also registered here, before the vector: the order in which Keras lists the weights.
        setattr(self, self._key, kernel)
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]), "truncated_normal", trainable=False, name="vector_u"
        )
        self.built = True

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Return the wrapped layer's output with the normalized kernel."""
        if training is None:
            training = is_training(self)
        kernel = getattr(self.layer, self._key)
        matrix = kernel.reshape(-1, kernel.shape[-1])
        with torch.no_grad():
            u, v = self._iterate(matrix.detach(), self.power_iterations if training else 1)
            if training:
                self.vector_u.copy_(u)
            u = (
                u.clone()
            )  # the buffer changes before the backward pass when a layer is called twice
        sigma = (v @ matrix @ u.t()).squeeze()
        normal = torch.where(sigma.detach() == 0, kernel, kernel / sigma)
        return torch.func.functional_call(self.layer, {self._key: normal}, (inputs,))

    def _variables_in_files(self) -> list[torch.Tensor]:
        """Return the own variables as Keras has them: it counts the kernel inside among them."""
        return [getattr(self.layer, self._key), self.vector_u] if self.built else []

    def _iterate(self, matrix: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the singular vectors u (1, out) and v (1, in) after some steps from the stored u."""
        u = self.vector_u.to(matrix.dtype)
        v = nn.functional.normalize(u @ matrix.t(), dim=-1)
        for _ in range(steps):
            v = nn.functional.normalize(u @ matrix.t(), dim=-1)
            u = nn.functional.normalize(v @ matrix, dim=-1)
        return u, v
