"""The rows of the table: who runs what, and which ratio is to be reached."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Contender:
    """One peer on one workload.

    Attributes:
        peer: The module `peer_<peer>.py`.
        environment: The folder of its virtual environment; "" for treadle's own.
        options: What its `make` is given.
        variables: Environment variables.
    """

    peer: str
    environment: str = ""
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: W1 and so on.
        title: What is done.
        workload: Its key in `_data.WORK`.
        contenders: Who does it.
        limits: (mine, the others, the ratio that must not be exceeded); the fastest of " | "-separated others counts.
    """

    name: str
    title: str
    workload: str
    contenders: dict[str, Contender]
    limits: list[tuple[str, str, float]]


def _keras(backend: str, steps: int = 1) -> Contender:
    names = {"torch": "keras", "tensorflow": "tf", "jax": "jax"}
    return Contender("keras", names[backend], (str(steps),), {"KERAS_BACKEND": backend})


TREADLE = Contender("treadle")
EAGER = Contender("treadle", options=("eager",))
COMPILED = Contender("treadle", options=("compiled",))
TORCH = Contender("torch")
TORCH_COMPILED = Contender("torch", options=("compiled",))
KERAS = {
    "Keras torch": _keras("torch"),
    "Keras TensorFlow": _keras("tensorflow"),
    "Keras JAX": _keras("jax"),
}
KERAS_32 = {"Keras TensorFlow 32": _keras("tensorflow", 32), "Keras JAX 32": _keras("jax", 32)}
ANY_KERAS = "Keras torch | Keras TensorFlow | Keras JAX"
ANY_PEER = f"torch | {ANY_KERAS}"

ROWS = [
    Row(
        "W1",
        "fit: MLP 784-64-64-10, batch 64, RMSprop, accuracy",
        "mlp",
        {
            "treadle": TREADLE,
            "treadle eager": EAGER,
            "treadle compiled": COMPILED,
            "torch": TORCH,
            "torch compiled": TORCH_COMPILED,
            "Lightning": Contender("lightning", "light"),
            **KERAS,
            **KERAS_32,
        },
        [
            ("treadle eager", "torch", 1.00),
            ("treadle eager", "Keras torch", 0.27),
            ("treadle eager", "Keras TensorFlow", 0.60),
            ("treadle eager", "Lightning", 0.40),
            ("treadle", "torch", 0.60),
            ("treadle compiled", "torch", 0.60),
            ("treadle compiled", "Keras JAX 32", 1.00),
        ],
    ),
    Row(
        "W5",
        "fit: convnet 32-64, 28x28, batch 128, Adam",
        "convnet",
        {"treadle": TREADLE, "torch": TORCH, **KERAS},
        [("treadle", "torch", 0.90), ("treadle", ANY_PEER, 1.00)],
    ),
    Row(
        "W6a",
        "fit: Embedding 64 + LSTM 64, batch 32, length 64, Adam",
        "lstm",
        {"treadle": TREADLE, "torch": TORCH, **KERAS},
        [("treadle", ANY_PEER, 1.00)],
    ),
    Row(
        "W6b",
        "fit: one transformer block, width 64, batch 32, length 64, Adam",
        "transformer",
        {"treadle": TREADLE, "torch": TORCH, **KERAS},
        [("treadle", ANY_PEER, 1.00)],
    ),
    Row(
        "W7 evaluate",
        "evaluate 10,000 samples, batch 32",
        "evaluate",
        {"treadle": TREADLE, "torch": TORCH, **KERAS},
        [("treadle", ANY_KERAS, 1.00)],
    ),
    Row(
        "W7 predict",
        "predict 10,000 samples, batch 32",
        "predict",
        {"treadle": TREADLE, "torch": TORCH, **KERAS},
        [("treadle", ANY_KERAS, 1.00)],
    ),
    Row(
        "W7 one",
        "predict one sample",
        "predict one",
        {"treadle": TREADLE, "torch": TORCH, **KERAS},
        [("treadle", ANY_KERAS, 1.00)],
    ),
    Row(
        "W10",
        "fit: MLP 784-2048-2048-10, batch 256, Adam",
        "wide",
        {"treadle": TREADLE, "torch": TORCH, **KERAS},
        [("treadle", "torch", 0.55), ("treadle", ANY_PEER, 1.00)],
    ),
]
