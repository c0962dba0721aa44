"""Saving: registered names, and what goes to and comes from files."""

from treadle._core import (
    custom_object_scope,
    get_registered_name,
    get_registered_object,
    publish,
    register_keras_serializable,
)
from treadle.saving._checkpoint import Checkpoint, CorruptFileError

__all__ = [
    "Checkpoint",
    "CorruptFileError",
    "custom_object_scope",
    "get_registered_name",
    "get_registered_object",
    "register_keras_serializable",
]

publish(globals())
