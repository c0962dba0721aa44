"""Process-wide settings: default dtype, epsilon, image layout, dtype policy."""

from treadle._core import (
    dtype_policy,
    epsilon,
    floatx,
    image_data_format,
    publish,
    set_dtype_policy,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]

publish(globals())
