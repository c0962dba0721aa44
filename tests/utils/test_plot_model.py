"""Pictures of models: what is in them, and what is told when they cannot be drawn."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import treadle


def branching() -> treadle.Model:
    """Return a model with two inputs, a model inside and a torch operation."""
    a, b = treadle.Input((4,), name="a"), treadle.Input((2,), name="b")
    inside = treadle.Sequential(
        [treadle.Input((6,)), treadle.layers.Dense(3, name="deep")], name="inside"
    )
    joined = treadle.layers.concatenate([a, b])
    return treadle.Model(
        [a, b], treadle.layers.Dense(1, name="out", activation="relu")(inside(joined) * 2)
    )


def drawn(path: Path, **options: Any) -> str:
    return treadle.utils.plot_model(branching(), path / "m.dot", **options).read_text()


def test_layers_operations_and_edges_are_drawn(tmp_path: Path) -> None:
    text = drawn(tmp_path, show_layer_names=True, show_shapes=True, show_dtype=True)
    for part in ("a (InputLayer)", "out (Dense)", "mul", "(None, 6)", "float32"):
        assert part in text
    assert text.count("->") == 5
    assert "deep" not in text


def test_a_model_inside_can_be_opened(tmp_path: Path) -> None:
    text = drawn(tmp_path, expand_nested=True, show_layer_names=True)
    assert "subgraph" in text
    assert "deep (Dense)" in text


def test_activations_and_training_are_shown_on_request(tmp_path: Path) -> None:
    text = drawn(tmp_path, show_layer_activations=True, show_trainable=True, rankdir="LR")
    assert "activation: relu" in text
    assert "|trainable" in text
    assert "rankdir=LR" in text


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz's dot")
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_graphviz_draws_a_picture(tmp_path: Path, kind: str) -> None:
    path = treadle.utils.plot_model(branching(), tmp_path / f"m.{kind}", dpi=60)
    assert path.read_bytes().startswith(b"\x89PNG" if kind == "png" else b"<?xml")


def test_without_graphviz_the_fix_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match="apt install graphviz"):
        treadle.utils.plot_model(branching(), tmp_path / "m.png")


def test_without_pydot_the_fix_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match=r"pip install treadle\[plot\]"):
        treadle.utils.plot_model(branching(), tmp_path / "m.png")


def test_a_model_without_a_graph_is_told(tmp_path: Path) -> None:
    with pytest.raises(treadle.StateError, match="begin the Sequential with Input"):
        treadle.utils.plot_model(treadle.Sequential([treadle.layers.Dense(1)]), tmp_path / "m.png")


def test_an_unknown_direction_is_told(tmp_path: Path) -> None:
    with pytest.raises(treadle.UnknownNameError, match="Unknown direction: 'TD'"):
        treadle.utils.plot_model(branching(), tmp_path / "m.png", rankdir="TD")
