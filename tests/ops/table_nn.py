"""Calls of the operations of networks that Keras answers, too."""

from __future__ import annotations

import numpy as np

from tests.ops.rows import Row, reals, whole

X = reals(4, 6, low=-3.0, high=3.0)
SEQUENCES, IMAGES, VOLUMES = reals(2, 9, 4), reals(2, 7, 8, 4), reals(2, 5, 6, 4, 2)
FIRST = {"data_format": "channels_first"}
CLASSES = whole(4, high=6)
LABELS = whole(3, 3, high=4) + 1
LOGITS = reals(3, 8, 5)
LENGTHS, STEPS = np.array([3, 2, 1]), np.array([8, 7, 6])
SHARES = np.exp(X) / np.exp(X).sum(-1, keepdims=True)
QUERY, KEY, VALUE = reals(2, 5, 4, 8), reals(2, 6, 4, 8), reals(2, 6, 4, 8)

ELEMENTWISE = (
    "celu elu gelu hard_sigmoid hard_silu hard_swish hard_tanh hard_shrink soft_shrink leaky_relu "
    "log_sigmoid relu relu6 selu sigmoid silu softplus softsign sparse_plus sparse_sigmoid squareplus "
    "swish tanh_shrink glu softmax log_softmax"
)

ROWS = [
    *(Row(name, X, tolerance=2e-6) for name in ELEMENTWISE.split(" ")),
    Row("relu", np.array([1, -2])),
    Row("sigmoid", np.array([1, -2]), symbolic=False),
    *(Row(name, reals(2, 3, 4), axis=axis)
      for name in ("softmax", "log_softmax") for axis in (1, (0, 2), (1, 2), None)),
    Row("glu", X, axis=0, symbolic=False),
    Row("celu", X, alpha=0.5), Row("elu", X, alpha=0.5), Row("gelu", X, approximate=False),
    Row("leaky_relu", X, negative_slope=0.01), Row("squareplus", X, b=2),
    Row("hard_shrink", X, threshold=1.0), Row("soft_shrink", X, threshold=1.0),
    Row("threshold", X, 0.5, -1.0), Row("polar", np.abs(X), X, symbolic=2),
    *(
        Row("conv", x, reals(*window, 4, 6), strides, padding, dilation_rate=dilation, tolerance=2e-5)
        for x, window in ((SEQUENCES, (3,)), (IMAGES, (3, 2)), (reals(2, 5, 6, 4, 4), (3, 2, 2)))
        for strides, padding, dilation in ((1, "valid", 1), (2, "same", 1), (1, "same", 2), (3, "valid", 1))
    ),
    Row("conv", IMAGES, reals(3, 3, 2, 6), tolerance=2e-5),
    Row("conv", np.moveaxis(IMAGES, -1, 1).copy(), reals(3, 3, 4, 6), 2, "same", tolerance=2e-5, **FIRST),
    *(
        Row("conv_transpose", x, reals(*window, 6, 4), strides, padding, more, tolerance=2e-5)
        for x, window in ((SEQUENCES, (3,)), (IMAGES, (3, 2)), (IMAGES, (2, 4)))
        for strides in (1, 2, 3)
        for padding in ("valid", "same")
        for more in ((None,) if strides == 1 else (None, 0, 1))
    ),
    Row("conv_transpose", IMAGES, reals(3, 3, 6, 4), 1, "valid", dilation_rate=2, tolerance=2e-5),
    Row("conv_transpose", IMAGES, reals(3, 3, 6, 4), 1, "same", dilation_rate=2, tolerance=2e-5),
    Row("conv_transpose", np.moveaxis(IMAGES, -1, 1).copy(), reals(3, 3, 6, 4), 2, "same", tolerance=2e-5, **FIRST),
    *(
        Row("depthwise_conv", x, reals(*window, 4, 2), strides, padding, tolerance=2e-5)
        for x, window in ((SEQUENCES, (3,)), (IMAGES, (3, 2)))
        for strides, padding in ((1, "valid"), (2, "same"), (1, "same"))
    ),
    Row("separable_conv", IMAGES, reals(3, 3, 4, 2), reals(1, 1, 8, 5), 2, "same", tolerance=4e-5),
    Row("separable_conv", SEQUENCES, reals(3, 4, 2), reals(1, 8, 5), tolerance=4e-5),
    *(
        Row(f"{what}_pool", x, size, strides, padding)
        for what in ("max", "average")
        for x in (SEQUENCES, IMAGES, VOLUMES)
        for size, strides, padding in ((2, None, "valid"), (3, 1, "valid"), (3, 2, "same"))
        if (what, padding) != ("average", "same")
    ),
    Row("average_pool", reals(1, 5, 5, 2), 3, 2, "same"),
    Row("max_pool", np.moveaxis(IMAGES, -1, 1).copy(), (2, 3), **FIRST),
    *(Row(f"adaptive_{what}_pool", x, size)
      for what in ("max", "average") for x, size in ((SEQUENCES, 4), (IMAGES, (3, 5)), (VOLUMES, 2))),
    Row("adaptive_max_pool", np.moveaxis(IMAGES, -1, 1).copy(), (2, 3), **FIRST),
    Row("depth_to_space", reals(2, 3, 4, 12), 2),
    Row("space_to_depth", reals(2, 4, 6, 3), 2),
    Row("moments", X, 1), Row("moments", reals(2, 3, 4), (1, -1), keepdims=True),
    Row("moments", X.astype("float16"), 1, symbolic=0),
    Row("batch_normalization", IMAGES, reals(4), reals(4, low=0.5), -1, reals(4), reals(4), tolerance=4e-6),
    Row("batch_normalization", IMAGES, reals(7), reals(7, low=0.5), 1, epsilon=0.1, tolerance=4e-6),
    Row("layer_normalization", IMAGES, reals(4), reals(4), tolerance=4e-6),
    Row("layer_normalization", IMAGES, axis=(1, 2, 3), epsilon=0.1, tolerance=4e-6),
    Row("rms_normalization", IMAGES, reals(4), tolerance=4e-6), Row("rms_normalization", IMAGES, axis=(-2, -1)),
    *(Row("normalize", X, order=order) for order in (1, 2, 3)), Row("normalize", IMAGES, 1),
    Row("normalize", 0 * X, gradient=False),
    Row("one_hot", CLASSES, 6), Row("one_hot", LABELS, 6, 1, "int32"), Row("multi_hot", LABELS, 6),
    Row("one_hot", np.array([1, -1]), 3), Row("multi_hot", np.array([1, 3]), 4, symbolic=False),
    Row("multi_hot", whole(2, 3, 4, high=4), 4),
    Row("binary_crossentropy", (SHARES > 0.2).astype("float32"), SHARES, symbolic=2, gradient=(1,), tolerance=2e-6),
    Row("binary_crossentropy", SHARES, X, from_logits=True, symbolic=2),
    Row("binary_crossentropy", SHARES[::-1].copy(), SHARES, symbolic=2),
    Row("categorical_crossentropy", np.eye(6, dtype="float32")[CLASSES], SHARES, gradient=(1,), symbolic=2),
    Row("categorical_crossentropy", SHARES, X, True, gradient=(1,), symbolic=2),
    Row("sparse_categorical_crossentropy", CLASSES, SHARES, symbolic=2),
    Row("sparse_categorical_crossentropy", CLASSES, X, True, symbolic=2),
    Row("sparse_categorical_crossentropy", CLASSES[:, None], X, True, symbolic=2),
    Row("sparse_categorical_crossentropy", whole(6, high=4), X, True, axis=0, symbolic=False),
    Row("psnr", X, X + reals(4, 6, low=0.0, high=0.1), 6.0, symbolic=False, tolerance=4e-6),
    Row("dot_product_attention", QUERY, KEY, VALUE, symbolic=3, tolerance=2e-6),
    Row("dot_product_attention", QUERY, KEY[:, :, :2].copy(), VALUE[:, :, :2].copy(), symbolic=3, tolerance=2e-6),
    Row("dot_product_attention", QUERY, KEY, VALUE, reals(2, 4, 5, 6), scale=0.5, symbolic=4, tolerance=2e-6),
    Row("dot_product_attention", QUERY, KEY, VALUE, mask=np.tri(5, 6)[None, None] > 0, symbolic=3, tolerance=2e-6),
    Row("dot_product_attention", QUERY, QUERY, QUERY, is_causal=True, symbolic=3, tolerance=2e-6),
    Row("ctc_loss", LABELS, LOGITS, LENGTHS, STEPS, symbolic=4, tolerance=4e-6),
    Row("ctc_loss", LABELS - 1, LOGITS, LENGTHS, STEPS, mask_index=4, symbolic=4, tolerance=4e-6),
    *(Row("ctc_decode", LOGITS, STEPS, **how, gradient=False, symbolic=2 * (len(how) < 2)) for how in (
        {}, {"merge_repeated": False}, {"mask_index": 4},
        {"strategy": "beam_search", "beam_width": 8, "top_paths": 3},
        {"strategy": "beam_search", "beam_width": 100, "top_paths": 2, "mask_index": 4})),
]  # fmt: skip
