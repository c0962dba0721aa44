"""`run_script`: a script runs as `python script.py` would run it, on look-alikes."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from treadle.compat import run_script


@pytest.fixture
def script(tmp_path: Path) -> Any:
    def write(source: str, name: str = "script.py") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    return write


def test_main_argv_path_and_modules(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    script("import tensorflow as tf\nVALUE = int(tf.reduce_sum([1, 2, 3]))\n", "neighbour.py")
    path = script("""
        from __future__ import annotations
        import sys, __main__
        from neighbour import VALUE
        import tensorflow as tf

        class A: ...

        if __name__ == "__main__":
            print(sys.argv[1:], VALUE, __main__.A is A, __file__ == sys.argv[0])
    """)
    before = sys.modules["__main__"], sys.argv, list(sys.path)
    assert run_script(path, ["--epochs", "3"]) == 0
    assert capsys.readouterr().out == "['--epochs', '3'] 6 True True\n"
    assert (sys.modules["__main__"], sys.argv, sys.path) == before
    sys.modules.pop("neighbour")


@pytest.mark.parametrize(
    ("source", "status", "told"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('no data')", 1, "no data\n"),
        ("raise SystemExit(True)", 1, ""),
    ],
)
def test_exit_status(
    script: Any, capsys: pytest.CaptureFixture[str], source: str, status: int, told: str
) -> None:
    assert run_script(script(source)) == status
    assert capsys.readouterr().err == told


def test_traceback_shows_the_script_only(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("""\
        import tensorflow as tf
        def inner():
            try:
                tf.Session()
            except AttributeError as error:
                raise ValueError("gave up") from error
        inner()
    """)
    assert run_script(path) == 1
    error = capsys.readouterr().err
    assert error.count("Traceback (most recent call last):") == 2
    assert error.count(f'File "{path}"') == 3
    assert f'File "{path}", line 4, in inner\n    tf.Session()' in error
    assert "compat" not in error.replace("treadle.compat covers", "")
    assert error.endswith("ValueError: gave up\n")
    assert "that is TensorFlow 1" in error


def test_an_import_error_names_the_line(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("import keras\nfrom keras.layers import Dence\n")
    assert run_script(path) == 1
    error = capsys.readouterr().err
    assert f'File "{path}", line 2, in <module>\n    from keras.layers import Dence\n' in error
    assert "did you mean keras.layers.Dense" in error
    assert "importlib" not in error


def test_the_scripts_own_hook_sees_the_error(
    script: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script("""
        import sys
        sys.excepthook = lambda kind, error, trace: print("hook:", kind.__name__, trace.tb_lineno)
        1 / 0
    """)
    kept = sys.excepthook
    try:
        assert run_script(path) == 1
    finally:
        sys.excepthook = kept
    assert capsys.readouterr().out == "hook: ZeroDivisionError 4\n"


def test_interruption(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script(script("raise KeyboardInterrupt")) == 130
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_syntax_errors(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("x = 1\ny = (\n")
    assert run_script(path) == 1
    error = capsys.readouterr().err
    assert f'File "{path}", line 2' in error
    assert "SyntaxError" in error
    assert "Traceback" not in error
    with pytest.raises(OSError, match="No such file"):
        run_script(path.with_name("absent.py"))


def test_notebook_lines_are_left_out_aloud(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("""\
        !pip install tensorflow
        from __future__ import annotations
        %matplotlib inline
        if True:
            !ls
        print("ran", "!not a shell line")
    """)
    assert run_script(path) == 0
    out, err = capsys.readouterr()
    assert out == "ran !not a shell line\n"
    assert err.splitlines() == [
        "treadle run: line 1: a shell line, left out: !pip install tensorflow",
        "treadle run: line 3: a notebook line, left out: %matplotlib inline",
        "treadle run: line 5: a shell line, left out: !ls",
    ]


def test_a_wrong_script_is_not_mended_by_leaving_out(
    script: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script(script("!pip install x\nfor\n")) == 1
    assert "line 1" in capsys.readouterr().err


@pytest.mark.parametrize(("backend", "told"), [("jax", True), ("torch", False)])
def test_another_backend_is_told(
    script: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    told: bool,
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "")
    path = script(f"""
        import os
        os.environ["KERAS_BACKEND"] = "{backend}"
        import keras
        print(keras.backend.backend())
    """)
    assert run_script(path) == 0
    out, err = capsys.readouterr()
    assert out == "torch\n"
    assert ("line 3: sets KERAS_BACKEND to 'jax', but treadle computes with torch" in err) is told


def test_methods_of_shapes(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("""
        import numpy as np, tensorflow as tf
        x = tf.ones((2, 3))
        inputs = tf.keras.Input((4,))
        print(x.shape.as_list(), x.shape.rank, inputs.shape.as_list(), x.get_shape().ndims, np.ones(3).shape)
        print(x.shape.num_elements(), tf.TensorShape((1, 2)).dims)
    """)
    assert run_script(path) == 0
    assert capsys.readouterr().out == "[2, 3] 2 [None, 4] 2 (3,)\n6 [1, 2]\n"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("tf.ones((2,)).shape.to_list()", "list(x.shape)"),
        ("tf.float32.max", "torch.finfo(dtype).max"),
        ("tf.Variable(1.0).value()", "leave out the ()"),
        ("tf.ones(2).experimental_ref()", "see torch.Tensor"),
    ],
)
def test_differences_of_tensors_are_explained(
    script: Any, capsys: pytest.CaptureFixture[str], line: str, hint: str
) -> None:
    assert run_script(script(f"import tensorflow as tf\n{line}\n")) == 1
    assert hint in capsys.readouterr().err


def test_scalars_that_have_gradients_convert_silently(
    script: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script("""
        import tensorflow as tf
        v = tf.Variable(2.0)
        loss = v * 3
        print("%.1f" % loss, float(loss), loss.numpy(), f"{loss:.2f}")
    """)
    assert run_script(path) == 0
    assert capsys.readouterr() == ("6.0 6.0 6.0 6.00\n", "")


LOOP = """
    import tensorflow as tf
    from tensorflow import keras
    import tensorflow_datasets as tfds

    (ds_train, ds_test), ds_info = tfds.load(
        "digits", split=["train", "test"], shuffle_files=True, as_supervised=True, with_info=True
    )

    def normalize_img(image, label):
        return tf.cast(image, tf.float32) / 16.0, label

    AUTOTUNE = tf.data.experimental.AUTOTUNE
    ds_train = ds_train.map(normalize_img, num_parallel_calls=AUTOTUNE).cache()
    ds_train = ds_train.shuffle(ds_info.splits["train"].num_examples).batch(64).prefetch(AUTOTUNE)
    ds_test = ds_test.map(normalize_img).batch(64)

    model = keras.Sequential([
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ])
    optimizer = keras.optimizers.Adam(lr=0.01)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=False)
    acc_metric = keras.metrics.SparseCategoricalAccuracy()

    for epoch in range(5):
        print(f"\\nStart of Training Epoch {epoch}")
        for batch_idx, (x_batch, y_batch) in enumerate(ds_train):
            with tf.GradientTape() as tape:
                y_pred = model(x_batch, training=True)
                loss = loss_fn(y_batch, y_pred)
            gradients = tape.gradient(loss, model.trainable_weights)
            optimizer.apply_gradients(zip(gradients, model.trainable_weights))
            acc_metric.update_state(y_batch, y_pred)
        train_acc = acc_metric.result()
        print(f"Accuracy over epoch {train_acc}")
        acc_metric.reset_states()

    for batch_idx, (x_batch, y_batch) in enumerate(ds_test):
        y_pred = model(x_batch, training=True)
        acc_metric.update_state(y_batch, y_pred)
    print(f"Accuracy over Test Set: {float(acc_metric.result()):.4f}")
"""


def test_the_loop_of_the_video(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    assert run_script(script(LOOP)) == 0
    out = capsys.readouterr().out
    assert float(out.rpartition(":")[2]) >= 0.92
    assert out.count("Accuracy over epoch") == 5


VAE = """
    import numpy as np
    import tensorflow as tf
    from tensorflow.keras import layers, backend as K

    class Sampling(layers.Layer):
        def call(self, inputs):
            z_mean, z_log_var = inputs
            batch, dim = tf.shape(z_mean)[0], tf.shape(z_mean)[1]
            epsilon = K.random_normal(shape=(batch, dim))
            return z_mean + tf.exp(0.5 * z_log_var) * epsilon

    x = tf.keras.Input((6,))
    z_mean, z_log_var = layers.Dense(2)(x), layers.Dense(2)(x)
    z = Sampling()([z_mean, z_log_var])
    outputs = layers.Dense(6, activation="sigmoid")(z)
    vae = tf.keras.Model(x, outputs)
    kl_loss = -0.5 * tf.reduce_mean(z_log_var - tf.square(z_mean) - tf.exp(z_log_var) + 1)
    vae.add_loss(kl_loss)
    vae.compile(tf.keras.optimizers.Adam(lr=0.05), loss=tf.keras.losses.MeanSquaredError())
    data = np.random.RandomState(0).rand(64, 6).astype("float32")
    losses = vae.fit(data, data, epochs=8, verbose=0).history["loss"]
    print(losses[-1] < losses[0], vae.predict(data[:2], verbose=0).shape)
"""
GRADIENT_PENALTY = """
    import tensorflow as tf
    model = tf.keras.Sequential([tf.keras.layers.Dense(4, activation="tanh"), tf.keras.layers.Dense(1)])
    real, fake = tf.random.normal((8, 3)), tf.random.normal((8, 3))
    with tf.GradientTape() as outer:
        alpha = tf.random.uniform([8, 1], 0.0, 1.0)
        mixed = real + alpha * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(mixed)
            scores = model(mixed, training=True)
        gradients = tape.gradient(scores, [mixed])[0]
        norm = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1]))
        penalty = tf.reduce_mean((norm - 1.0) ** 2)
    found = outer.gradient(penalty, model.trainable_variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    print(len(found), all(g is not None for g in found), float(tf.linalg.global_norm(found)) > 0)
"""
KERAS_2 = """
    import numpy as np, keras
    from keras import backend as K
    from keras.models import Sequential
    from keras.layers import Dense, Dropout, Activation, Flatten, Lambda
    from keras.layers.advanced_activations import LeakyReLU
    from keras.optimizers import SGD
    from keras.utils import np_utils
    from keras.regularizers import l2
    from keras.callbacks import EarlyStopping, LambdaCallback

    def recall_m(y_true, y_pred):
        true_positives = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
        return true_positives / (K.sum(K.round(K.clip(y_true, 0, 1))) + K.epsilon())

    (x, y), _ = keras.datasets.digits.load_data()
    x = x.reshape(len(x), -1).astype(K.floatx()) / 16
    y = np_utils.to_categorical(y, 10)
    model = Sequential()
    model.add(Dense(32, input_dim=64, kernel_regularizer=l2(1e-4)))
    model.add(LeakyReLU(alpha=0.1))
    model.add(Dropout(0.1))
    model.add(Lambda(lambda t: K.l2_normalize(t, axis=1) * 4))
    model.add(Dense(10))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True),
                  metrics=["accuracy", recall_m])
    history = model.fit(x, y, batch_size=32, epochs=4, verbose=0, validation_split=0.2,
                        callbacks=[EarlyStopping(patience=2), LambdaCallback()])
    classes = model.predict_classes(x, verbose=0)
    print(sorted(history.history), (classes == y.argmax(1)).mean() > 0.8, classes.shape)
"""


@pytest.mark.parametrize(
    ("source", "output"),
    [
        (VAE, "True (2, 6)\n"),
        (GRADIENT_PENALTY, "4 True True\n"),
        (
            KERAS_2,
            "['accuracy', 'loss', 'recall_m', 'val_accuracy', 'val_loss', 'val_recall_m'] True (1437,)\n",
        ),
    ],
    ids=["vae", "gradient penalty", "keras 2"],
)
def test_ordinary_scripts(
    script: Any, capsys: pytest.CaptureFixture[str], source: str, output: str
) -> None:
    torch.manual_seed(0)
    np.random.seed(0)
    assert run_script(script(source)) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == output
