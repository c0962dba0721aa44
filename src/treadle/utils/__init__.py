"""Public helpers under Keras's names."""

from treadle._core import clear_session, publish, set_random_seed
from treadle.data import PyDataset
from treadle.data import PyDataset as Sequence
from treadle.utils._arrays import normalize, pad_sequences, to_categorical
from treadle.utils._download import get_file
from treadle.utils._folder_datasets import (
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from treadle.utils._images import array_to_img, img_to_array, load_img, save_img
from treadle.utils._plot_model import plot_model
from treadle.utils._splitting import split_dataset, timeseries_dataset_from_array

__all__ = [
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "get_file",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "normalize",
    "pad_sequences",
    "plot_model",
    "save_img",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
]

publish(globals())
