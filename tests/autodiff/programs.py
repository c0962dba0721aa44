"""Programs that run eagerly and as functions, and must come to the same: one row each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import treadle

BATCH = 16


def _mlp(*extra: Any) -> treadle.Sequential:
    layers = treadle.layers
    return treadle.Sequential(
        [
            treadle.Input((12,)),
            layers.Dense(8, activation="relu", kernel_regularizer="l2"),
            *extra,
            layers.Dense(4),
        ]
    )


def _classifier(model: Any, optimizer: Any, *, losses: bool = False) -> tuple[Any, list[Any]]:
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = treadle.metrics.SparseCategoricalAccuracy()

    def step(x, y):
        with treadle.GradientTape() as tape:
            logits = model(x, training=True)
            loss = loss_fn(y, logits)
            if losses:
                loss += sum(model.losses)
        grads = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(grads, model.trainable_weights, strict=True))
        metric.update_state(y, logits)
        return loss

    return step, [*model.weights, *metric.variables, *optimizer.variables]


def _with(optimizer: Callable[[], Any], *extra: Callable[[], Any], losses: bool = False) -> Any:
    def make() -> tuple[Any, list[Any]]:
        model, made = _mlp(*(layer() for layer in extra)), optimizer()
        made.build(model.trainable_weights)
        return _classifier(model, made, losses=losses)

    return make


def _gan() -> tuple[Any, list[Any]]:
    layers = treadle.layers
    discriminator = treadle.Sequential(
        [treadle.Input((12,)), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(1)]
    )
    generator = treadle.Sequential(
        [treadle.Input((5,)), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(12, "sigmoid")]
    )
    d_optimizer, g_optimizer = treadle.optimizers.Adam(3e-3), treadle.optimizers.Adam(4e-3)
    loss_fn = treadle.losses.BinaryCrossentropy(from_logits=True)

    def step(real, _):
        fake = generator(torch.randn(BATCH, 5))
        combined = torch.cat([fake, real], 0)
        labels = torch.cat([torch.ones(BATCH, 1), torch.zeros(real.shape[0], 1)], 0)
        labels = labels + 0.05 * torch.rand(labels.shape)
        with treadle.GradientTape() as tape:
            d_loss = loss_fn(labels, discriminator(combined))
        grads = tape.gradient(d_loss, discriminator.trainable_weights)
        d_optimizer.apply_gradients(zip(grads, discriminator.trainable_weights, strict=True))
        with treadle.GradientTape() as tape:
            g_loss = loss_fn(torch.zeros(BATCH, 1), discriminator(generator(torch.randn(BATCH, 5))))
        grads = tape.gradient(g_loss, generator.trainable_weights)
        g_optimizer.apply_gradients(zip(grads, generator.trainable_weights, strict=True))
        return {"d": d_loss, "g": g_loss, "images": fake.detach()}

    return step, [*generator.weights, *discriminator.weights]


def _torch_loop(optimizer: Callable[[Any], Any], zero_last: bool = False) -> Any:
    def make() -> tuple[Any, list[Any]]:
        model = nn.Sequential(nn.Linear(12, 8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 4))
        made = optimizer(list(model.parameters()))

        def step(x, y):
            if not zero_last:
                made.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            made.step()
            if zero_last:
                made.zero_grad()
            return loss.detach()

        return step, list(model.parameters())

    return make


def _built_adam(parameters: list[Any]) -> Any:
    optimizer = treadle.optimizers.Adam(1e-2)
    optimizer.build(parameters)
    return optimizer


def _penalty() -> tuple[Any, list[Any]]:
    model = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = treadle.optimizers.SGD(0.05)

    def step(x, _):
        x = x * 1.0
        with treadle.GradientTape() as outer:
            with treadle.GradientTape() as inner:
                inner.watch(x)
                score = model(x).sum()
            slope = inner.gradient(score, x)
            loss = (slope.norm(dim=1) - 1).square().mean()
        weights = [model[0].weight, model[2].weight]
        optimizer.apply(outer.gradient(loss, weights), weights)
        return loss

    return step, list(model.parameters())


def _convolution() -> tuple[Any, list[Any]]:
    layers = treadle.layers
    model = treadle.Sequential(
        [
            treadle.Input((12,)),
            layers.Reshape((2, 6, 1)),
            layers.Conv2D(3, (2, 3), padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.GlobalMaxPooling2D(),
            layers.Dense(4),
        ]
    )
    optimizer = treadle.optimizers.RMSprop(1e-3)
    optimizer.build(model.trainable_weights)
    return _classifier(model, optimizer)


_optimizers = treadle.optimizers
_schedule = treadle.optimizers.schedules.ExponentialDecay

PROGRAMS: dict[str, Callable[[], tuple[Any, list[Any]]]] = {
    "sgd": _with(lambda: _optimizers.SGD(0.1, momentum=0.9)),
    "adam": _with(lambda: _optimizers.Adam(1e-2)),
    "losses of layers": _with(lambda: _optimizers.Adam(1e-2), losses=True),
    "schedule": _with(lambda: _optimizers.Adam(_schedule(0.1, 3, 0.5))),
    "clipping and average": _with(lambda: _optimizers.SGD(0.1, clipnorm=0.1, use_ema=True)),
    "accumulation": _with(lambda: _optimizers.SGD(0.1, gradient_accumulation_steps=3)),
    "dropout": _with(lambda: _optimizers.Adam(1e-2), lambda: treadle.layers.Dropout(0.5)),
    "dropout with a seed": _with(
        lambda: _optimizers.Adam(1e-2), lambda: treadle.layers.Dropout(0.5, seed=3)
    ),
    "batch norm": _with(lambda: _optimizers.Adam(1e-2), treadle.layers.BatchNormalization),
    "convolution": _convolution,
    "gan": _gan,
    "gradient penalty": _penalty,
    "backward and a treadle optimizer": _torch_loop(_built_adam),
    "zero_grad at the end": _torch_loop(_built_adam, zero_last=True),
    "backward and torch.optim.Adam": _torch_loop(lambda p: torch.optim.Adam(p, 1e-2)),
    "backward and torch.optim.SGD": _torch_loop(
        lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9, fused=True)
    ),
}
