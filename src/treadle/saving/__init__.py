"""Saving: registered names, and what goes to and comes from files."""

from treadle._core import (
    custom_object_scope,
    get_registered_name,
    get_registered_object,
    publish,
    register_keras_serializable,
)
from treadle.saving._checkpoint import Checkpoint, CorruptFileError
from treadle.saving._errors import UnsafeFileError
from treadle.saving._weights_files import load_weights, save_weights

__all__ = [
    "Checkpoint",
    "CorruptFileError",
    "UnsafeFileError",
    "custom_object_scope",
    "get_registered_name",
    "get_registered_object",
    "load_weights",
    "register_keras_serializable",
    "save_weights",
]

publish(globals())
