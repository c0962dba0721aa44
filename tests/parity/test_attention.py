"""Attention layers against Keras: outputs, weights and gradients, with masks of all kinds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.parity.test_recurrent import pair_of, same

pytestmark = pytest.mark.filterwarnings("ignore")

G = torch.Generator().manual_seed(0)
X, Y, Z = (torch.randn(2, n, 6, generator=G) for n in (4, 4, 4))
MASKS: list[dict[str, Any]] = [
    {},
    {"query_mask": torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]).bool()},
    {"value_mask": torch.tensor([[1, 0, 1, 0], [1, 1, 1, 1]]).bool(), "use_causal_mask": True},
    {"key_mask": torch.tensor([[1, 0, 1, 0], [1, 1, 1, 1]]).bool()},
    {"attention_mask": (torch.rand(2, 4, 4, generator=G) > 0.4) | torch.eye(4).bool()},
    {"use_causal_mask": True},
]
HEADS: list[tuple[str, dict[str, Any]]] = [
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}),
    ("MultiHeadAttention", {"num_heads": 3, "key_dim": 4, "value_dim": 2, "use_gate": True}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "output_shape": 3, "use_bias": False}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "sliding_window": 2}),
    ("GroupQueryAttention", {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2}),
]


@pytest.mark.parametrize(("name", "arguments"), HEADS, ids=str)
@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: "-".join(mask))
def test_heads(name: str, arguments: dict[str, Any], mask: dict[str, Any], keras: Any) -> None:
    if name == "GroupQueryAttention" and "query_mask" in mask:
        pytest.skip("Keras hides all values from masked queries here, unlike in MultiHeadAttention")
    ours, theirs = pair_of(lambda m: getattr(m, name)(**arguments), keras, X, Y, Z)
    same(ours, theirs, X, Y, Z, **mask)
    same(ours, theirs, X, Y, return_attention_scores=True, **mask)


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
def test_axes(axes: tuple[int, ...], keras: Any) -> None:
    x = torch.randn(2, 4, 5, 6, generator=G)
    ours, theirs = pair_of(
        lambda m: m.MultiHeadAttention(2, 4, attention_axes=axes, output_shape=(2, 3)), keras, x, x
    )
    same(ours, theirs, x, x, return_attention_scores=True)


@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
@pytest.mark.parametrize("causal", [False, True])
def test_single_heads(name: str, causal: bool, keras: Any) -> None:
    masks = [torch.rand(2, 4, generator=G) > 0.3, torch.tensor([[1, 0, 1, 0], [1, 1, 0, 1]]).bool()]
    for further in ({}, {"mask": masks}, {"mask": [None, masks[1]]}):
        ours, theirs = pair_of(lambda m: getattr(m, name)(use_scale=True), keras, [X, Y, Z])
        same(ours, theirs, [X, Y, Z], use_causal_mask=causal, **further)
        same(ours, theirs, [X, Y, Z], return_attention_scores=True, **further)
