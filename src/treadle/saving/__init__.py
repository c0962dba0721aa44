"""Saving: registered names, and what goes to and comes from files."""

from treadle._core import (
    custom_object_scope,
    get_registered_name,
    get_registered_object,
    publish,
    register_keras_serializable,
)
from treadle._core import custom_object_scope as CustomObjectScope
from treadle.saving._checkpoint import Checkpoint
from treadle.saving._clone import clone_model
from treadle.saving._config import (
    is_functional,
    make_layer,
    model_config,
    model_from_config,
    model_from_json,
    model_to_json,
)
from treadle.saving._editor import KerasFileEditor
from treadle.saving._errors import CorruptFileError, UnsafeFileError
from treadle.saving._export import export_model
from treadle.saving._functional_config import describe_layer
from treadle.saving._inspect import inspect_file
from treadle.saving._model_files import load_model, save_model
from treadle.saving._objects import (
    deserialize_keras_object,
    get_custom_objects,
    serialize_keras_object,
)
from treadle.saving._weights_files import load_weights, save_weights

__all__ = [
    "Checkpoint",
    "CorruptFileError",
    "CustomObjectScope",
    "KerasFileEditor",
    "UnsafeFileError",
    "clone_model",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "inspect_file",
    "load_model",
    "load_weights",
    "model_from_json",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

publish(globals())
