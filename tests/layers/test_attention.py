"""The attention layers: what the table's contract cannot say, as MultiHeadAttention takes several arguments."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import treadle
from treadle import _core, graph, layers

HEADS: dict[str, dict[str, Any]] = {
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 4},
    "GroupQueryAttention": {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2},
}
X = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0))
Y = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(1))
both = pytest.mark.parametrize("name", HEADS)


def make(name: str, **further: Any) -> Any:
    return getattr(layers, name)(**HEADS[name], **further)


@both
@pytest.mark.parametrize(
    "further", [{}, {"use_bias": False, "use_gate": True, "sliding_window": 2}]
)
def test_contract(name: str, further: dict[str, Any]) -> None:
    layer = make(name, **further)
    assert not layer.weights
    outputs = layer(X, Y)
    again = layers.deserialize(layers.serialize(layer))
    again(X, Y)
    again.set_weights(layer.get_weights())
    torch.testing.assert_close(again(X, Y), outputs)
    torch.testing.assert_close(copy.deepcopy(layer)(X, Y), outputs)
    symbolic = make(name, **further)(treadle.Input((5, 6)), treadle.Input((3, 6)))
    assert symbolic.shape == (None, 5, 6)
    graph.unwatch_modules()
    outputs.square().sum().backward()
    assert all(weight.grad is not None for weight in layer.trainable_weights)
    compiled = torch.compile(layer, fullgraph=True, backend="eager")(X, Y)
    torch.testing.assert_close(compiled, outputs)
    exported = torch.export.export(layer, (X, Y), strict=False)
    torch.testing.assert_close(exported.module()(X, Y), outputs)
    for dtype in ("bfloat16", "mixed_bfloat16"):
        half = make(name, **further, dtype=dtype)(X.bfloat16(), Y.bfloat16())
        assert half.dtype == torch.bfloat16 and torch.isfinite(half).all()


@both
def test_the_kernel_computes_what_the_scores_say(name: str) -> None:
    layer = make(name)
    for further in (
        {},
        {"use_causal_mask": True},
        {"value_mask": torch.tensor([[True, True, False], [False, False, False]])},
        {"attention_mask": torch.rand(2, 5, 3) > 0.5},
    ):
        outputs, weights = layer(X, Y, return_attention_scores=True, **further)
        torch.testing.assert_close(layer(X, Y, **further), outputs)
        sums = weights.sum(-1)
        torch.testing.assert_close(sums, (sums > 0.5).float())


def test_causal_attention_does_not_look_ahead() -> None:
    layer = make("MultiHeadAttention")
    outputs = layer(X, X, use_causal_mask=True)
    changed = X.clone()
    changed[:, 3:] += 1
    torch.testing.assert_close(layer(changed, changed, use_causal_mask=True)[:, :3], outputs[:, :3])


@pytest.mark.parametrize("seed", [None, 3])
def test_weights_are_dropped_in_training_only(seed: int | None) -> None:
    for layer, inputs in (
        (make("MultiHeadAttention", dropout=0.5, seed=seed), (X, Y)),
        (layers.Attention(dropout=0.5, seed=seed), ([X, Y],)),
        (layers.AdditiveAttention(dropout=0.5, seed=seed), ([X, Y],)),
    ):
        assert torch.equal(layer(*inputs), layer(*inputs))
        assert not torch.equal(layer(*inputs, training=True), layer(*inputs, training=True))


def test_other_axes() -> None:
    images = torch.randn(2, 4, 5, 6)
    rows = layers.MultiHeadAttention(2, 4, attention_axes=2, output_shape=3)
    outputs, weights = rows(images, images, return_attention_scores=True)
    assert (outputs.shape, weights.shape) == ((2, 4, 5, 3), (2, 4, 2, 5, 5))
    torch.testing.assert_close(rows(images[:, :1], images[:, :1]), outputs[:, :1])


def test_shapes_build_all_weights() -> None:
    layer = make("MultiHeadAttention", use_gate=True)
    layer.build((None, 5, 6), (None, 3, 7))
    assert [tuple(weight.shape) for weight in layer.weights] == [
        *[(6, 2, 4), (2, 4), (7, 2, 4), (2, 4), (6, 2, 4), (2, 4), (7, 2, 4), (2, 4)],
        *[(2, 4, 6), (6,)],
    ]


MESSAGES = [
    (lambda: layers.MultiHeadAttention(0, 4), "`num_heads` of MultiHeadAttention", "0"),
    (lambda: layers.MultiHeadAttention(1, 4, sliding_window=0), "`sliding_window`", "0"),
    (lambda: layers.GroupQueryAttention(4, 3, 2), "cannot be grouped", "divides 3"),
    (lambda: layers.Attention(score_mode="cosine"), "`score_mode` of Attention", '"concat"'),
    (lambda: layers.Attention()(X), "needs a query and a value", "layer([query, value])"),
    (lambda: layers.Attention()([X, Y], mask=X), "The mask of Attention", "[None, mask]"),
    (lambda: layers.MultiHeadAttention(1, 4)(X[0], X[0]), "wrong rank", "(batch, steps, size)"),
]


@pytest.mark.parametrize(("call", "what", "detail"), MESSAGES)
def test_messages(call: Any, what: str, detail: str) -> None:
    with pytest.raises((ValueError, _core.TreadleError)) as caught:
        call()
    assert what in str(caught.value) and detail in str(caught.value)
