"""The algorithms in float64 NumPy, one variable at a time, straight from their papers: what the kernels must equal.

Each reference is a generator of updates: it is sent a gradient and yields the new value of its variable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

Array = np.ndarray
Reference = Generator[Array, tuple[Array, float], None]


def sgd(w: Array, momentum: float = 0.0, nesterov: bool = False) -> Reference:
    m = np.zeros_like(w)
    while True:
        g, lr = yield w
        m = momentum * m - lr * g
        w = w + (momentum * m - lr * g if nesterov else m)


def rmsprop(
    w: Array, rho: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-7, centered: bool = False
) -> Reference:
    v, a, m = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    while True:
        g, lr = yield w
        v = rho * v + (1 - rho) * g**2
        a = rho * a + (1 - rho) * g
        m = momentum * m + lr * g / np.sqrt(v - (a**2 if centered else 0.0) + epsilon)
        w = w - m


def adam(
    w: Array,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
    weight_decay: float = 0.0,
) -> Reference:
    m, v, largest, t = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), 0
    while True:
        g, lr = yield w
        t += 1
        w = w - lr * weight_decay * w
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        largest = np.maximum(largest, v) if amsgrad else v
        size = lr * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w = w - size * m / (np.sqrt(largest) + epsilon)


def adamw(w: Array, weight_decay: float = 0.004, **kwargs: Any) -> Reference:
    return adam(w, weight_decay=weight_decay, **kwargs)


def nadam(w: Array, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> Reference:
    m, v, t, product = np.zeros_like(w), np.zeros_like(w), 0, 1.0
    while True:
        g, lr = yield w
        t += 1
        now = beta_1 * (1 - 0.5 * 0.96**t)
        after = beta_1 * (1 - 0.5 * 0.96 ** (t + 1))
        product *= now
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        ahead = after * m / (1 - product * after) + (1 - now) * g / (1 - product)
        w = w - lr * ahead / (np.sqrt(v / (1 - beta_2**t)) + epsilon)


def adamax(
    w: Array, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7
) -> Reference:
    m, u, t = np.zeros_like(w), np.zeros_like(w), 0
    while True:
        g, lr = yield w
        t += 1
        m = beta_1 * m + (1 - beta_1) * g
        u = np.maximum(beta_2 * u, np.abs(g))
        w = w - lr / (1 - beta_1**t) * m / (u + epsilon)


def adagrad(w: Array, initial_accumulator_value: float = 0.1, epsilon: float = 1e-7) -> Reference:
    total = np.full_like(w, initial_accumulator_value)
    while True:
        g, lr = yield w
        total = total + g**2
        w = w - lr * g / np.sqrt(total + epsilon)


def adadelta(w: Array, rho: float = 0.95, epsilon: float = 1e-7) -> Reference:
    squares, deltas = np.zeros_like(w), np.zeros_like(w)
    while True:
        g, lr = yield w
        squares = rho * squares + (1 - rho) * g**2
        delta = -np.sqrt(deltas + epsilon) / np.sqrt(squares + epsilon) * g
        deltas = rho * deltas + (1 - rho) * delta**2
        w = w + lr * delta


def ftrl(
    w: Array,
    learning_rate_power: float = -0.5,
    initial_accumulator_value: float = 0.1,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
    l2_shrinkage_regularization_strength: float = 0.0,
    beta: float = 0.0,
) -> Reference:
    n, z = np.full_like(w, initial_accumulator_value), np.zeros_like(w)
    power, l1 = -learning_rate_power, l1_regularization_strength
    while True:
        g, lr = yield w
        shrunk = g + 2 * l2_shrinkage_regularization_strength * w
        grown = n + g**2
        z = z + shrunk - (grown**power - n**power) / lr * w
        n = grown
        curvature = n**power / lr + 2 * (l2_regularization_strength + beta / (2 * lr))
        w = np.where(np.abs(z) > l1, (np.sign(z) * l1 - z) / curvature, 0.0)


def lamb(w: Array, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> Reference:
    m, v, t = np.zeros_like(w), np.zeros_like(w), 0
    while True:
        g, lr = yield w
        t += 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        r = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        size, length = np.linalg.norm(w), np.linalg.norm(r)
        w = w - lr * (size / length if size > 0 and length > 0 else 1.0) * r


def lion(w: Array, beta_1: float = 0.9, beta_2: float = 0.99) -> Reference:
    m = np.zeros_like(w)
    while True:
        g, lr = yield w
        w = w - lr * np.sign(beta_1 * m + (1 - beta_1) * g)
        m = beta_2 * m + (1 - beta_2) * g


def adafactor(
    w: Array,
    beta_2_decay: float = -0.8,
    epsilon_1: float = 1e-30,
    epsilon_2: float = 1e-3,
    clip_threshold: float = 1.0,
    relative_step: bool = True,
) -> Reference:
    def rms(x: Array) -> float:
        return float(np.sqrt(np.mean(x**2)))

    r = c = v = None
    t = 0
    while True:
        g, lr = yield w
        t += 1
        rho = min(lr, 1 / math.sqrt(t)) if relative_step else lr
        keep = 1 - t**beta_2_decay
        u = g**2 + epsilon_1
        if w.ndim >= 2:
            r = keep * (0 if r is None else r) + (1 - keep) * u.mean(-1)
            c = keep * (0 if c is None else c) + (1 - keep) * u.mean(-2)
            v = (r / r.mean(-1, keepdims=True))[..., None] * c[..., None, :]
        else:
            v = keep * (0 if v is None else v) + (1 - keep) * u
        update = g / np.sqrt(v)
        update = update / max(1.0, rms(update) / clip_threshold)
        w = w - max(epsilon_2, rms(w)) * rho * update


def schedule_free_adamw(
    w: Array,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    warmup_steps: int = 0,
    weight_decay: float = 0.0,
) -> Reference:
    x, z, v, t, total = w, w, np.zeros_like(w), 0, 0.0
    while True:
        g, lr = yield w
        t += 1
        v = beta_2 * v + (1 - beta_2) * g**2
        size = lr * (min(1.0, t / warmup_steps) if warmup_steps else 1.0)
        z = z - size * (g / (np.sqrt(v / (1 - beta_2**t)) + epsilon) + weight_decay * w)
        total += size**2
        x = x + size**2 / total * (z - x)
        w = (1 - beta_1) * z + beta_1 * x


def muon(
    w: Array,
    momentum: float = 0.95,
    ns_steps: int = 5,
    nesterov: bool = True,
    rms_rate: float | None = 0.2,
    coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
    weight_decay: float = 0.004,
) -> Reference:
    m = np.zeros_like(w)
    a, b, c = coefficients
    while True:
        g, lr = yield w
        w = w - lr * weight_decay * w
        m = momentum * m + g
        x = g + momentum * m if nesterov else m
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (np.linalg.norm(x) + 1e-7)
        for _ in range(ns_steps):
            s = x @ x.T
            x = a * x + (b * s + c * s @ s) @ x
        x = x.T if tall else x
        scale = 1.0 if rms_rate is None else rms_rate * max(w.shape) ** 0.5
        w = w - lr * scale * x


REFERENCES: dict[str, Callable[..., Reference]] = {
    "SGD": sgd,
    "RMSprop": rmsprop,
    "Adam": adam,
    "AdamW": adamw,
    "Nadam": nadam,
    "Adamax": adamax,
    "Adagrad": adagrad,
    "Adadelta": adadelta,
    "Ftrl": ftrl,
    "Lamb": lamb,
    "Lion": lion,
    "Adafactor": adafactor,
    "ScheduleFreeAdamW": schedule_free_adamw,
    "Muon": muon,
}
