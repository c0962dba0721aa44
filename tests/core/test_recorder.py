"""Constructor arguments are recorded: defaults, keywords, positions, chains of subclasses."""

from __future__ import annotations

from typing import Any

import pytest

from treadle import layers, regularizers
from treadle._core import Recorded, reject_unknown


class Base(Recorded):
    def __init__(self, size: int = 1, name: str | None = None) -> None:
        self.size, self.name = size, name


class Wide(Base):
    def __init__(self, width: int, *, scale: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.scale = width, scale


class Doubled(Wide):
    def __init__(self, width: int) -> None:
        super().__init__(2 * width, name="doubled")


class Silent(Wide):
    """Has no constructor of its own."""


class Listed(Recorded):
    def __init__(self, *parts: int) -> None:
        self.parts = parts


@pytest.mark.parametrize(
    ("made", "config"),
    [
        (Base(), {"size": 1, "name": None}),
        (Base(3), {"size": 3, "name": None}),
        (Wide(4, name="w"), {"width": 4, "scale": 2.0, "name": "w"}),
        (Wide(width=4, scale=1.0, size=7), {"width": 4, "scale": 1.0, "size": 7}),
        (Doubled(5), {"width": 5}),
        (Silent(6), {"width": 6, "scale": 2.0}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_configuration_is_the_arguments_of_the_outermost_constructor(
    made: Any, config: dict[str, Any]
) -> None:
    assert made.get_config() == config
    again = type(made).from_config(config)
    assert vars(again).keys() == vars(made).keys()
    assert again.get_config() == config


def test_nested_objects_are_made_again() -> None:
    made = layers.Dense(2, kernel_regularizer=regularizers.L2(0.5))
    config = made.get_config()
    again = layers.Dense.from_config(config)
    assert again._kernel_arguments["regularizer"].l2 == 0.5


def test_positional_lists_are_refused() -> None:
    assert Listed().get_config() == {}
    with pytest.raises(TypeError, match=r"(?s)Listed cannot be recorded.*\*parts.*get_config"):
        Listed(1, 2).get_config()


def test_unknown_arguments_are_told_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"(?s)Box has no argument `sise`.*did you mean `size`"):
        reject_unknown("Box", {"sise": 3}, ["size", "name"])
    with pytest.raises(TypeError, match="remove it"):
        reject_unknown("Box", {"qqqq": 3}, ["size", "name"])
    reject_unknown("Box", {}, ["size"])
