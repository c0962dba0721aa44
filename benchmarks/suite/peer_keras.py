"""Keras on whatever backend KERAS_BACKEND names, and treadle, which takes the same code: `fit` with accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _data import LENGTH, ONE_REPEATED, VOCABULARY, WORK


def models(keras: Any) -> dict[str, Callable[[], Any]]:
    """Return the models of all workloads."""
    layers = keras.layers

    def mlp(width: int) -> Any:
        return [
            layers.Dense(width, activation="relu"),
            layers.Dense(width, activation="relu"),
            layers.Dense(10),
        ]

    def transformer() -> Any:
        tokens = keras.Input((LENGTH,), dtype="int32")
        x = layers.Embedding(VOCABULARY, 64)(tokens)
        attended = layers.MultiHeadAttention(4, 16)(x, x)
        x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, attended]))
        fed = layers.Dense(64)(layers.Dense(256, activation="relu")(x))
        x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, fed]))
        return keras.Model(tokens, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))

    def convnet() -> Any:
        return [
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]

    def lstm() -> Any:
        return [layers.Embedding(VOCABULARY, 64), layers.LSTM(64), layers.Dense(2)]

    def sequential(workload: str, parts: Callable[[], Any]) -> Callable[[], Any]:
        work = WORK[workload]
        kind = {"dtype": "int32"} if work.tokens else {}
        return lambda: keras.Sequential([keras.Input(work.sample, **kind), *parts()])

    perceptrons = ("mlp", "evaluate", "predict", "predict one")
    found = {name: sequential(name, lambda: mlp(64)) for name in perceptrons}
    return found | {
        "wide": sequential("wide", lambda: mlp(2048)),
        "convnet": sequential("convnet", convnet),
        "lstm": sequential("lstm", lstm),
        "transformer": transformer,
    }


def make(
    workload: str, steps_per_execution: str = "1", **compile_arguments: Any
) -> Callable[[], Any]:
    """Return one round of `fit`, `evaluate` or `predict`."""
    import keras

    return rounds(
        keras, workload, steps_per_execution=int(steps_per_execution), **compile_arguments
    )


def rounds(keras: Any, workload: str, **compile_arguments: Any) -> Callable[[], Any]:
    """Return one round with `keras`, or what takes its place."""
    keras.utils.set_random_seed(0)
    work = WORK[workload]
    x, y = work.arrays()
    model = models(keras)[workload]()
    optimizer = keras.optimizers.RMSprop(1e-3) if workload == "mlp" else keras.optimizers.Adam(1e-3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], **compile_arguments)
    if workload == "evaluate":
        return lambda: model.evaluate(x, y, batch_size=work.batch_size, verbose=0)
    if workload == "predict":
        return lambda: model.predict(x, batch_size=work.batch_size, verbose=0)
    if workload == "predict one":
        return lambda: [model.predict(x, verbose=0) for _ in range(ONE_REPEATED)]
    return lambda: model.fit(x, y, batch_size=work.batch_size, verbose=0)
