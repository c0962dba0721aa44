"""Operations that are one node of a functional model go into model files and come back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import treadle

ops, random = treadle.ops, treadle.random

CALLS = {
    "resize": lambda x: ops.image.resize(x, (4, 4), interpolation="bicubic"),
    "affine_transform": lambda x: ops.image.affine_transform(x, torch.tensor([1.0, 0, 1, 0, 1, 0, 0, 0])),
    "conv": lambda x: ops.conv(x, torch.ones(3, 3, 2, 4), strides=2, padding="same"),
    "max_pool": lambda x: ops.max_pool(x, (2, 2)),
    "moments": lambda x: ops.moments(x, (1, 2))[1],
    "stft": lambda x: ops.stft(ops.reshape(x, (-1, 128)), 16, 8, 16)[0],
    "one_hot": lambda x: ops.one_hot(ops.cast(x, "int32"), 3),
    "scatter_update": lambda x: ops.scatter_update(x, [[0, 0]], torch.ones(1, 8, 2), "add"),
    "rearrange": lambda x: ops.rearrange(x, "b h w c -> b (h w c)"),
    "softmax": lambda x: ops.softmax(x, axis=(1, 2)),
    "dropout": lambda x: random.dropout(x, 0.5, seed=3),
    "normal": lambda x: x + random.normal((8, 8, 2), seed=3),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_models_come_back(name: str, tmp_path: Path) -> None:
    x = treadle.Input((8, 8, 2))
    model = treadle.Model(x, CALLS[name](x))
    model.save(tmp_path / "m.keras")
    again = treadle.models.load_model(tmp_path / "m.keras")
    data = torch.rand(3, 8, 8, 2)
    assert torch.equal(again(data), model(data))
