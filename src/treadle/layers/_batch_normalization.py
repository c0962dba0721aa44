"""Batch normalization on torch's fused kernel, with Keras's moving statistics.

Keras moves the biased batch variance into the moving variance, torch's kernel the unbiased one, which is corrected
afterwards.
"""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.layers._batch_moments import masked_moments, renormalized, synchronized_moments
from treadle.layers._checks import check_features, fraction, positive_number
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._training_mode import is_training, watch_gradients


@FAMILY.member()
class BatchNormalization(Layer):
    """Normalizes each feature: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.

    In training, mean and variance are the batch's, and the moving ones follow:
    `moving = moving * momentum + batch * (1 - momentum)`. In inference, and while `trainable` is False, the moving
    ones are used.

    Args:
        axis: The axis of the features; all others are averaged over.
        momentum: How slowly the moving statistics follow, in [0, 1].
        epsilon: Added to the variance, > 0.
        center: Whether to add `beta`.
        scale: Whether to multiply by `gamma`.
        beta_initializer: How `beta`, of shape (features,), starts.
        gamma_initializer: How `gamma` starts.
        moving_mean_initializer: How the moving mean starts.
        moving_variance_initializer: How the moving variance starts.
        beta_regularizer: A penalty on `beta`.
        gamma_regularizer: A penalty on `gamma`.
        beta_constraint: A projection of `beta` after each update.
        gamma_constraint: A projection of `gamma` after each update.
        renorm: Whether to correct the batch's statistics towards the moving ones (batch renormalization).
        renorm_clipping: Bounds of the correction: a dict with some of `"rmin"`, `"rmax"`, `"dmax"`.
        renorm_momentum: Momentum of the statistics that the correction uses.
        synchronized: Whether the batch is the one of all processes together.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Call arguments: `training`; `mask`, of shape (batch, ...): positions that do not count for the statistics.

    Raises:
        ShapeError: for an input of another number of features.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.BatchNormalization(momentum=0.5)
        >>> layer(torch.tensor([[1.0], [3.0]]), training=True)
        tensor([[-0.9995],
                [ 0.9995]], grad_fn=<...>)
        >>> layer.moving_mean.numpy(), layer.moving_variance.numpy()
        (array([1.], dtype=float32), array([1.], dtype=float32))

    Reference:
        Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167; Ioffe, 2017, https://arxiv.org/abs/1702.03275
    """

    _plain_call = True  # asks the context itself when `training` is not given
    supports_masking = True

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = int(axis)
        self.momentum = fraction("BatchNormalization", "momentum", momentum)
        self.epsilon = positive_number("BatchNormalization", "epsilon", epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self._gamma_arguments = {
            "initializer": gamma_initializer,
            "regularizer": gamma_regularizer,
            "constraint": gamma_constraint,
        }
        self._beta_arguments = {
            "initializer": beta_initializer,
            "regularizer": beta_regularizer,
            "constraint": beta_constraint,
        }
        self._moving_initializers = moving_mean_initializer, moving_variance_initializer
        self.renorm, self.synchronized = bool(renorm), bool(synchronized)
        self.renorm_clipping = _checked_clipping(renorm_clipping)
        self.renorm_momentum = fraction("BatchNormalization", "renorm_momentum", renorm_momentum)
        self._fused = not (self.renorm or self.synchronized)

    def build(self, input_shape: Any) -> None:
        """Make gamma, beta and the moving statistics, each (features,)."""
        rank = len(input_shape)
        if not -rank <= self.axis < rank or self.axis % rank == 0:
            raise _core.ShapeError(
                _core.explain(
                    f"`axis` of BatchNormalization {self.name!r} does not fit its input.",
                    expected="an axis of the input other than the batch",
                    got=f"axis={self.axis}, shape {tuple(input_shape)}",
                )
            )
        size = self._features = check_features(self, input_shape, self.axis)
        self._rank = rank
        self.gamma = (
            self.add_weight((size,), name="gamma", **self._gamma_arguments) if self.scale else None
        )
        self.beta = (
            self.add_weight((size,), name="beta", **self._beta_arguments) if self.center else None
        )
        mean, variance = self._moving_initializers
        self.moving_mean = self.add_weight((size,), mean, trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(
            (size,), variance, trainable=False, name="moving_variance"
        )
        if self.renorm:
            for name in ("moving_stddev", "renorm_mean", "renorm_stddev"):
                start = mean if name == "renorm_mean" else variance
                setattr(self, name, self.add_weight((size,), start, trainable=False, name=name))
        self.built = True

    def call(
        self,
        inputs: torch.Tensor,
        training: bool | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the normalized `inputs`, of the same shape."""
        if inputs.dim() != self._rank or inputs.shape[self.axis] != self._features:
            raise self._wrong_input(inputs)
        if training is None:
            training = is_training(self)
        learns = self._trainable
        # torch's kernels take the features on axis 1; for (batch, height, width, features) that is a view.
        x = inputs if self._rank == 2 else inputs.movedim(self.axis, 1)
        if not training or not learns:
            x = self._inference(x)
        elif self._fused and mask is None:
            x = self._fused_training(x)
        else:
            x = self._general(x, mask)
        outputs = x if self._rank == 2 else x.movedim(1, self.axis)
        return outputs if training or not learns else watch_gradients(self, outputs)

    def _inference(self, x: torch.Tensor) -> torch.Tensor:
        return torch.batch_norm(
            x,
            self.gamma,
            self.beta,
            self.moving_mean,
            self.moving_variance,
            False,
            0.0,
            self.epsilon,
            torch.backends.cudnn.enabled,
        )

    def _fused_training(self, x: torch.Tensor) -> torch.Tensor:
        count = x.numel() // self._features
        if count < 2:  # the unbiased variance of one value is not defined
            return self._general(x, None)
        mean, variance = self.moving_mean, self.moving_variance
        kept = variance * self.momentum
        outputs = torch.batch_norm(
            x,
            self.gamma,
            self.beta,
            # The backward pass saves these without using them: as `.data`, later updates are no conflict.
            mean.data,
            variance.data,
            True,
            1 - self.momentum,
            self.epsilon,
            torch.backends.cudnn.enabled,
        )
        # The kernel has added the unbiased variance, count / (count - 1) times the biased one.
        variance.lerp_(kept, 1 / count)
        return outputs

    def _move(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        rate = 1 - self.momentum
        self.moving_mean.lerp_(mean.to(self.moving_mean.dtype), rate)
        self.moving_variance.lerp_(variance.to(self.moving_variance.dtype), rate)

    def _general(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Normalize with masks, across processes or with renormalization; x is (batch, features, ...)."""
        mean, variance = (
            synchronized_moments(x, mask) if self.synchronized else masked_moments(x, mask)
        )
        r = d = None
        if self.renorm:
            r, d = renormalized(self, mean.detach(), variance.detach())
        else:
            self._move(mean.detach(), variance.detach())
        shape = (1, -1) + (1,) * (x.dim() - 2)
        factor = torch.rsqrt(variance + self.epsilon)
        normal = (x.to(mean.dtype) - mean.view(shape)) * factor.view(shape)
        if r is not None and d is not None:
            normal = normal * r.view(shape) + d.view(shape)
        if self.gamma is not None:
            normal = normal * self.gamma.view(shape)
        if self.beta is not None:
            normal = normal + self.beta.view(shape)
        return normal.to(x.dtype)

    def _wrong_input(self, inputs: torch.Tensor) -> _core.ShapeError:
        return _core.ShapeError(
            _core.explain(
                f"The input of BatchNormalization {self.name!r} does not fit.",
                expected=f"{self._rank} dimensions with {self._features} features on axis {self.axis}",
                got=f"shape {tuple(inputs.shape)}",
                fix="check `axis`, or make a new layer for this shape",
            )
        )


def _checked_clipping(clipping: dict[str, float] | None) -> dict[str, float]:
    unknown = set(clipping or {}) - {"rmin", "rmax", "dmax"}
    if unknown:
        raise ValueError(
            _core.explain(
                "`renorm_clipping` of BatchNormalization has unknown keys.",
                expected='"rmin", "rmax", "dmax"',
                got=", ".join(map(repr, sorted(unknown))),
            )
        )
    return dict(clipping or {})
