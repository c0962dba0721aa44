"""Functions of images: sizes, geometry, colours, windows, filters. Layouts are channels last unless told otherwise."""

from treadle._core import publish
from treadle.ops.image._borders import crop_images, pad_images
from treadle.ops.image._colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from treadle.ops.image._filters import gaussian_blur, sobel_edges, ssim
from treadle.ops.image._patches import extract_patches, extract_patches_3d
from treadle.ops.image._resize import resize, scale_and_translate
from treadle.ops.image._sampling import map_coordinates
from treadle.ops.image._transforms import (
    affine_transform,
    elastic_transform,
    perspective_transform,
)

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]

publish(globals())
