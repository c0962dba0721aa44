"""The progress bar on real pseudo-terminals, in pipes, in notebooks, and when the output goes away."""

from __future__ import annotations

import gc
import io
import math
import os
import re
import struct
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import pytest

from treadle.display import Progress
from treadle.display._format import cell_width

fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

VALUES = {"loss": 0.1234567, "accuracy": 0.965}
VALIDATION = {"val_loss": 0.000123, "val_accuracy": 0.97125}


class Terminal:
    """A pseudo-terminal of a fixed width, and what a person would see on it."""

    def __init__(self, columns: int, encoding: str = "utf-8") -> None:
        self.columns = columns
        self.master, slave = os.openpty()
        self.resize(columns)
        self.stream: TextIO = open(slave, "w", encoding=encoding)  # noqa: SIM115
        self.output = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.encoding = encoding

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def _read(self) -> None:
        try:
            while chunk := os.read(self.master, 65536):
                self.output += chunk
        except OSError:
            return

    def close(self) -> str:
        """Return everything that was written, with the terminal's own line ends undone."""
        if not self.stream.closed:
            self.stream.close()
            self._reader.join()
            os.close(self.master)
        return self.output.decode(self.encoding).replace("\r\n", "\n")

    def screen(self) -> list[str]:
        """Return the lines that are on the screen at the end; text past the last column fails."""
        lines = [""]
        for part in re.split(r"(\x1b\[[0-9;]*[A-Za-z]|\n|\r)", self.close()):
            if part == "\n":
                lines.append("")
                column = 0
            elif part == "\r":
                column = 0
            elif part == "\x1b[K":
                lines[-1] = lines[-1][:column]
            elif part and not part.startswith("\x1b"):
                lines[-1] = lines[-1][:column] + part + lines[-1][column + len(part) :]
                column += len(part)
                assert cell_width(lines[-1]) <= max(1, self.columns - 1)
        return lines


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Terminal]]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    made: list[Terminal] = []

    def make(*args: Any, **kwargs: Any) -> Terminal:
        made.append(Terminal(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def run_epoch(progress: Progress, label: str | None = "Epoch 1/3", steps: int | None = 50) -> None:
    progress.begin(label, steps)
    for step in (1, 20, 50):
        progress.update(step, VALUES)
    progress.end(50, {**VALUES, **VALIDATION})


def test_one_line_is_redrawn_in_place(terminal: Any, clock: list[float]) -> None:
    term = terminal(140)
    progress = Progress(stream=term.stream)
    for epoch in (1, 2):
        progress.begin(f"Epoch {epoch}/2", 50)
        clock[0] += 2
        progress.update(25, VALUES)
        clock[0] += 3
        progress.end(50, {**VALUES, **VALIDATION})
    bar = "━" * 24
    metrics = "loss: 0.1235 - accuracy: 0.9650 - val_loss: 1.2300e-04 - val_accuracy: 0.9712"
    assert term.screen() == [
        f"Epoch 1/2  50/50 {bar} 5.0s 100ms/step - {metrics}",
        f"Epoch 2/2  50/50 {bar} 5.0s 100ms/step - {metrics}",
        "",
    ]
    assert term.output.count(b"\r") > 4


def test_a_line_under_way(terminal: Any, clock: list[float]) -> None:
    term = terminal(120)
    progress = Progress(stream=term.stream)
    progress.begin("Epoch 1/2", 50)
    clock[0] += 30
    progress.update(10, VALUES)
    assert term.screen() == [
        f"Epoch 1/2  10/50 {'━' * 4}{'─' * 20} 30s, 2:00 left - loss: 0.1235 - accuracy: 0.9650"
    ]


def test_an_unknown_number_of_steps(terminal: Any, clock: list[float]) -> None:
    under_way, ended = terminal(100), terminal(100)
    for term in (under_way, ended):
        progress = Progress(stream=term.stream)
        progress.begin("Epoch 1/2", None)
        clock[0] += 30
        progress.update(10, VALUES)
        if term is ended:
            progress.end(12, {})
    assert under_way.screen() == ["Epoch 1/2  10 steps 30s - loss: 0.1235 - accuracy: 0.9650"]
    assert ended.screen() == [f"Epoch 1/2  12/12 {'━' * 24} 30s 2.5s/step", ""]


def test_without_a_label(terminal: Any, clock: list[float]) -> None:
    term = terminal(100)
    progress = Progress(stream=term.stream)
    progress.begin(None, 10)
    progress.end(10, {"loss": 1.0})
    assert term.screen() == [f"10/10 {'━' * 24} 0us 0us/step - loss: 1.0000", ""]


@pytest.mark.parametrize("columns", [1, 2, 8, 20, 33, 40, 55, 60, 79, 80, 100, 120, 200])
def test_nothing_wraps_and_nothing_is_lost_at_the_end(terminal: Any, columns: int) -> None:
    term = terminal(columns)
    run_epoch(Progress(stream=term.stream), "Epoch 1/3 模型")
    seen = " ".join(term.screen())  # fails where a line is too long
    if columns >= 33:
        for metric in ("loss: 0.1235", "accuracy: 0.9650", "val_loss: 1.2300e-04"):
            assert metric in seen
        assert "val_accuracy: 0.9712" in seen
        assert "50/50" in seen


def test_the_bar_gives_way_before_the_metrics(terminal: Any, clock: list[float]) -> None:
    seen = []
    for columns in (90, 70, 64, 40):
        term = terminal(columns)
        progress = Progress(stream=term.stream)
        progress.begin("Epoch 1/3", 50)
        progress.update(25, VALUES)
        (line,) = term.screen()
        seen.append((line.count("━") + line.count("─"), "accuracy: 0.9650" in line, line[-1]))
    assert seen == [(24, True, "0"), (6, True, "0"), (0, True, "0"), (0, False, "…")]


def test_a_terminal_that_is_resized(terminal: Any, clock: list[float]) -> None:
    term = terminal(120)
    progress = Progress(stream=term.stream)
    progress.begin("Epoch 1/3", 50)
    progress.update(10, VALUES)
    term.resize(40)
    progress.update(20, VALUES)
    last = term.close().rpartition("\r")[2]
    assert cell_width(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", last)) < 40


def test_colours(terminal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    coloured, plain = terminal(100), terminal(100)
    run_epoch(Progress(stream=coloured.stream))
    monkeypatch.setenv("NO_COLOR", "1")
    run_epoch(Progress(stream=plain.stream))
    assert "\x1b[36m━" in coloured.close()
    assert not re.search(r"\x1b\[[0-9;]*m", plain.close())


def test_ascii_terminals(terminal: Any) -> None:
    term = terminal(100, encoding="ascii")
    progress = Progress(stream=term.stream)
    progress.begin("Época 1", 50)
    progress.update(25, {"loss": 1.0})
    progress.end(50, {"loss": 1.0, "précision": 1.0})
    seen = " ".join(term.screen())
    assert "====" in seen
    assert "?poca 1" in seen
    assert "pr?cision: 1.0000" in seen


def test_a_dumb_terminal_gets_plain_lines(terminal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    term = terminal(80)
    run_epoch(Progress(stream=term.stream))
    assert "\x1b" not in term.close()
    assert "\r" not in term.close()
    assert term.close().count("\n") == 1


def test_close_leaves_a_fresh_line_once(terminal: Any) -> None:
    term = terminal(100)
    progress = Progress(stream=term.stream)
    progress.close()
    progress.begin("Epoch 1/3", 50)
    progress.update(1, VALUES)
    progress.close()
    progress.close()
    assert not progress.due()
    progress.update(2, VALUES)
    written = term.close()
    assert written.count("\n") == 1
    assert written.endswith("\n")


def test_begin_closes_what_was_broken_off(terminal: Any) -> None:
    term = terminal(100)
    progress = Progress(stream=term.stream)
    progress.begin("Epoch 1/3", 50)
    progress.begin("Epoch 2/3", 50)
    progress.close()
    assert [line[:9] for line in term.screen()] == ["Epoch 1/3", "Epoch 2/3", ""]


def test_due_is_true_at_most_ten_times_a_second(terminal: Any, clock: list[float]) -> None:
    progress = Progress(stream=terminal(100).stream)
    progress.begin("Epoch 1/3", None)
    count = 0
    for _ in range(3000):
        clock[0] += 0.001
        count += progress.due()
    assert 25 <= count <= 30
    progress.end(3000, {})
    assert not progress.due()


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_a_pipe_gets_one_plain_line_per_epoch(verbose: Any, clock: list[float]) -> None:
    read, write = os.pipe()
    with open(write, "w", encoding="ascii") as stream:
        progress = Progress(verbose, stream)
        for epoch in (1, 2):
            progress.begin(f"Epoch {epoch}/2", None if epoch == 2 else 50)
            clock[0] += 0.5
            assert not progress.due()
            progress.update(20, VALUES)
            progress.end(50, {**VALUES, "val_loss": math.nan})
        progress.close()
    with open(read, "rb") as stream:
        written = stream.read()
    assert written == b"".join(
        b"Epoch %d/2 - 50/50 - 500ms - 10ms/step - loss: 0.1235 - accuracy: 0.9650 - val_loss: nan\n"
        % epoch
        for epoch in (1, 2)
    )


def test_verbose_2_is_plain_in_a_terminal_too(terminal: Any) -> None:
    term = terminal(200)
    run_epoch(Progress(2, term.stream))
    assert "\r" not in term.close()
    assert "\x1b" not in term.close()
    assert term.close().count("\n") == 1


def test_verbose_0_writes_nothing(terminal: Any) -> None:
    term = terminal(100)
    progress = Progress(0, term.stream)
    progress.begin("Epoch 1/3", 50)
    assert not progress.due()
    progress.update(1, VALUES)
    progress.end(50, VALUES)
    progress.close()
    assert term.close() == ""


def test_the_stream_is_found_when_an_epoch_begins(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    run_epoch(progress)
    assert capsys.readouterr().out.startswith("Epoch 1/3 - 50/50 - ")


@pytest.fixture
def kernel_stream() -> io.StringIO:
    """A stream of the class that a notebook kernel replaces `sys.stdout` with."""
    module = types.ModuleType("ipykernel.iostream")
    exec("import io\nclass OutStream(io.StringIO):\n    encoding = 'utf-8'", module.__dict__)
    return module.OutStream()


def test_notebooks_redraw_one_line_without_codes(
    kernel_stream: io.StringIO, clock: list[float]
) -> None:
    progress = Progress(stream=kernel_stream)
    progress.begin("Epoch 1/3", 50)
    assert progress.due()
    progress.update(25, {**VALUES, "a_long_name": 1.0})
    progress.update(26, VALUES)
    progress.end(50, VALUES)
    written = kernel_stream.getvalue()
    assert "\x1b" not in written
    assert written.count("\n") == 1
    forms = written.rstrip("\n").split("\r")[1:]
    assert len(forms) == 4
    # Each form covers the one before it.
    widths = [len(form) for form in forms]
    assert all(len(form.rstrip()) <= width for form, width in zip(forms, widths[1:], strict=False))
    assert forms[-1].rstrip().endswith("loss: 0.1235 - accuracy: 0.9650")


class Gone(io.StringIO):
    """A terminal whose other end is closed."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_an_output_that_goes_away_does_not_end_the_training() -> None:
    for stream in (Gone(), io.StringIO()):
        progress = Progress(1, stream)
        progress.begin("Epoch 1/3", 50)
        stream.close()
        run_epoch(progress)
        progress.close()


def test_no_output_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    run_epoch(Progress())


@pytest.mark.parametrize("verbose", [3, -1, "yes", None, 1.5])
def test_an_unknown_verbose(verbose: Any) -> None:
    with pytest.raises(ValueError, match=r'verbose(.|\n)*expected: "auto", 0(.|\n)*got: '):
        Progress(verbose)


def calls(function: Callable[[], Any]) -> int:
    """Return how many Python and C functions `function` calls."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()  # a collection would run the finalizers of other tests here
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count - 2  # `function` itself and the last setprofile


def test_cost(terminal: Any, clock: list[float]) -> None:
    progress = Progress(stream=terminal(140).stream)
    progress.begin("Epoch 1/3", 50)
    progress.due()
    assert calls(lambda: progress.due()) <= 3
    assert calls(lambda: progress.update(10, VALUES)) <= 90


def test_time_of_one_update(terminal: Any) -> None:
    progress = Progress(stream=terminal(140).stream)
    progress.begin("Epoch 1/3", 2000)
    taken = []
    for step in range(300):
        start = time.perf_counter()
        progress.update(step, VALUES)
        taken.append(time.perf_counter() - start)
    progress.end(2000, VALUES)
    assert sorted(taken)[150] < 3e-4  # 100 us on a machine that does nothing else
