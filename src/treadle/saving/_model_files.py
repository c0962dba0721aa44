"""`save_model` and `load_model`: Keras 3's `.keras` archives, and the old whole-model `.h5` files."""

from __future__ import annotations

import contextlib
import datetime
import json
import warnings
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import torch

from treadle import _core, layers
from treadle.saving import _archive
from treadle.saving._assets import load_assets, write_assets
from treadle.saving._atomic import replacing_file, scratch_folder
from treadle.saving._config import build_model, compile_from_config, serialize_model
from treadle.saving._config_check import checked
from treadle.saving._errors import corrupt
from treadle.saving._json import MOST_BYTES, parse
from treadle.saving._keras_weights import load_keras_weights, stored_headers, write_keras_weights
from treadle.saving._legacy_models import load_legacy_model, write_legacy_model
from treadle.saving._objects import check_safe_mode
from treadle.saving._size_check import check_sizes
from treadle.saving._weights import check_source, check_target

FORMAT = 1  # of what treadle adds to Keras's metadata
_KERAS_VERSION = "3.15.0"  # whose format this is
_MOST_METADATA = 2**20


def save_model(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write a model: its configuration, its weights, how it was compiled, and the state of its optimizer.

    The old file stays until the new one is complete.

    Args:
        model: The model.
        filepath: A path that ends in `.keras` (Keras 3's format), or in `.h5` (that of Keras 1 and 2).
        overwrite: Whether an existing file is replaced.

    Raises:
        ValueError: for another ending.
        TypeError: for a model with parts that have no configuration.
        FileExistsError: for an existing file, with `overwrite=False`.

    Example:
        >>> import tempfile, pathlib, treadle
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "m.keras"
        >>> treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)]).save(path)
        >>> treadle.saving.load_model(path).output_shape
        (None, 2)

    Reference:
        Keras 3 API, `keras.saving.save_model`.
    """
    path = check_target(filepath, overwrite)
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        raise _unknown_ending(path)
    config = serialize_model(model)
    with replacing_file(path) as temporary:
        if path.suffix == ".keras":
            _write_archive(temporary, model, config)
        else:
            write_legacy_model(temporary, model, config)


def _write_archive(path: Path, model: Any, config: dict[str, Any]) -> None:
    metadata = {
        "keras_version": _KERAS_VERSION,
        "date_saved": f"{datetime.datetime.now():%Y-%m-%d@%H:%M:%S}",
        "treadle_version": _core.__version__,
        "treadle_format": FORMAT,
    }
    texts = {
        _archive.METADATA: json.dumps(metadata),
        _archive.CONFIG: json.dumps(config, allow_nan=False),
    }
    with scratch_folder(path) as folder:
        files = write_assets(model, folder)
        files[_archive.WEIGHTS] = folder / _archive.WEIGHTS
        write_keras_weights(files[_archive.WEIGHTS], model)
        _archive.write_archive(path, texts, files)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Read a model that `save_model` or Keras wrote. Nothing in a file is ever run.

    Args:
        filepath: A file ending in `.keras`, or in `.h5` or `.hdf5`.
        custom_objects: Names of user classes and functions, and the classes and functions.
        compile: Whether to compile the model as it was, and to restore the optimizer's state.
        safe_mode: Must be True: there is no other mode.

    Returns:
        The model.

    Raises:
        UnsafeFileError: for code, foreign classes, links, paths, and sizes without bounds.
        CorruptFileError: for a damaged file, also one whose weights do not fit.
        FileNotFoundError: when there is no file.
        ValueError: for `safe_mode=False`, and for another ending.

    Example:
        >>> import tempfile, pathlib, torch, treadle
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "m.keras"
        >>> model = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)])
        >>> model.save(path)
        >>> x = torch.ones(1, 3)
        >>> bool((treadle.saving.load_model(path)(x) == model(x)).all())
        True

    Reference:
        Keras 3 API, `keras.saving.load_model`.
    """
    check_safe_mode(safe_mode)
    path = check_source(filepath)
    with _core.custom_object_scope(custom_objects or {}), _same_streams():
        if path.suffix == ".keras":
            return _load_archive(path, compile)
        if path.suffix in (".h5", ".hdf5"):
            return load_legacy_model(path, compile)
    raise _unknown_ending(path)


def _load_archive(path: Path, compiled: bool) -> Any:
    where = str(path)
    with _archive.open_archive(path, where) as archive:
        _check_metadata(
            parse(archive.read(_archive.METADATA, _MOST_METADATA), f"{where}, metadata"), where
        )
        inside = f"{where}, {_archive.CONFIG}"
        config = checked(parse(archive.read(_archive.CONFIG, MOST_BYTES), inside), inside)
        with archive.extracted(_archive.WEIGHTS) as weights:
            place = f"{where}, {_archive.WEIGHTS}"
            large = check_sizes(config, stored_headers(weights, place), inside)
            with layers.weights_to_be_loaded():
                model = build_model(config, inside, large=large)
            try:
                load_keras_weights(weights, model, place, optimizer=False)
            except _core.ShapeError as error:
                raise corrupt(place, str(error), "weights that fit the configuration") from error
            load_assets(model, archive)
            if compiled and config.get("compile_config"):
                _compile(model, config["compile_config"], inside)
                load_keras_weights(weights, model, place, weights=False)
    return model


def _check_metadata(metadata: dict[str, Any], where: str) -> None:
    version = metadata.get("treadle_format", FORMAT)
    keras = str(metadata.get("keras_version", ""))
    if not isinstance(version, int) or version > FORMAT or not keras.startswith("3."):
        raise corrupt(
            f"{where}, {_archive.METADATA}",
            f"format {version!r:.20}, Keras {keras[:20]!r}",
            f"format {FORMAT}, Keras 3; a newer treadle may know it",
        )


def _compile(model: Any, config: Any, where: str) -> None:
    """Compile a loaded model; a model that cannot be compiled is still a model."""
    try:
        compile_from_config(model, config)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        warnings.warn(
            _core.explain(
                f"The model was loaded, but not compiled: {where}.",
                expected="a compile_config that treadle can follow",
                got=f"{type(error).__name__}: {str(error).splitlines()[0]}",
                fix="call model.compile(...)",
            ),
            _core.TreadleWarning,
            stacklevel=5,
        )
        return
    build = getattr(model.optimizer, "build", None)
    if build is not None and model.built:
        build(model.trainable_weights)


@contextlib.contextmanager
def _same_streams() -> Generator[None]:
    """Leave every random stream where it was: the initial weights of a loaded model are overwritten anyway."""
    before = _core.random_state.state_dict()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            _core.random_state.load_state_dict(before)


def _unknown_ending(path: Path) -> ValueError:
    return ValueError(
        _core.explain(
            "The name of a model file says its format.",
            expected="a name that ends in .keras (or .h5)",
            got=repr(path.name),
            fix=f"{path.name}.keras",
        )
    )
