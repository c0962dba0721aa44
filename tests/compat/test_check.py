"""`check_script`: the names that a script uses, found without running it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from treadle.compat import Report, check_script


@pytest.fixture
def check(tmp_path: Path) -> Any:
    def run(source: str) -> Report:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return check_script(path)

    return run


def names(report: Report) -> dict[str, bool]:
    return {use.name: use.covered for use in report.uses}


# (the script, names that are covered, names that are not)
CASES = [
    ("import tensorflow as tf\ntf.ones(tf.zeros)", "tensorflow.ones tensorflow.zeros", ""),
    ("import tensorflow\ntensorflow.Session", "", "tensorflow.Session"),
    (
        "import keras.layers as L\nL.Dense\nL.Dence",
        "keras.layers keras.layers.Dense",
        "keras.layers.Dence",
    ),
    ("import tensorflow.keras\ntensorflow.keras.Model.fit", "keras keras.Model.fit", ""),
    ("from tensorflow.keras.layers import Dense as D", "keras.layers.Dense", ""),
    (
        "from tensorflow import keras as k\nlayers = k.layers\nlayers.Dense(1)\nlayers.X",
        "keras keras.layers keras.layers.Dense",
        "keras.layers.X",
    ),
    (
        "import tensorflow as tf\ntf.data.Dataset.from_tensor_slices",
        "tensorflow.data.Dataset.from_tensor_slices",
        "",
    ),
    (
        "import tensorflow as tf\ntf.data.Dataset.from_nowhere",
        "",
        "tensorflow.data.Dataset.from_nowhere",
    ),
    ("import tensorflow as tf\ntf.float32.max", "", "tensorflow.float32.max"),
    (
        "import tensorflow as tf\ndef f(x: tf.Tensor):\n    @tf.function\n    def g(): return tf.math.log(x)",
        "tensorflow.Tensor tensorflow.function tensorflow.math.log",
        "",
    ),
    ("import keras\nx = keras.Input((3,)).shape", "keras.Input", ""),
    ("from keras.nothing import x", "", "keras.nothing.x"),
    (
        "import tensorflow.compat.v1 as tf\ntf.Session()",
        "",
        "tensorflow.compat.v1 tensorflow.compat.v1.Session",
    ),
    ("import numpy as np\nnp.ones\nkeras = 3\nkeras.x", "", ""),
    ("from . import keras\nkeras.x", "", ""),
]


@pytest.mark.parametrize(("source", "covered", "missing"), CASES)
def test_names(check: Any, source: str, covered: str, missing: str) -> None:
    found = names(check(source))
    assert sorted(name for name, there in found.items() if there) == sorted(covered.split())
    assert sorted(name for name, there in found.items() if not there) == sorted(missing.split())


def test_lines_advice_and_text(check: Any) -> None:
    report = check("""\
        import tensorflow as tf
        a = tf.keras.layers.Dense(1)
        b = tf.Session()
        c = tf.Session(), tf.cast
        d = tf.float32
    """)
    assert not report.covered
    by_name = {use.name: use for use in report.uses}
    assert by_name["tensorflow.Session"].lines == [3, 4]
    assert by_name["keras.layers.Dense"].advice == "treadle.layers.Dense"
    assert by_name["tensorflow.float32"].advice == "torch.float32"
    text = str(report).splitlines()
    assert text[-1].endswith("script.py: 3 of 4 names of keras and tensorflow are covered")
    assert any(
        line.startswith("MISSING tensorflow.Session")
        and "TensorFlow 1" in line
        and line.endswith("(lines 3, 4)")
        for line in text
    )
    assert any(
        line.startswith("ok      tensorflow.cast") and line.endswith("(line 4)") for line in text
    )


def test_notes(check: Any) -> None:
    report = check("""\
        import os
        !pip install tensorflow
        os.environ["KERAS_BACKEND"] = "jax"
        os.environ.setdefault("KERAS_BACKEND", "torch")
        import tensorflow_hub as hub
        from keras.layers import *
    """)
    assert [str(note) for note in report.notes] == [
        "line 2: a shell line, left out: !pip install tensorflow",
        "line 3: sets KERAS_BACKEND to 'jax', but treadle computes with torch",
        "line 4: sets KERAS_BACKEND to 'torch', which is what treadle is",
        "line 5: imports tensorflow_hub, of which there is no look-alike: it must be installed",
        "line 6: imports all of keras.layers; its names are not checked",
    ]
    assert report.covered


def test_a_script_is_not_run(check: Any) -> None:
    assert check("import tensorflow as tf\nraise SystemExit(tf.ones)").covered


def test_what_is_no_python_is_an_error(check: Any) -> None:
    with pytest.raises(SyntaxError):
        check("for")
