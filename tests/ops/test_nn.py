"""Operations of networks where Keras is no oracle: docs/differences/ops.md; errors; extremes; gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import treadle

ops = treadle.ops


def test_sparsemax_is_the_activation() -> None:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    for axis in (-1, 0):
        torch.testing.assert_close(ops.sparsemax(x, axis), treadle.activations.sparsemax(x, axis))
    torch.testing.assert_close(ops.sparsemax(x).sum(-1), torch.ones(4))


def test_causal_convolutions_are_those_of_the_layer() -> None:
    layer = treadle.layers.Conv1D(6, 3, padding="causal", dilation_rate=2, use_bias=False)
    x = torch.randn(2, 9, 4)
    y = layer(x)
    torch.testing.assert_close(ops.conv(x, layer.kernel, 1, "causal", dilation_rate=2), y)


def test_same_average_pooling_does_not_count_padding() -> None:
    x = torch.randn(2, 6, 7, 3)
    layer = treadle.layers.AveragePooling2D(3, 2, "same")
    torch.testing.assert_close(ops.average_pool(x, 3, 2, "same"), layer(x))
    torch.testing.assert_close(
        ops.average_pool(torch.ones(1, 6, 6, 1), 3, 2, "same"), torch.ones(1, 3, 3, 1)
    )


def test_blocks_do_not_depend_on_the_layout() -> None:
    x = torch.randn(2, 4, 6, 8)
    first = x.movedim(-1, 1)
    for name in ("depth_to_space", "space_to_depth"):
        function = getattr(ops, name)
        torch.testing.assert_close(
            function(first, 2, "channels_first").movedim(1, -1), function(x, 2)
        )
    torch.testing.assert_close(ops.depth_to_space(ops.space_to_depth(x, 2), 2), x)


def test_windows_fold_back() -> None:
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(ops.fold(ops.unfold(x, 2, stride=2), 6, 2, stride=2), x)


def test_classes_outside_are_nothing() -> None:
    assert ops.one_hot([3, -1, 7], 3).sum() == 0
    assert ops.multi_hot([[0, 2], [1, -1]], 4, axis=0).tolist() == [[1, 0], [0, 1], [1, 0], [0, 0]]
    assert ops.multi_hot([0, 2], num_tokens=3).tolist() == [1, 0, 1]


@pytest.mark.parametrize("axis", [0, (0, 2), 1])
def test_normalization_over_any_axes(axis: Any) -> None:
    x = torch.randn(3, 4, 5)
    y = ops.layer_normalization(x, axis=axis, epsilon=0.0)
    torch.testing.assert_close(y.mean(axis), torch.zeros_like(y.mean(axis)), atol=1e-6, rtol=0)
    torch.testing.assert_close(y.var(axis, correction=0), torch.ones_like(y.mean(axis)))
    z = ops.rms_normalization(x, axis=axis, epsilon=0.0)
    torch.testing.assert_close(z.square().mean(axis), torch.ones_like(y.mean(axis)))


@pytest.mark.parametrize("cap", [None, 2.0])
def test_attention_with_bias_and_mask(cap: float | None) -> None:
    q, k, v = (torch.randn(2, 5, 4, 8) for _ in range(3))
    bias, mask = torch.randn(2, 4, 5, 5), torch.rand(2, 1, 5, 5) > 0.3
    mask[:, :, 0] = False
    past = torch.ones(5, 5, dtype=torch.bool).tril()
    got = ops.dot_product_attention(q, k, v, bias, mask, is_causal=True, attn_logits_soft_cap=cap)
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / 8**0.5
    scores = (scores if cap is None else cap * torch.tanh(scores / cap)) + bias
    scores = scores.masked_fill(~(mask & past), float("-inf"))
    expected = torch.einsum("bhqk,bkhd->bqhd", torch.softmax(scores, -1).nan_to_num(), v)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    assert not got[:, 0].any()


def test_attention_kernels_can_be_chosen() -> None:
    x = torch.randn(2, 5, 4, 8)
    for flash in (True, False):
        torch.testing.assert_close(
            ops.dot_product_attention(x, x, x, flash_attention=flash),
            ops.dot_product_attention(x, x, x),
        )


def test_beam_search_finds_the_best_of_all() -> None:
    logits = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(3))
    labels, scores = ops.ctc_decode(logits, [4], "beam_search", beam_width=200, top_paths=5)
    for path, score in zip(labels[:, 0], scores[0], strict=True):
        kept = path[path >= 0]
        loss = ops.ctc_loss(kept[None], logits, [len(kept)], [4])
        torch.testing.assert_close(-loss[0], score, atol=1e-4, rtol=1e-4)
    assert scores[0].tolist() == sorted(scores[0].tolist(), reverse=True)


EXTREME = torch.tensor([-1e4, 0.0, 1e4])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.binary_crossentropy((x > 0).float(), x, from_logits=True),
        lambda x: ops.binary_crossentropy((x > 0).float(), torch.sigmoid(x)),
        lambda x: ops.categorical_crossentropy(torch.eye(3)[0], x, from_logits=True),
        lambda x: ops.log_softmax(x),
        lambda x: ops.log_sigmoid(x),
        lambda x: ops.softplus(x),
    ],
)
def test_extremes_stay_finite(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    x = EXTREME.clone().requires_grad_()
    y = function(x)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_moments_of_short_floats_do_not_overflow() -> None:
    mean, variance = ops.moments(torch.full((4, 1000), 300.0, dtype=torch.float16), 1)
    assert mean.tolist() == [300.0] * 4
    assert variance.tolist() == [0.0] * 4


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ops.conv(x, torch.ones(3, 3, 2, dtype=torch.float64), 2, "same"),
        lambda x: ops.average_pool(x, 3, 2, "same"),
        lambda x: ops.sparsemax(x),
        lambda x: ops.layer_normalization(x, axis=1),
        lambda x: ops.rms_normalization(x),
        lambda x: ops.squareplus(x),
        lambda x: ops.sparse_plus(x),
    ],
)
def test_gradients(call: Callable[[torch.Tensor], torch.Tensor]) -> None:
    x = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(call, (x.requires_grad_(),))


ONES = torch.ones
WRONG = [
    (lambda: ops.conv(ONES(2, 3), ONES(3, 3, 4)), "ops.conv does not fit", "shape (2, 3)"),
    (lambda: ops.conv(ONES(2, 9, 3), ONES(3, 4)), "kernel of ops.conv", "shape (3, 4)"),
    (lambda: ops.conv(ONES(2, 9, 3), ONES(3, 3, 4), padding="sam"), "padding of ops.conv", "'sam'"),
    (lambda: ops.max_pool(ONES(2, 9, 3), (2, 2)), "`pool_size` of ops.max_pool", "(2, 2)"),
    (lambda: ops.depth_to_space(ONES(2, 3), 2), "batches of images", "shape (2, 3)"),
    (lambda: ops.space_to_depth(ONES(1, 3, 4, 1), 2), "whole blocks", "3 x 4"),
    (lambda: ops.one_hot([1], 3, sparse=True), "dense tensors", "sparse=True"),
    (lambda: ops.multi_hot([1]), "how many classes", "None"),
    (lambda: ops.moments([1.0], 0, synchronized=True), "one process", "synchronized=True"),
    (lambda: ops.binary_crossentropy([1.0], [[0.5]]), "do not fit", "shape (1,)"),
    (lambda: ops.sparse_categorical_crossentropy([1, 2], ONES(3, 4)), "do not fit", "shape (2,)"),
    (lambda: ops.dot_product_attention(*[ONES(2, 3, 4)] * 3), "dot_product_attention", "(2, 3, 4)"),
    (lambda: ops.ctc_decode(ONES(1, 2, 3), [2], "beam"), "strategy of ops.ctc_decode", "'beam'"),
]


@pytest.mark.parametrize(("call", "what", "got"), WRONG)
def test_wrong_use_is_told(call: Callable[[], Any], what: str, got: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert what in str(caught.value)
    assert got in str(caught.value)


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="rms_scaling"):
        ops.layer_normalization(ONES(2, 3), rms_scaling=True)
