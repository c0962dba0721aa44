"""Calls of `treadle.ops.image` that Keras answers, too. Where it differs: docs/differences/ops.md, test_image.py."""

from __future__ import annotations

import numpy as np

from tests.ops.rows import Row, reals, whole

X = reals(2, 5, 6, 3, low=0.0, high=1.0)
X1 = reals(2, 3, 5, 6, low=0.0, high=1.0)
U = whole(2, 5, 6, 3, high=256, dtype="uint8")
V = reals(2, 4, 4, 5, 2)
FIRST = {"data_format": "channels_first"}
MAPS = np.array(
    [[1.1, 0.1, 0.3, -0.1, 0.9, 0.2, 0, 0], [0.7, 0.3, -3, 0.2, 1.3, 1, 0, 0]], "float32"
)
PLACES = reals(2, 30, low=-4.0, high=10.0)
START = np.array([[[0, 0], [0, 4], [3, 0], [3, 4]]] * 2, "float32")
END = START + reals(2, 4, 2, low=0.0, high=1.0)
BIG, LIKE = reals(2, 16, 18, 3, low=0.0, high=1.0), reals(2, 16, 18, 3, low=0.0, high=1.0)
SCALE, SHIFT = np.array([0.6, 1.7], "float32"), np.array([0.3, -1.2], "float32")
MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
NO_GRADIENT = {"gradient": False}

ROWS = [
    *(
        Row("image.resize", image, size, interpolation=how, antialias=smooth)
        for image in (X, U)
        for size in ((3, 4), (9, 8))
        for how in ("nearest", "bilinear", "bicubic")
        for smooth in (False, True)
    ),
    *(
        Row("image.resize", X, size, **{f"{what}_to_aspect_ratio": True}, fill_value=0.3)
        for size in ((4, 4), (7, 3), (3, 9))
        for what in ("crop", "pad")
    ),
    Row("image.resize", X1, (4, 4), **FIRST),
    Row("image.resize", X[0], (4, 4), symbolic=False),
    *(
        Row("image.affine_transform", X, MAPS, interpolation=how, fill_mode=mode, fill_value=0.5,
            gradient=(0,), symbolic=False)
        for how in ("nearest", "bilinear")
        for mode in MODES
    ),
    Row("image.affine_transform", U, MAPS, symbolic=False, **NO_GRADIENT),
    Row("image.affine_transform", X1, MAPS, gradient=(0,), symbolic=False, **FIRST),
    Row("image.affine_transform", X[0], MAPS[0], symbolic=False, gradient=(0,)),
    *(Row(f"image.{name}", X) for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")),
    *(Row(f"image.{name}", X1, **FIRST) for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")),
    Row("image.rgb_to_grayscale", U),
    Row("image.rgb_to_grayscale", X[..., :1]),
    Row("image.rgb_to_hsv", np.round(X * 2) / 2, **NO_GRADIENT),
    Row("image.hsv_to_rgb", np.round(X * 6) / 6, **NO_GRADIENT),
    Row("image.gaussian_blur", X1, (3, 3), (2.0, 2.0), **FIRST),
    Row("image.gaussian_blur", X1, (5, 5), (1.0, 1.0), **FIRST),
    *(
        Row("image.extract_patches", X, (2, 3), strides=strides, padding=padding)
        for strides in (None, 1, 2, 3)
        for padding in ("valid", "same")
    ),
    Row("image.extract_patches", X, 2, 1, 2),
    Row("image.extract_patches", X1, (2, 3), padding="same", **FIRST),
    Row("image.extract_patches_3d", V, (2, 3, 2)),
    Row("image.extract_patches_3d", V, (2, 3, 2), strides=1, padding="same"),
    Row("image.extract_patches_3d", np.moveaxis(V, -1, 1).copy(), 2, **FIRST),
    *(
        Row("image.map_coordinates", X[0, :, :, 0], PLACES, order, mode, 0.5, symbolic=False,
            gradient=(0, 1)[: order + 1])
        for mode in MODES
        for order in (0, 1)
    ),
    Row("image.map_coordinates", U[0, :, :, 0], PLACES, 1, symbolic=False, **NO_GRADIENT),
    Row("image.map_coordinates", X[0], reals(3, 2, 4, low=-1.0, high=5.0), 1, symbolic=False),
    Row("image.pad_images", X, 1, 2, 3, 4),
    Row("image.pad_images", X, 1, None, None, 0, target_height=9, target_width=8),
    Row("image.pad_images", X1, 1, 2, 3, 4, **FIRST),
    Row("image.crop_images", X, 1, 2, 1, 1),
    Row("image.crop_images", X, None, 2, 1, target_height=2, target_width=2),
    Row("image.crop_images", X1, 1, 2, 1, 1, **FIRST),
    *(
        Row("image.perspective_transform", X, START, END, how, 0.3, symbolic=False, gradient=False,
            tolerance=1e-5)
        for how in ("nearest", "bilinear")
    ),
    Row("image.perspective_transform", X, START[0], END[0], tolerance=1e-5, **NO_GRADIENT),
    *(
        Row("image.scale_and_translate", X, (2, 3, 9, 3), SCALE, SHIFT, (1, 2), method, smooth,
            symbolic=False, gradient=method != "lanczos5", tolerance=3e-6)
        for method in ("linear", "bicubic", "lanczos3", "lanczos5")
        for smooth in (False, True)
    ),
    Row("image.sobel_edges", X),
    Row("image.sobel_edges", X1, **FIRST),
    Row("image.ssim", BIG, LIKE, symbolic=False, tolerance=2e-6),
    Row("image.ssim", BIG[0], LIKE[0], symbolic=False, tolerance=2e-6),
    Row("image.ssim", BIG, BIG * 0.9, 2.0, 7, 1.0, 0.02, 0.05, symbolic=False, tolerance=2e-6),
    Row("image.elastic_transform", X, alpha=0.0, sigma=1.0, seed=1, **NO_GRADIENT),
]  # fmt: skip
