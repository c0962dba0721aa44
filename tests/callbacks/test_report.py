"""Report: what is on the page, when it is written, and that it needs nothing else."""

from __future__ import annotations

import math
import re
import time
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle.callbacks import GradientMonitor, LambdaCallback, Report
from treadle.callbacks._report_curves import curve_panel

X, Y = np.random.default_rng(0).normal(size=(64, 3)).astype("float32"), np.ones((64, 1), "float32")


def small_model() -> Any:
    layers = treadle.layers
    model = treadle.Sequential(
        [
            layers.Dense(4, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(1, name="last"),
        ],
        name="small",
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def facts(page: str) -> dict[str, tuple[str, str]]:
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)<small>(.*?)</small>", page)
    return {name: (value, remark) for name, value, remark in found}


def test_a_finished_run(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "run.html"
    model = small_model()
    history = model.fit(
        X,
        Y,
        epochs=3,
        verbose=0,
        validation_data=(X, Y),
        callbacks=[GradientMonitor(), Report(path)],
    ).history
    page = path.read_text(encoding="utf8")
    shown = facts(page)
    best = int(np.argmin(history["val_loss"]))
    assert shown["Epochs"][0] == "3 of 3"
    assert shown["Best epoch"] == (str(best + 1), f"val_loss {history['val_loss'][best]:.4g}")
    assert shown["Optimizer"] == ("Adam", "learning rate 0.001")
    assert shown["Parameters"][0] == "37"
    titles = re.findall(r"<strong>(.*?)</strong>", page)
    assert titles == ["loss", "mae", "gradient_norm", "learning_rate", "steps per second"]
    assert f"epoch 2: {history['val_mae'][1]:.4g}" in page
    rows = re.findall(r"<tr><td>(\w+)</td><td>(\w+)</td><td>(.*?)</td><td class=\"n\">(\d+)", page)
    assert rows == [
        ("first", "Dense", "(None, 4)", "16"),
        ("norm", "BatchNormalization", "(None, 4)", "16"),
        ("last", "Dense", "(None, 1)", "5"),
    ]
    assert "finished" in page
    assert "http-equiv" not in page


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    small_model().fit(X, Y, epochs=2, verbose=0, callbacks=Report(path, title="<b> & 'run'"))
    page = path.read_text(encoding="utf8")
    assert "<h1>&lt;b&gt; &amp; &#x27;run&#x27;</h1>" in page
    assert not re.search(r"https?://|<script|<link|@import|url\(|src=", page)
    body = re.sub(r"<meta [^>]*>|<!doctype html>|&nbsp;", "", page)
    root = xml.etree.ElementTree.fromstring(body)  # every element is closed
    assert len(root.findall(".//svg")) == 4
    assert list(tmp_path.iterdir()) == [path]  # no temporary file stays
    assert path.stat().st_mode & 0o777 == 0o644


def test_it_is_written_while_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("treadle.callbacks._report._INTERVAL", 0.0)
    path = tmp_path / "run.html"
    pages: list[str] = []
    spy = LambdaCallback(on_train_batch_end=lambda *_: pages.append(path.read_text()))
    small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[Report(path), spy])
    assert len(pages) == 4
    assert all('http-equiv="refresh"' in page and "running" in page for page in pages)
    assert facts(pages[2])["Epochs"] == ("1 of 2", "step 1 of 2")
    assert re.search(r'width:75.0%"', pages[2])
    assert float(facts(pages[0])["loss now"][0]) > 0


def test_it_is_written_at_most_once_a_second(tmp_path: Path) -> None:
    report = Report(tmp_path / "run.html")
    writes: list[float] = []
    write = report._write
    report._write = lambda *given: (writes.append(time.perf_counter()), write(*given))[1]
    start = time.perf_counter()
    small_model().fit(X, Y, epochs=60, batch_size=16, verbose=0, callbacks=report)
    seconds = time.perf_counter() - start
    assert len(writes) <= 2 + seconds


def test_values_on_the_device_are_read_only_for_a_page(tmp_path: Path) -> None:
    report = Report(tmp_path / "run.html")
    report.set_params({"epochs": 1, "steps": 9})
    report.set_model(nn.Linear(1, 1))
    report.on_train_begin({})
    report.on_epoch_begin(0, {})

    class Unread(dict):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            raise AssertionError("read")

        keys = __iter__

    report.on_train_batch_end(0, Unread(loss=1.0))
    report._next_writing = 0.0
    with pytest.raises(AssertionError, match="read"):
        report.on_train_batch_end(1, Unread(loss=1.0))


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    path = tmp_path / "run.html"

    def fail(epoch: int, logs: Any) -> None:
        if epoch == 1:
            raise KeyError("<broken>")

    with pytest.raises(KeyError):
        small_model().fit(
            X, Y, epochs=9, verbose=0, callbacks=[Report(path), LambdaCallback(on_epoch_end=fail)]
        )
    page = path.read_text(encoding="utf8")
    assert "failed" in page
    assert "<pre>KeyError: &#x27;&lt;broken&gt;&#x27;</pre>" in page
    assert facts(page)["Epochs"][0] == "2 of 9"


def test_curves_go_on_after_a_restart(tmp_path: Path) -> None:
    model = small_model()
    first, second = Report(tmp_path / "a.html"), Report(tmp_path / "b.html", monitor="loss")
    model.fit(X, Y, epochs=2, verbose=0, callbacks=first)
    second.load_state_dict(first.state_dict())
    model.fit(X, Y, epochs=4, initial_epoch=2, verbose=0, callbacks=second)
    assert second.epochs == [1, 2, 3, 4]
    assert len(second.history["loss"]) == 4
    assert second.seconds > 0


def test_values_that_are_not_there_in_each_epoch(tmp_path: Path) -> None:
    report = Report(tmp_path / "run.html")
    small_model().fit(
        X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=2, callbacks=report
    )
    values = report.history["val_loss"]
    assert [value is None for value in values] == [True, False, True, False]
    assert report._curves()["loss"]["validation"] == [(2.0, values[1]), (4.0, values[3])]


def test_a_hand_written_loop(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    path = tmp_path / "run.html"
    loop = treadle.Loop(torch.from_numpy(X), model=net, verbose=0, callbacks=Report(path))
    for epoch in loop:
        for (x,) in epoch:
            epoch.log(loss=net(x).mean(), score=1.0)
    page = path.read_text(encoding="utf8")
    assert "<td>0</td><td>Linear</td><td>(None, 4)</td>" in page
    assert not any(layer._forward_hooks for layer in net)


def test_a_monitor_that_is_not_logged_is_told(tmp_path: Path) -> None:
    with pytest.raises(treadle.UnknownNameError, match=r"(?s)Report monitors.*did you mean 'mae'"):
        small_model().fit(X, Y, verbose=0, callbacks=Report(tmp_path / "r.html", monitor="mea"))


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [0.0, 0.0],
        [1e-12, 3e-12],
        [-1e30, 1e30],
        [math.nan, math.inf],
        [1.0, math.nan, 2.0],
        list(range(5000)),
    ],
)
def test_every_curve_can_be_drawn(values: list[float]) -> None:
    points = [(float(i + 1), float(value)) for i, value in enumerate(values)]
    svg = curve_panel("loss", {"training": points}, (1, values[0]))
    xml.etree.ElementTree.fromstring(svg)
    assert "nan" not in re.sub(r"<b>.*?</b>", "", svg)
    assert len(svg) < 30_000
    numbers = [float(n) for n in re.findall(r'c[xy]="([-\d.]+)"', svg)]
    assert all(0 <= number <= 440 for number in numbers)
