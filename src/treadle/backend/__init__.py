"""What `keras.backend` still has in Keras 3: settings, dtypes, names."""

from treadle._core import (
    clear_session,
    epsilon,
    floatx,
    image_data_format,
    publish,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from treadle.backend._dtypes import (
    backend,
    get_uid,
    is_float_dtype,
    is_int_dtype,
    is_keras_tensor,
    result_type,
    standardize_dtype,
)

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]

publish(globals())
