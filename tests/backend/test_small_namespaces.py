"""`backend`, `dtype_policies` and `mixed_precision`."""

from __future__ import annotations

import pytest
import torch

import treadle


def test_dtypes() -> None:
    backend = treadle.backend
    floats = ("float16", "bfloat16", "int32", "complex64")
    assert [backend.is_float_dtype(d) for d in floats] == [True, True, False, False]
    whole = ("int8", "uint8", "bool", torch.float32)
    assert [backend.is_int_dtype(d) for d in whole] == [True, True, False, False]
    assert backend.is_keras_tensor(treadle.Input((2,)))
    assert not backend.is_keras_tensor(torch.ones(2))
    assert backend.get_uid("dense") + 1 == backend.get_uid("dense")


def test_numbering_begins_anew() -> None:
    treadle.backend.get_uid("wall")
    treadle.backend.clear_session()
    assert [treadle.backend.get_uid("wall") for _ in range(3)] == [1, 2, 3]


def test_policies_go_there_and_back() -> None:
    policies = treadle.dtype_policies
    for name in ("float32", "mixed_bfloat16"):
        policy = policies.get(name)
        assert policies.get(policy) is policy
        assert policies.get(policies.serialize(policy)) == policy
        assert policies.deserialize(policies.serialize(policy)).name == name
    assert policies.get(None) == treadle.config.dtype_policy()
    with pytest.raises(ValueError, match=r"dtype policy.*'mixed_float'"):
        policies.get("mixed_float")


def test_old_names_are_the_new_ones() -> None:
    mixed = treadle.mixed_precision
    assert mixed.Policy is treadle.DTypePolicy
    assert mixed.LossScaleOptimizer is treadle.optimizers.LossScaleOptimizer
    before = mixed.global_policy()
    mixed.set_global_policy("mixed_bfloat16")
    assert treadle.config.dtype_policy().name == "mixed_bfloat16"
    mixed.set_global_policy(before)
