"""Public helpers under Keras's names."""

from treadle._core import clear_session, publish, set_random_seed
from treadle.data import PyDataset
from treadle.data import PyDataset as Sequence
from treadle.display import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from treadle.saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from treadle.utils._arrays import normalize, pad_sequences, to_categorical
from treadle.utils._audio_folders import audio_dataset_from_directory
from treadle.utils._batches import (
    get_source_inputs,
    is_keras_tensor,
    pack_x_y_sample_weight,
    standardize_dtype,
    unpack_x_y_sample_weight,
)
from treadle.utils._config import Config
from treadle.utils._download import get_file
from treadle.utils._feature_space import FeatureSpace
from treadle.utils._folder_datasets import (
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from treadle.utils._images import array_to_img, img_to_array, load_img, save_img
from treadle.utils._plot_confusion import plot_confusion_matrix
from treadle.utils._plot_images import plot_image_gallery
from treadle.utils._plot_model import model_to_dot, plot_model
from treadle.utils._progbar import Progbar
from treadle.utils._splitting import split_dataset, timeseries_dataset_from_array

__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_confusion_matrix",
    "plot_image_gallery",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

publish(globals())
