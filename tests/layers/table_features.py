"""One row per layer that prepares features: what it is made with, what it is given, and what comes out.

The outputs are what Keras 3.15 gives for the same arguments; where Keras needs TensorFlow for the layer, they were
taken from Keras on TensorFlow 2.21.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from treadle import layers


@dataclass(frozen=True)
class Row:
    """A layer with arguments, inputs and outputs.

    Attributes:
        name: The layer's public name.
        arguments: Its constructor arguments.
        inputs: An array of numbers or strings, or several for a layer with several inputs.
        outputs: Nested lists.
        adapt: What it is adapted to first.
        tensors: Whether it is made of torch operations only, so that it compiles and exports.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    inputs: Any = None
    outputs: Any = None
    adapt: Any = None
    tensors: bool = False

    def __str__(self) -> str:
        values = "-".join(f"{key}={value}" for key, value in self.arguments.items())
        return f"{self.name}-{values}".strip("-")

    def make(self, **further: Any) -> Any:
        """Return a new layer, adapted."""
        layer = getattr(layers, self.name)(**self.arguments, **further)
        if self.adapt is not None:
            layer.adapt(self.adapt)
        return layer


IDS = np.array([[0, 1], [2, 2]])
NUMBERS = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]], dtype="float32")
PAIR = np.array([[0.5, 2.0], [2.0, -1.0]], dtype="float32")

ENCODING = [
    Row(
        "CategoryEncoding",
        {"num_tokens": 3, "output_mode": "one_hot"},
        IDS,
        [[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [0, 0, 1]]],
        tensors=True,
    ),
    Row(
        "CategoryEncoding",
        {"num_tokens": 3, "output_mode": "one_hot"},
        np.array([[2], [0]]),
        [[0, 0, 1], [1, 0, 0]],
        tensors=True,
    ),
    Row("CategoryEncoding", {"num_tokens": 3}, IDS, [[1, 1, 0], [0, 0, 1]], tensors=True),
    Row(
        "CategoryEncoding",
        {"num_tokens": 3, "output_mode": "count", "dtype": "int32"},
        IDS,
        [[1, 1, 0], [0, 0, 2]],
        tensors=True,
    ),
]

BINS = {"bin_boundaries": [0.0, 1.0, 2.0]}

DISCRETIZATION = [
    Row("Discretization", BINS, NUMBERS, [[0, 2, 3, 1], [1, 3, 2, 1]], tensors=True),
    Row(
        "Discretization",
        {"num_bins": 4},
        NUMBERS,
        [[0, 2, 3, 2], [1, 3, 3, 1]],
        adapt=NUMBERS,
        tensors=True,
    ),
    Row(
        "Discretization",
        {"bin_boundaries": [0.0, 1.0], "output_mode": "one_hot"},
        np.array([[0.5], [2.0]], dtype="float32"),
        [[0, 1, 0], [0, 0, 1]],
        tensors=True,
    ),
    Row(
        "Discretization",
        {"bin_boundaries": [0.0, 1.0], "output_mode": "multi_hot"},
        PAIR,
        [[0, 1, 1], [1, 0, 1]],
        tensors=True,
    ),
    Row(
        "Discretization",
        {"bin_boundaries": [0.0, 1.0], "output_mode": "count", "dtype": "int32"},
        np.array([[0.5, 2.0], [2.0, 3.0]], dtype="float32"),
        [[0, 1, 1], [0, 0, 2]],
        tensors=True,
    ),
]

LETTERS = np.array([["A"], ["B"], ["C"], ["D"], ["E"]])
LENGTHS = np.array(["A", "", "hello world", "x" * 20, "y" * 40, "z" * 100, "\u00e9"], dtype=object)
MANY = {"num_bins": 1000003}
FEATURE, OTHER = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])

HASHING = [
    Row("Hashing", {"num_bins": 3}, LETTERS, [[1], [0], [1], [1], [2]]),
    Row(
        "Hashing",
        {"num_bins": 3, "mask_value": ""},
        np.array([["A"], ["B"], [""], ["C"], ["D"]]),
        [[1], [1], [0], [2], [2]],
    ),
    Row("Hashing", {"num_bins": 3, "salt": [133, 137]}, LETTERS, [[1], [2], [1], [0], [2]]),
    Row("Hashing", {"num_bins": 3, "salt": 133}, LETTERS, [[0], [0], [2], [1], [0]]),
    Row("Hashing", MANY, LENGTHS, [127888, 377723, 234754, 268677, 641401, 111982, 47472]),
    Row(
        "Hashing",
        {**MANY, "salt": [133, 137]},
        LENGTHS,
        [212495, 953272, 689723, 994951, 26785, 913964, 537347],
    ),
    Row(
        "Hashing",
        {"num_bins": 1000},
        np.array([1, -2, 3, 4, 123456789012]),
        [849, 205, 921, 543, 427],
    ),
    Row("Hashing", {"num_bins": 1000, "salt": 7}, np.array([1, -2, 3, 4]), [559, 857, 965, 261]),
    Row("Hashing", {"num_bins": 5, "mask_value": -1}, np.array([-1, 2, 3]), [0, 4, 2]),
    Row(
        "Hashing",
        {"num_bins": 4, "output_mode": "count"},
        np.array([[1, 2], [2, 2]]),
        [[0, 1, 0, 1], [0, 0, 0, 2]],
    ),
    Row("HashedCrossing", {"num_bins": 5}, (FEATURE, OTHER), [1, 4, 1, 1, 3]),
    Row("HashedCrossing", MANY, (FEATURE, OTHER), [486008, 568784, 486008, 914470, 123925]),
    Row(
        "HashedCrossing",
        MANY,
        (np.array([1, 2, -3]), np.array([10, 20, 30])),
        [329772, 159082, 413830],
    ),
    Row(
        "HashedCrossing",
        MANY,
        (np.array(["a", "b"]), np.array(["c", "d"]), np.array(["e", "f"])),
        [883968, 296871],
    ),
    Row(
        "HashedCrossing",
        {"num_bins": 5, "output_mode": "one_hot"},
        (np.array([["a"], ["b"]]), np.array([["c"], ["d"]])),
        [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]],
    ),
]

KNOWN, SEEN = [12, 36, 1138, 42], np.array([[12, 1138, 42], [42, 1000, 36]])
BUCKETS = {"vocabulary": [10, 20, 30], "num_oov_indices": 4, "oov_method": "farmhash"}
UNSEEN = np.array([100, 300, 700, 1100, 1700, 2000, -5])
COUNTED = np.array([[12, 1138, 42, 42], [42, 7, 36, 7]])
_A, _B, _C = 1.3133656978607178, 0.5108256340026855, 0.6931471824645996

INTEGERS = [
    Row("IntegerLookup", {"vocabulary": KNOWN}, SEEN, [[1, 3, 4], [4, 0, 2]], tensors=True),
    Row("IntegerLookup", {}, SEEN, [[5, 2, 1], [1, 3, 4]], adapt=SEEN, tensors=True),
    Row("IntegerLookup", {"mask_token": 42}, SEEN, [[5, 2, 0], [0, 3, 4]], adapt=SEEN),
    Row("IntegerLookup", {"max_tokens": 3}, SEEN, [[0, 2, 1], [1, 0, 0]], adapt=SEEN),
    Row(
        "IntegerLookup",
        {"vocabulary": [12, 36], "num_oov_indices": 2},
        np.array([[12, -3, 4, 5, 36]]),
        [[2, 1, 0, 1, 3]],
        tensors=True,
    ),
    Row("IntegerLookup", BUCKETS, UNSEEN, [3, 3, 2, 2, 0, 1, 0]),
    Row("IntegerLookup", {**BUCKETS, "salt": [1, 2]}, UNSEEN, [3, 0, 1, 1, 3, 3, 0]),
    Row(
        "IntegerLookup",
        {"vocabulary": KNOWN, "output_mode": "one_hot"},
        np.array([12, 7]),
        [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0]],
        tensors=True,
    ),
    Row(
        "IntegerLookup",
        {"vocabulary": [1, 2], "mask_token": 0, "output_mode": "one_hot"},
        np.array([0, 1, 5]),
        [[0, 0, 0], [0, 1, 0], [1, 0, 0]],
        tensors=True,
    ),
    Row(
        "IntegerLookup",
        {"vocabulary": KNOWN, "output_mode": "multi_hot"},
        COUNTED,
        [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]],
        tensors=True,
    ),
    Row(
        "IntegerLookup",
        {"vocabulary": KNOWN, "output_mode": "count"},
        COUNTED,
        [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]],
        tensors=True,
    ),
    Row(
        "IntegerLookup",
        {"max_tokens": 8, "pad_to_max_tokens": True, "output_mode": "multi_hot"},
        SEEN,
        [[0, 1, 1, 0, 0, 1, 0, 0], [0, 1, 0, 1, 1, 0, 0, 0]],
        adapt=SEEN,
    ),
    Row(
        "IntegerLookup",
        {"vocabulary": [1, 2], "idf_weights": [1.0, 2.0], "output_mode": "tf_idf"},
        np.array([[1, 2, 9, 9]]),
        [[3.0, 1.0, 2.0]],
        tensors=True,
    ),
    Row(
        "IntegerLookup",
        {"vocabulary": [-1, 12, 36], "idf_weights": [0.9, 0.25, 0.75], "output_mode": "tf_idf"},
        np.array([[12, 7, 7]]),
        [[1.8, 0.25, 0.0]],
    ),
    Row(
        "IntegerLookup",
        {"output_mode": "tf_idf"},
        np.array([[7, 8, 42], [12, 12, 42]]),
        [[_A, _B, 0, 0, 0, 0], [0, _B, 0, 0, 0, 2 * _C]],
        adapt=SEEN,
    ),
    Row(
        "IntegerLookup",
        {"vocabulary": [1, 2], "mask_token": 0, "invert": True},
        np.array([0, 1, 2, 3, 4, 99, -4]),
        [0, -1, 1, 2, -1, -1, -1],
        tensors=True,
    ),
]

WORDS = np.array([["a", "c", "d"], ["d", "z", "b"]])
FOUR = ["a", "b", "c", "d"]

STRINGS = [
    Row("StringLookup", {"vocabulary": FOUR}, WORDS, [[1, 3, 4], [4, 0, 2]]),
    Row("StringLookup", {}, WORDS, [[5, 3, 1], [1, 2, 4]], adapt=WORDS),
    Row(
        "StringLookup",
        {"vocabulary": FOUR[:2], "mask_token": ""},
        np.array([["a", "", "x"]]),
        [[2, 0, 1]],
    ),
    Row(
        "StringLookup",
        {"vocabulary": FOUR[:2], "num_oov_indices": 3},
        np.array([["a", "c", "d", "e", "ff", "", "\u00e9"]]),
        [[3, 1, 2, 1, 2, 2, 1]],
    ),
    Row(
        "StringLookup",
        {"vocabulary": FOUR[:2], "num_oov_indices": 3, "salt": [5, 6]},
        np.array([["a", "c", "d", "e", "ff", "", "\u00e9"]]),
        [[3, 2, 2, 1, 0, 0, 1]],
    ),
    Row(
        "StringLookup",
        {"vocabulary": FOUR[:2], "mask_token": "", "invert": True},
        np.array([[0, 1, 2, 3, 9]]),
        [["", "[UNK]", "a", "b", "[UNK]"]],
    ),
    Row(
        "StringLookup",
        {"output_mode": "count"},
        WORDS,
        [[0, 1, 0, 1, 0, 1], [0, 1, 1, 0, 1, 0]],
        adapt=WORDS,
    ),
    Row(
        "StringLookup",
        {"output_mode": "tf_idf", "mask_token": "a", "max_tokens": 4},
        WORDS,
        [[0, _B, 0, _C], [(2 * _C + _B) / 3, _B, _C, 0]],
        adapt=WORDS,
    ),
]

TEXTS = np.array(["hello big World!", "foo bar, big"])
NEW = np.array(["big foo zz big", "bar"])
_D = 0.6566828489303589

TEXT = [
    Row("TextVectorization", {}, NEW, [[2, 5, 1, 2], [6, 0, 0, 0]], adapt=TEXTS),
    Row("TextVectorization", {}, NEW[:, None], [[2, 5, 1, 2], [6, 0, 0, 0]], adapt=TEXTS),
    Row("TextVectorization", {"output_sequence_length": 2}, NEW, [[2, 5], [6, 0]], adapt=TEXTS),
    Row(
        "TextVectorization",
        {"output_sequence_length": 5, "max_tokens": 4},
        NEW,
        [[2, 1, 1, 2, 0], [1, 0, 0, 0, 0]],
        adapt=TEXTS,
    ),
    Row(
        "TextVectorization",
        {"output_mode": "multi_hot"},
        NEW,
        [[1, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]],
        adapt=TEXTS,
    ),
    Row(
        "TextVectorization",
        {"output_mode": "count", "max_tokens": 8, "pad_to_max_tokens": True},
        NEW,
        [[1, 2, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0, 0]],
        adapt=TEXTS,
    ),
    Row(
        "TextVectorization",
        {"output_mode": "tf_idf"},
        NEW,
        [[_D, 2 * _B, 0, 0, _C, 0], [0, 0, 0, 0, 0, _C]],
        adapt=TEXTS,
    ),
    Row(
        "TextVectorization",
        {"ngrams": 2},
        np.array(["a b c d"]),
        [[6, 4, 2, 1, 5, 3, 1]],
        adapt=np.array(["a b c", "b c"]),
    ),
    Row(
        "TextVectorization",
        {"ngrams": (2,)},
        np.array(["a b c", "x", ""]),
        [[3, 2], [0, 0], [0, 0]],
        adapt=np.array(["a b c", "b c"]),
    ),
    Row(
        "TextVectorization",
        {"split": "character"},
        np.array(["ab \u00e9 c"]),
        [[4, 3, 5, 1, 5, 2]],
        adapt=np.array(["ab c"]),
    ),
    Row(
        "TextVectorization",
        {"split": None},
        np.array(["a b", "c", "d"]),
        [3, 2, 1],
        adapt=np.array(["A b", "c"]),
    ),
    Row(
        "TextVectorization",
        {"vocabulary": ["earth", "wind"]},
        np.array(["wind earth q"]),
        [[3, 2, 1]],
    ),
]

FEATURES = [*ENCODING, *DISCRETIZATION, *HASHING, *INTEGERS, *STRINGS, *TEXT]
