"""Imports of keras and tensorflow give look-alikes inside the block, and what was there before after it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest
import torch

import treadle
from treadle.compat import look_alikes
from treadle.compat._catalogue import CATALOGUE

ROOTS = ("keras", "tensorflow", "tensorflow_datasets", "tf_keras")


@pytest.mark.parametrize(
    "line",
    [
        "import keras",
        "import tensorflow as tf; tf.keras.layers.Dense",
        "import tensorflow.keras.backend as K; K.mean",
        "import tensorflow.keras; tensorflow.keras.layers.Dense",
        "from tensorflow import keras; keras.Model",
        "from tensorflow.keras import layers, models; layers.Dense, models.Sequential",
        "from tensorflow.keras.layers import Dense, Conv2D as C; C",
        "from tensorflow.keras.optimizers.schedules import ExponentialDecay",
        "from tensorflow.python.keras.layers import Dense",
        "from keras.layers.core import Dense, Dropout",
        "from keras.layers.convolutional import Conv2D",
        "from keras.layers.advanced_activations import LeakyReLU",
        "from keras.engine.topology import Layer",
        "from keras.utils import np_utils; np_utils.to_categorical",
        "from keras.utils.np_utils import to_categorical",
        "from keras.preprocessing.image import array_to_img, img_to_array",
        "from keras.preprocessing.sequence import pad_sequences",
        "from keras.datasets import mnist; mnist.load_data",
        "from keras.optimizers.legacy import Adam",
        "from keras.losses import Reduction; Reduction.NONE",
        "from keras.backend import *; clip, mean",
        "from keras import *; layers.Dense",
        "import tensorflow.compat.v2 as tf; tf.reduce_sum",
        "import tensorflow_datasets as tfds; tfds.load",
        "import tf_keras; tf_keras.Sequential",
        "import keras.layers as a, tensorflow.keras.layers as b; assert a is b",
        "import tensorflow as tf, keras; assert tf.keras is keras",
    ],
)
def test_form_of_import(line: str) -> None:
    with look_alikes():
        exec(line, {})


def test_what_was_there_is_put_back() -> None:
    real = ModuleType("keras")
    part = ModuleType("keras.layers")
    kept = sys.modules.get("keras"), sys.modules.get("keras.layers")
    sys.modules |= {"keras": real, "keras.layers": part}
    finders, path_of_numpy = list(sys.meta_path), torch.Tensor.numpy
    try:
        with look_alikes():
            import keras
            import tensorflow

            assert keras is not real
            assert tensorflow.keras is keras
        assert sys.modules["keras"] is real
        assert sys.modules["keras.layers"] is part
        assert sys.meta_path == finders
        assert "tensorflow" not in sys.modules or not hasattr(
            sys.modules["tensorflow"], "_catalogue"
        )
        assert torch.Tensor.numpy is path_of_numpy
        assert not hasattr(torch.Tensor, "get_shape")
        assert not hasattr(treadle.Model, "fit_generator")
        assert not hasattr(treadle.Optimizer, "lr")
    finally:
        for name, module in zip(("keras", "keras.layers"), kept, strict=True):
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def test_an_error_inside_puts_back_too() -> None:
    before = list(sys.meta_path)
    with pytest.raises(ZeroDivisionError), look_alikes():
        _ = 1 / 0
    assert sys.meta_path == before


def test_blocks_may_be_nested() -> None:
    with look_alikes():
        with look_alikes():
            import keras
        import tensorflow as tf

        assert tf.keras.layers is keras.layers
        assert hasattr(torch.Tensor, "get_shape")
    assert not hasattr(torch.Tensor, "get_shape")


def test_importing_treadle_imports_neither_compat_nor_cli() -> None:
    code = "import sys, treadle; print(any(m.startswith(('treadle.compat', 'treadle.cli')) for m in sys.modules))"
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert done.stdout.strip() == "False"


class TestMissing:
    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("tensorflow.Session", "TensorFlow 1"),
            ("tensorflow.compat.v1.Session", "TensorFlow 1"),
            ("tensorflow.distribute.MirroredStrategy", "torchrun"),
            ("tensorflow.saved_model.save", "model.save"),
            ("tensorflow.lite.TFLiteConverter", "export"),
            ("tensorflow.data.TFRecordDataset", "from_generator"),
            ("tensorflow.log", "tensorflow.math.log"),
            ("tensorflow.reduce_sums", "did you mean tensorflow.reduce_sum"),
            ("tensorflow.softshrink", "torch.nn.functional.softshrink"),
            ("tensorflow.train.Checkpoint", "treadle.Checkpoint"),
            ("tensorflow.io", "plain files"),
            ("tensorflow.string", "NumPy arrays of str"),
            ("keras.layers.Dence", "did you mean keras.layers.Dense"),
            ("keras.layers.CuDNNLSTM", "without CuDNN"),
            ("keras.applications.VGG16", "torchvision.models"),
            ("keras.backend.gradients", "GradientTape"),
            ("keras.backend.learning_phase", "training=True"),
            ("keras.preprocessing.text.Tokenizer", "TextVectorization"),
            ("keras.preprocessing.image.ImageDataGenerator", "image_dataset_from_directory"),
            ("keras.wrappers.scikit_learn.KerasClassifier", "SKLearnClassifier"),
            ("tensorflow_datasets.builder", "tensorflow_datasets.load"),
            ("tensorflow.quite_unlike_anything", "docs/compat.md"),
        ],
    )
    def test_a_missing_name_says_the_way(self, path: str, words: str) -> None:
        parent, _, name = path.rpartition(".")
        with look_alikes():
            with pytest.raises(ImportError) as caught:
                exec(f"from {parent} import {name}", {})
            message = str(caught.value)
            assert "has no look-alike" in message
            assert words in message.partition("fix:")[2]
            if CATALOGUE.has_namespace(parent):
                with pytest.raises(AttributeError, match=r"(?s)has no look-alike.*got:.*fix:"):
                    getattr(importlib.import_module(parent), name)

    def test_an_unknown_module_is_an_import_error(self) -> None:
        with (
            look_alikes(),
            pytest.raises(ImportError, match=r"(?s)no look-alike of keras\.lairs.*keras\.layers"),
        ):
            importlib.import_module("keras.lairs")

    def test_scripts_may_ask_first(self) -> None:
        with look_alikes():
            import tensorflow as tf

            assert hasattr(tf, "reduce_sum")
            assert not hasattr(tf, "Session")
            assert getattr(tf, "Session", None) is None


def test_tensorboard_takes_its_own_stub() -> None:
    pytest.importorskip("tensorboard")
    with look_alikes():
        import tensorboard.compat.notf  # noqa: F401  the module by which TensorBoard knows there is none
    assert "tensorboard.compat.notf" not in sys.modules


def test_every_namespace_has_a_module() -> None:
    with look_alikes():
        for path in (*CATALOGUE.namespaces, *CATALOGUE.aliases):
            module = importlib.import_module(path)
            assert CATALOGUE.canonical(path) == module.__name__
            assert module.__path__ == []


def test_versions_can_be_compared() -> None:
    with look_alikes():
        import keras
        import tensorflow as tf

        assert int(tf.__version__.split(".")[0]) == 2
        assert tf.__version__ == tf.version.VERSION
        assert keras.__version__.startswith("3.")
        assert keras.version() == keras.__version__
