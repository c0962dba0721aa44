"""`save_weights` and `load_weights`: which format a file name means."""

from __future__ import annotations

from typing import Any

from treadle import _core
from treadle.saving._atomic import replacing_file
from treadle.saving._keras_weights import load_keras_weights, write_keras_weights
from treadle.saving._legacy import load_legacy_weights
from treadle.saving._safetensors import load_safetensors, write_safetensors
from treadle.saving._shards import ENDING
from treadle.saving._weights import check_source, check_target


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights of a model, and the state of its optimizer where the format has it.

    The old file stays until the new one is complete.

    Args:
        model: The model.
        filepath: A path that ends in `.weights.h5` (Keras's format) or `.safetensors` (torch's).
        overwrite: Whether an existing file is replaced.

    Raises:
        ValueError: for another ending.
        FileExistsError: for an existing file, with `overwrite=False`.

    Example:
        >>> import tempfile, pathlib, treadle
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "m.safetensors"
        >>> model = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2, name="out")])
        >>> treadle.saving.save_weights(model, path)
        >>> import safetensors.torch
        >>> sorted(safetensors.torch.load_file(path))
        ['out.bias', 'out.kernel']

    Reference:
        Keras 3 API, `keras.Model.save_weights`.
    """
    path = check_target(filepath, overwrite)
    if path.name.endswith(".weights.h5"):
        write = write_keras_weights
    elif path.suffix == ".safetensors":
        write = write_safetensors
    else:
        raise _unknown_ending(path, [".weights.h5", ".safetensors"])
    with replacing_file(path) as temporary:
        write(temporary, model)


def load_weights(
    model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool = False
) -> None:
    """Read weights into a model; it is changed only when everything in the file was found to fit.

    Args:
        model: A built model.
        filepath: A file ending in `.weights.h5`, `.safetensors`, `.weights.json` (Keras's list of several
            `.weights.h5` files beside it), or (of old versions of Keras) `.h5`, `.hdf5`.
        skip_mismatch: Warn about what does not fit, and leave it as it is, instead of raising.
        by_name: Take only the layers whose names are in both.

    Raises:
        ValueError: with a list of all differences between file and model.
        CorruptFileError: for a damaged file.
        UnsafeFileError: for a file that no honest program writes.
        FileNotFoundError: when there is no file.

    Example:
        >>> import tempfile, pathlib, treadle
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "m.weights.h5"
        >>> model = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)])
        >>> treadle.saving.save_weights(model, path)
        >>> treadle.saving.load_weights(model, path)

    Reference:
        Keras 3 API, `keras.Model.load_weights`.
    """
    path = check_source(filepath)
    where = str(path)
    if path.name.endswith((".weights.h5", ENDING)):
        load_keras_weights(path, model, where, skip_mismatch=skip_mismatch, by_name=by_name)
    elif path.suffix == ".safetensors":
        load_safetensors(path, model, where, skip_mismatch=skip_mismatch, by_name=by_name)
    elif path.suffix in (".h5", ".hdf5"):
        load_legacy_weights(path, model, where, skip_mismatch=skip_mismatch, by_name=by_name)
    else:
        raise _unknown_ending(path, [".weights.h5", ".safetensors", ".h5"])


def _unknown_ending(path: Any, endings: list[str]) -> ValueError:
    return ValueError(
        _core.explain(
            "The name of a weights file says its format.",
            expected=f"a name that ends in {' or '.join(endings)}",
            got=repr(path.name),
            fix=f"{path.name}{endings[0]}",
        )
    )
