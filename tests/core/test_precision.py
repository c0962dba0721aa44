"""Dtype policies and the process-wide numeric settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from treadle import DTypePolicy, config, layers
from treadle._core import (
    UnknownNameError,
    check_data_format,
    get_policy,
    standardize_dtype,
    torch_dtype,
)
from treadle._core import _precision as precision


@pytest.fixture(autouse=True)
def keep_settings() -> Iterator[None]:
    before = dict(vars(precision.settings))
    yield
    vars(precision.settings).update(before)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (torch.bfloat16, "bfloat16"),
        (np.dtype("int32"), "int32"),
        (np.float64, "float64"),
        (float, "float32"),
        (int, "int64"),
        (bool, "bool"),
        ("half", "float16"),
        ("double", "float64"),
        (None, "float32"),
    ],
)
def test_dtypes_have_one_name(given: Any, name: str) -> None:
    assert standardize_dtype(given) == name
    assert torch_dtype(given) == getattr(torch, name)


def test_an_unknown_dtype_is_told() -> None:
    with pytest.raises(UnknownNameError, match=r"(?s)Unknown dtype: 'flaot32'.*'float32'"):
        standardize_dtype("flaot32")


@pytest.mark.parametrize(
    ("name", "compute", "variable"),
    [
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("mixed_float16", "float16", "float32"),
        (None, "float32", "float32"),
    ],
)
def test_policies(name: str | None, compute: str, variable: str) -> None:
    policy = DTypePolicy(name)
    assert (policy.compute_dtype, policy.variable_dtype) == (compute, variable)
    assert DTypePolicy.from_config(policy.get_config()) == policy
    assert hash(policy) == hash(DTypePolicy(policy.name))
    assert policy.name in repr(policy)
    assert get_policy(policy) is policy


@pytest.mark.parametrize("name", ["mixed_float32", "mixed_bfloat", "flot32"])
def test_an_unknown_policy_is_told(name: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        DTypePolicy(name)


def test_settings_are_what_new_layers_use() -> None:
    config.set_floatx("float64")
    assert (config.floatx(), layers.Dense(1).dtype) == ("float64", "float64")
    config.set_dtype_policy("mixed_bfloat16")
    assert layers.Dense(1).compute_dtype == "bfloat16"
    assert config.dtype_policy().name == "mixed_bfloat16"


def test_settings_are_checked() -> None:
    config.set_epsilon(1e-3)
    assert config.epsilon() == 1e-3
    with pytest.raises(ValueError, match=r"(?s)`epsilon` cannot be used.*> 0.*-1"):
        config.set_epsilon(-1)
    with pytest.raises(UnknownNameError, match="floating dtype"):
        config.set_floatx("int32")
    config.set_image_data_format("channels_first")
    assert check_data_format(None) == config.image_data_format() == "channels_first"
    with pytest.raises(UnknownNameError, match="did you mean 'channels_last'"):
        check_data_format("channel_last")


def test_each_thread_has_its_settings() -> None:
    config.set_floatx("float64")
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(config.floatx()))
    thread.start()
    thread.join()
    assert seen == ["float32"]
