"""The registry: names found and suggested, custom objects, descriptions there and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from treadle import activations, initializers, layers, regularizers, saving
from treadle._core import (
    Family,
    UnknownNameError,
    custom_object_scope,
    deserialize,
    explain,
    nearest,
    register_keras_serializable,
    serialize,
    snake_case,
    unique_name,
    unknown_name,
)
from treadle._core import _registry as registry


@pytest.fixture
def family(monkeypatch: pytest.MonkeyPatch) -> Family:
    """Return a family of its own, which no other test sees."""
    monkeypatch.setattr(registry, "_families", [])
    made = Family("tool", "treadle.tools")

    @made.member("saw", "cutter")
    class Saw:
        def __init__(self, teeth: int = 3) -> None:
            self.teeth = teeth

        def get_config(self) -> dict[str, Any]:
            return {"teeth": self.teeth}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Saw:
            return cls(**config)

    @made.member()
    def hammer(value: float) -> float:
        return value + 1

    return made


@pytest.fixture(autouse=True)
def forget_custom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_custom_by_name", dict(registry._custom_by_name))
    monkeypatch.setattr(registry, "_custom_names", dict(registry._custom_names))


@pytest.mark.parametrize("name", ["Saw", "saw", "cutter"])
def test_a_class_is_found_by_each_of_its_names(family: Family, name: str) -> None:
    assert family.get(name).teeth == 3


def test_get_takes_whatever_can_mean_a_member(family: Family) -> None:
    cls, function = family.table["Saw"], family.table["hammer"]
    made = cls(5)
    assert family.get(None) is None
    assert type(family.get(cls)) is cls
    assert family.get(function) is function
    assert family.get("hammer") is function
    described = family.serialize(made)
    assert family.get(described).teeth == 5
    assert family.deserialize(json.loads(json.dumps(described))).teeth == 5
    assert family.deserialize(family.serialize(function)) is function


def test_an_unknown_name_is_told_with_the_nearest(family: Family) -> None:
    with pytest.raises(UnknownNameError) as told:
        family.get("Sav")
    for part in ("Unknown tool: 'Sav'", "expected", "got", "did you mean 'Saw'"):
        assert part in str(told.value)
    assert isinstance(told.value, ValueError)


def test_a_name_like_no_other_is_told_with_what_is_known(family: Family) -> None:
    with pytest.raises(UnknownNameError, match=r"use one of: Saw, cutter, hammer, saw"):
        family.get("zzzzzzzz")


def test_what_cannot_be_a_member_is_told() -> None:
    with pytest.raises(TypeError, match=r"(?s)cannot be read as a regularizer.*float: 3\.5"):
        regularizers.get(3.5)


def test_nearest_looks_past_case_and_underscores() -> None:
    assert nearest("meansquarederror", ["mean_squared_error", "huber"])[0] == "mean_squared_error"
    assert nearest("qqq", ["mean_squared_error"]) == []


def test_a_message_has_only_the_parts_that_were_given() -> None:
    assert explain("What.", got="3") == "What.\n  got:      3"
    assert "fix:      do it" in str(unknown_name("thing", "zz", ["abc"], fix="do it"))


def test_registered_objects_are_found_with_and_without_their_package(family: Family) -> None:
    @register_keras_serializable("mine", name="Plane")
    class Tool:
        def get_config(self) -> dict[str, Any]:
            return {}

    assert saving.get_registered_name(Tool) == "mine>Plane"
    assert saving.get_registered_object("mine>Plane") is Tool
    assert saving.get_registered_object("Plane") is Tool
    assert type(family.get("Plane")) is Tool
    assert family.name_of(Tool) == "mine>Plane"


def test_a_class_without_get_config_is_not_registered() -> None:
    with pytest.raises(TypeError, match=r"(?s)Bare cannot be registered.*get_config"):

        @register_keras_serializable()
        class Bare:
            pass


def test_a_scope_ends_and_gives_back_what_it_hid() -> None:
    with custom_object_scope({"relu": lambda x: x + 1}):
        with custom_object_scope({"relu": lambda x: x + 2}):
            assert activations.get("relu")(0) == 2
        assert activations.get("relu")(0) == 1
    assert activations.get("relu") is activations.relu


def test_an_error_inside_a_scope_ends_it() -> None:
    with pytest.raises(KeyError), custom_object_scope({"only_here": abs}):
        raise KeyError
    assert saving.get_registered_object("only_here") is None


@pytest.mark.parametrize(
    "item",
    [
        layers.Dense(3, activation="relu", kernel_regularizer="l2", name="d", dtype="float64"),
        layers.Dense(2, activation=activations.tanh, kernel_initializer=initializers.Ones()),
        initializers.RandomNormal(stddev=0.5),
        regularizers.L1L2(0.1, 0.2),
    ],
    ids=lambda item: type(item).__name__,
)
def test_descriptions_survive_json(item: Any) -> None:
    described = serialize(item)
    again = deserialize(json.loads(json.dumps(described)))
    assert type(again) is type(item)
    assert serialize(again) == described


def test_plain_values_are_described_as_themselves() -> None:
    given = {"a": [1, 2.5, None, True, "x"], "b": (1, 2)}
    assert serialize(given) == {"a": [1, 2.5, None, True, "x"], "b": [1, 2]}
    assert serialize(np.array([1, 2])) == [1, 2]
    assert serialize(torch.tensor([1.0])) == [1.0]
    assert serialize(torch.float32) == "float32"


def test_what_cannot_be_described_is_told() -> None:
    with pytest.raises(TypeError, match=r"(?s)cannot be written.*register_keras_serializable"):
        serialize(lambda x: x)
    with pytest.raises(TypeError, match=r"(?s)not registered.*@treadle\.saving\.register"):
        activations.serialize(lambda x: x)


def test_registered_functions_are_described_by_name() -> None:
    @register_keras_serializable("mine")
    def twice(x: float) -> float:
        return 2 * x

    described = serialize(twice)
    assert "mine>twice" in json.dumps(described)
    assert deserialize(described) is twice


def test_a_description_names_no_module_that_was_not_registered() -> None:
    with pytest.raises(UnknownNameError):
        deserialize({"module": "os", "class_name": "system", "config": {}, "registered_name": None})


def test_names_are_numbered() -> None:
    first, second = unique_name("quite_new"), unique_name("quite_new")
    assert (first, second) == ("quite_new", "quite_new_1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Dense", "dense"), ("Conv2DTranspose", "conv2d_transpose"), ("ReLU", "re_lu"), ("A", "a")],
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected
