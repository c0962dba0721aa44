"""Nested structures keep their order; random streams are separate and repeat."""

from __future__ import annotations

import collections
import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from treadle import layers, utils
from treadle._core import (
    derive_seed,
    flatten,
    leaves,
    make_generator,
    map_structure,
    random_state,
    unflatten,
)

Pair = collections.namedtuple("Pair", "left right")


@pytest.fixture(autouse=True)
def keep_seed() -> Iterator[None]:
    """Give the process back the streams that it had."""
    before, torch_state = random_state.state_dict(), torch.get_rng_state()
    yield
    random_state.load_state_dict(before)
    torch.set_rng_state(torch_state)


def test_dicts_keep_the_order_in_which_they_were_written() -> None:
    tree = {"z": 1, "a": [2, (3, None)], "m": Pair(4, {"k": 5})}
    flat, form = flatten(tree)
    assert flat == leaves(tree) == [1, 2, 3, None, 4, 5]
    again = unflatten(flat, form)
    assert again == tree
    assert list(again) == ["z", "a", "m"]
    assert type(again["m"]) is Pair


def test_map_structure_pairs_leaves() -> None:
    assert map_structure(lambda a, b: a + b, {"x": 1, "y": (2,)}, {"x": 10, "y": (20,)}) == {
        "x": 11,
        "y": (22,),
    }


def test_seeds_depend_on_every_key() -> None:
    seeds = {derive_seed(*keys) for keys in [(1, "a"), (1, "b"), (2, "a"), (1, "a", 0), ("1a",)]}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(1, "a") == derive_seed(1, "a")


def test_streams_do_not_move_each_other() -> None:
    utils.set_random_seed(3)
    alone = [random_state.draw("order") for _ in range(3)]
    utils.set_random_seed(3)
    mixed = []
    for _ in range(3):
        random_state.draw("other")
        torch.rand(5)
        mixed.append(random_state.draw("order"))
    assert alone == mixed
    assert len(set(alone)) == 3


def test_one_seed_seeds_everything() -> None:
    drawn = []
    for _ in range(2):
        utils.set_random_seed(11)
        drawn.append((random.random(), np.random.rand(), torch.rand(()).item()))
    assert drawn[0] == drawn[1]


def test_torchs_seed_is_enough() -> None:
    random_state.seed = None
    kernels = []
    for _ in range(2):
        torch.manual_seed(5)
        layer = layers.Dense(3)
        layer.build((None, 4))
        kernels.append(layer.kernel.detach().clone())
    assert torch.equal(*kernels)


def test_without_a_seed_draws_differ() -> None:
    random_state.seed = None
    assert random_state.draw("a") != random_state.draw("a")


def test_the_state_can_be_put_back() -> None:
    utils.set_random_seed(1)
    random_state.draw("a")
    state = random_state.state_dict()
    following = random_state.draw("a")
    random_state.load_state_dict(state)
    assert random_state.draw("a") == following


def test_generators_repeat() -> None:
    first, second = (torch.rand(4, generator=make_generator(9)) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7"])
def test_a_seed_out_of_range_is_told(seed: object) -> None:
    with pytest.raises(ValueError, match=r"(?s)`seed` cannot be used.*integer in \[0, 2\*\*32\)"):
        utils.set_random_seed(seed)  # type: ignore[arg-type]
