"""Images where Keras is no oracle: docs/differences/ops.md; errors; dtypes; gradients; layouts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import treadle

image = treadle.ops.image
IMAGES = torch.rand(2, 6, 5, 3, generator=torch.Generator().manual_seed(0))


def test_one_transform_is_meant_for_all_images() -> None:
    move = [0.9, 0.1, 0.5, 0.0, 1.1, -0.5, 0.0, 0.0]
    torch.testing.assert_close(
        image.affine_transform(IMAGES, move), image.affine_transform(IMAGES, [move, move])
    )


def test_affine_transforms_divide_by_depth() -> None:
    x = torch.arange(8.0).reshape(1, 8, 1)
    moved = image.affine_transform(x, [2, 0, 0, 0, 1, 0, 0.25, 0], fill_mode="nearest")
    columns = torch.arange(8.0)
    torch.testing.assert_close(moved[0, :, 0], 2 * columns / (1 + columns / 4))


def test_perspective_transforms_move_points_where_told() -> None:
    x = torch.zeros(9, 9, 1)
    start = torch.tensor([[1, 1], [7, 1], [1, 7], [7, 7]])
    end = torch.tensor([[2, 1], [5, 2], [0, 8], [7, 6]])
    for (column, row), value in zip(start.tolist(), (1.0, 2.0, 3.0, 4.0), strict=True):
        x[row, column] = value
    moved = image.perspective_transform(x, start, end)
    found = [moved[row, column, 0].item() for column, row in end.tolist()]
    np.testing.assert_allclose(found, [1, 2, 3, 4], rtol=1e-3)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_blur_against_scipy(data_format: str) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    x = IMAGES if data_format == "channels_last" else IMAGES.permute(0, 3, 1, 2)
    axes = (1, 2) if data_format == "channels_last" else (2, 3)
    blurred = image.gaussian_blur(x, (5, 7), (0.6, 1.1), data_format)
    expected = x.numpy()
    for axis, sigma, radius in zip(axes, (0.6, 1.1), (2, 3), strict=True):
        expected = ndimage.gaussian_filter1d(expected, sigma, axis, mode="constant", radius=radius)
    np.testing.assert_allclose(blurred, expected, atol=1e-6)


def test_even_windows_keep_the_size() -> None:
    assert image.gaussian_blur(IMAGES, (4, 2), 1.0).shape == IMAGES.shape


@pytest.mark.parametrize("method", ["lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [False, True])
def test_lanczos_keeps_what_is_even(method: str, antialias: bool) -> None:
    for size in ((3, 9), (12, 2)):
        resized = image.resize(torch.full((2, 6, 5, 3), 0.7), size, method, antialias)
        torch.testing.assert_close(resized, torch.full((2, *size, 3), 0.7))
    torch.testing.assert_close(image.resize(IMAGES, (6, 5), method), IMAGES, atol=1e-5, rtol=0)


def test_elastic_transforms_are_seeded_and_as_strong_as_told() -> None:
    columns = torch.arange(128.0).expand(4, 128, 128)[..., None]
    moved = image.elastic_transform(columns, 10.0, 2.0, fill_mode="nearest", seed=1)
    again = image.elastic_transform(columns, 10.0, 2.0, fill_mode="nearest", seed=1)
    assert torch.equal(moved, again)
    moves = (moved - columns)[:, 30:-30, 30:-30]
    # A smoothed noise of deviation alpha * sigma has the deviation alpha / (2 sqrt(pi)).
    assert abs(moves.std().item() - 10 / (2 * np.pi**0.5)) < 0.4
    seeds = treadle.random.SeedGenerator(1)
    first = image.elastic_transform(columns, seed=seeds)
    assert not torch.equal(first, image.elastic_transform(columns, seed=seeds))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.uint8])
@pytest.mark.parametrize(
    "call",
    [
        lambda x: image.resize(x, (3, 3), "bicubic", antialias=True),
        lambda x: image.affine_transform(x, [1, 0, 0.5, 0, 1, 0.5, 0, 0]),
        lambda x: image.gaussian_blur(x),
        lambda x: image.rgb_to_grayscale(x),
        lambda x: image.elastic_transform(x, seed=1),
    ],
    ids=["resize", "affine_transform", "gaussian_blur", "rgb_to_grayscale", "elastic_transform"],
)
def test_dtypes(dtype: torch.dtype, call: object) -> None:
    assert callable(call)
    scale = 255 if dtype is torch.uint8 else 1
    given = (IMAGES * scale).to(dtype)
    got = call(given)
    assert got.dtype == dtype
    tolerance = 1.5 if dtype is torch.uint8 else 0.02
    torch.testing.assert_close(got.double(), call(given.double()), atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: image.rgb_to_hsv(x),
        lambda x: image.hsv_to_rgb(x),
        lambda x: image.affine_transform(x, [0.9, 0.1, 0.33, 0.1, 1.1, 0.27, 0.01, 0]),
        lambda x: image.resize(x, (3, 4), "lanczos3", antialias=True),
        lambda x: image.gaussian_blur(x),
    ],
)
def test_gradients_of_images(call: object) -> None:
    x = IMAGES[:1, :3, :4].double().requires_grad_()
    assert torch.autograd.gradcheck(call, (x,))


def test_gray_images_have_finite_gradients() -> None:
    x = torch.full((1, 1, 3), 0.5, requires_grad=True)
    image.rgb_to_hsv(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


WRONG = [
    (lambda: image.resize(torch.ones(2, 2), (3, 3)), r"image\.resize do not fit[^$]*one image[^$]*\(2, 2\)"),
    (lambda: image.resize(IMAGES, (3, 3), "bilinar"), "interpolation of image.resize.*'bilinar'[^$]*bilinear"),
    (lambda: image.resize(IMAGES, (1, 2, 3)), r"`size` of image.resize[^$]*2 of them"),
    (lambda: image.resize(IMAGES, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "one way[^$]*both"),
    (lambda: image.rgb_to_hsv(torch.ones(2, 2, 4)), r"colour images[^$]*3 channels[^$]*\(2, 2, 4\)[^$]*data_format"),
    (lambda: image.rgb_to_hsv(torch.ones(2, 2, 3, dtype=torch.uint8)), r"\[0, 1\][^$]*uint8[^$]*255"),
    (lambda: image.pad_images(IMAGES, 1, 2), r"two of three[^$]*top_padding=1, bottom_padding=None"),
    (lambda: image.pad_images(IMAGES, -1, 0, 0, 0), r"does not fit images of height 6[^$]*top_padding=-1"),
    (lambda: image.crop_images(IMAGES, 4, 0, 4, 0), r"does not fit images of height 6[^$]*bottom_cropping=4"),
    (lambda: image.map_coordinates(torch.ones(2, 2), torch.ones(3, 4), 1), r"`coordinates`[^$]*\(2, \.\.\.\)[^$]*3, 4"),
    (lambda: image.map_coordinates(torch.ones(2, 2), torch.ones(2, 4), 3), r"`order`[^$]*0 \(nearest\) or 1[^$]*3"),
    (lambda: image.affine_transform(IMAGES, torch.ones(3, 8)), r"`transform`[^$]*2 images[^$]*\(2, 8\)[^$]*\(3, 8\)"),
    (lambda: image.extract_patches(torch.ones(4, 4), 2), r"extract_patches does not fit[^$]*2 spatial[^$]*\(4, 4\)"),
    (lambda: image.ssim(IMAGES, IMAGES), r"image\.ssim[^$]*11 x 11[^$]*\(2, 6, 5, 3\)[^$]*filter_size"),
    (lambda: image.scale_and_translate(IMAGES, (2, 3, 3), [1.0], [0.0], (1,), "linear"), r"`output_shape[^$]*2, 6, 5"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_wrong_use_is_told(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()
