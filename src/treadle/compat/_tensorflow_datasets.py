"""`tensorflow_datasets`: the data sets that treadle has, by `treadle.data.load`."""

from __future__ import annotations

from typing import Any

from treadle import data, datasets


def load(
    name: str,
    split: Any = None,
    data_dir: Any = None,
    batch_size: int | None = None,
    shuffle_files: bool = False,
    download: bool = True,
    as_supervised: bool = False,
    with_info: bool = False,
    **unused: Any,
) -> Any:
    """Return one data set, or as many as `split` asks for; a version after the name is left out."""
    return data.load(
        name.partition(":")[0],
        split=split,
        as_supervised=as_supervised,
        with_info=with_info,
        batch_size=batch_size,
        shuffle_files=shuffle_files,
    )


def as_numpy(dataset: Any) -> Any:
    """Return an iterable of the elements as arrays."""
    return dataset.as_numpy_iterator()


TENSORFLOW_DATASETS: dict[str, Any] = {
    "as_numpy": as_numpy,
    "disable_progress_bar": lambda: None,
    "list_builders": lambda: list(datasets.__all__),
    "load": load,
}
