"""The guides' programs, taken from their code blocks when a test runs: their mends, and how they are cut short.

The guides lie beside the repository, in ../shared/guides; nothing of them is kept here.
"""

from __future__ import annotations

import dataclasses
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

GUIDES = Path(__file__).resolve().parents[3] / "shared" / "guides"
# Lines for a shell, with or without the mark that notebooks want.
SHELL_LINE = re.compile(r"^(?:!|tensorboard --logdir).*\n", re.MULTILINE)


@dataclass(frozen=True)
class Mend:
    """One slip of a guide: the text, which must be there as often as said, what stands for it, and why."""

    old: str
    new: str
    reason: str
    times: int = 1


@dataclass(frozen=True)
class Guide:
    """A guide, and how its program is made.

    Attributes:
        file: Its file name.
        fence: Which blocks are code: "python", or "any" where results are indented instead of fenced.
        preamble: What a guide of fragments leaves to its reader.
        mends: Its slips.
        seed: What the program starts from, so that a test sees the same numbers each time.
        until: The heading before which the program ends; all of the guide where it is empty.
    """

    file: str
    fence: str = "python"
    preamble: str = ""
    mends: tuple[Mend, ...] = field(default=())
    seed: int = 1
    until: str = ""

    def program(self) -> str:
        """Return the program: all code blocks in order, shell lines left out, slips mended."""
        text = (GUIDES / self.file).read_text(encoding="utf-8")
        if self.until:
            text, sep, _ = text.partition(f"\n{self.until}")
            assert sep, f"not in {self.file}: {self.until!r}"
        source = "\n".join(SHELL_LINE.sub("", block) for block in code_blocks(text, self.fence))
        for mend in self.mends:
            assert source.count(mend.old) == mend.times, f"not in {self.file}: {mend.old!r}"
            source = source.replace(mend.old, mend.new)
        # After the guide's own `from __future__`, which must come first.
        head, sep, rest = source.partition("unicode_literals\n")
        head, rest = (head + sep, rest) if sep else ("", source)
        return f"{head}import torch\ntorch.manual_seed({self.seed})\n{self.preamble}{rest}"


def code_blocks(text: str, fence: str) -> list[str]:
    """Return the code in fenced blocks, also of those that are indented in a list."""
    opening = "(?:python)?" if fence == "any" else "python"
    pattern = rf"^([ ]*)```{opening}[ ]*\n(.*?)^\1```[ ]*$"
    found = re.findall(pattern, text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


FIT = Guide(
    "training_and_evaluation.md",
    fence="any",
    mends=(
        Mend(
            "tf.argmax(y_pred)",
            "tf.argmax(y_pred, axis=-1)",
            "over axis 0, the default of tf.argmax, it would compare samples with classes",
        ),
        Mend(
            "model.fit(dataset, epochs=10, callbacks=[tensorboard_cbk])",
            "dataset = tf.data.Dataset.from_tensor_slices((x_train, y_train)).batch(64)\n"
            "model.fit(dataset, epochs=10, callbacks=[tensorboard_cbk])",
            "`dataset` is never made",
        ),
        Mend(
            "class_targets = np.random.random_sample(size=(100, 5))",
            "class_targets = np.eye(5)[np.random.randint(5, size=100)]",
            "rows of targets of a categorical cross entropy are probabilities, and must sum to 1",
        ),
        Mend("/full_path_to_your_logs", "logs", "a placeholder for the reader's own path", times=2),
    ),
)
# Writes down what each `fit` of a program returned, and which checkpoints lay there then.
KEEP_RUNS = """
import atexit, glob, json
import treadle
_runs, _fit = [], treadle.training.Trainer.fit
def _kept(self, *args, **kwargs):
    history = _fit(self, *args, **kwargs)
    files = sorted(glob.glob('mymodel_*'))
    _runs.append({'asked': kwargs.get('epochs', 1), 'history': history.history, 'files': files})
    return history
treadle.training.Trainer.fit = _kept
atexit.register(lambda: open('runs.json', 'w').write(json.dumps(_runs)))
"""
PART_ONE = dataclasses.replace(FIT, until="## Part II", preamble=KEEP_RUNS)
TAPE = Guide("custom_loop_gradient_tape.md")
TORCH = Guide("custom_loop_torch.md")
NOTES = Guide(
    "notes_custom_loop.md",
    preamble=(
        "import tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import layers\n"
        "(x_train, y_train), _ = keras.datasets.mnist.load_data()\n"
        "x_train = x_train.reshape(-1, 784).astype('float32') / 255\nbatch_size = 64\n"
    ),
    mends=(
        Mend(
            "tape.gradient(loss_value, model.trainable_weights # NEW",
            "tape.gradient(loss_value, model.trainable_weights) # NEW",
            "the parenthesis is never closed",
        ),
    ),
)
ALL = {"fit": FIT, "tape": TAPE, "torch": TORCH, "notes": NOTES}

# How a program is cut short: sizes of the data, and numbers of epochs. (pattern, what stands for it)
TRAIN, HELD_BACK, TEST = 1500, 300, 400
CUTS = (
    (r"reshape\(60000, 784\)", f"reshape({TRAIN}, 784)"),
    (r"reshape\(10000, 784\)", f"reshape({TEST}, 784)"),
    (r"\[-10000:\]", f"[-{HELD_BACK}:]"),
    (r"\[:-10000\]", f"[:-{HELD_BACK}]"),
    (r"epochs=20", "epochs=2"),
    (r"epochs=(10|[34])\b", "epochs=1"),
    (r"^epochs = [23]$", "epochs = 1"),
    (r"for epoch in range\(3\)", "for epoch in range(1)"),
)


def cut_short(source: str) -> str:
    """Return the program for little data and one epoch."""
    for pattern, new in CUTS:
        source = re.sub(pattern, new, source, flags=re.MULTILINE)
    return source


def with_few_epochs(source: str) -> str:
    """Return part one for all data, with one epoch for every run but those whose numbers are looked at."""
    kept = ("# at the end of each epoch", "callbacks=callbacks")
    calls = re.split(r"^(?=.*\bmodel\.fit\()", source, flags=re.MULTILINE)
    return "".join(
        call
        if any(mark in call for mark in kept)
        else re.sub(r"epochs=(10|[34])\b", "epochs=1", call)
        for call in calls
    )
