"""Whole-model `.h5` files of Keras 1 and 2, which Keras 3 still writes and reads: configuration, weights, optimizer."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from treadle import _core, layers
from treadle.saving._config import build_model, compile_from_config
from treadle.saving._config_check import checked
from treadle.saving._errors import corrupt
from treadle.saving._hdf5 import (
    as_stored,
    datasets_of,
    open_hdf5,
    read_text,
    read_texts,
    write_tensor,
)
from treadle.saving._json import parse
from treadle.saving._legacy import TOP, legacy_layers, load_legacy_weights
from treadle.saving._optimizer_state import is_built, load_state, state_tensors
from treadle.saving._size_check import check_sizes

_OPTIMIZER = "optimizer_weights"
_MODULES = {
    "loss": "keras.losses",
    "metrics": "keras.metrics",
    "weighted_metrics": "keras.metrics",
}


def write_legacy_model(path: Path, model: Any, config: dict[str, Any]) -> None:
    """Write a model, as Keras's `model.save("m.h5")` does."""
    described = {"class_name": config["class_name"], "config": config["config"]}
    training = dict(config.get("compile_config") or {})
    optimizer = training.pop("optimizer", None)
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["keras_version"] = "3.15.0"
        file.attrs["backend"] = "torch"
        file.attrs["model_config"] = json.dumps(described, allow_nan=False)
        if optimizer is not None:
            named = {key: optimizer[key] for key in ("class_name", "config")}
            training = {**training, "optimizer_config": named}
            file.attrs["training_config"] = json.dumps(training, allow_nan=False)
        group = file.create_group("model_weights")
        group.attrs["keras_version"] = "3.15.0"
        group.attrs["backend"] = "torch"
        rows = legacy_layers(model)
        group.attrs["layer_names"] = [name for name, _ in rows]
        for name, weights in [*rows, (TOP, [])]:
            inner = group.create_group(name)
            names = [f"{name}/{position}" for position in range(len(weights))]
            inner.attrs["weight_names"] = names if names else np.zeros(0)
            for key, value in zip(names, weights, strict=True):
                write_tensor(inner, key, value)
        if optimizer is not None and is_built(model.optimizer):
            _write_optimizer(file.create_group(_OPTIMIZER), model)


def _write_optimizer(group: h5py.Group, model: Any) -> None:
    values = state_tensors(model)
    names = [f"{model.optimizer.name}/{position}" for position in range(len(values))]
    group.attrs["weight_names"] = names
    for name, value in zip(names, values, strict=True):
        write_tensor(group, name, value)


def _read_optimizer(
    file: h5py.File, datasets: dict[str, h5py.Dataset], where: str
) -> list[torch.Tensor]:
    """Return the state of the optimizer in Keras's order; empty when there is none."""
    if _OPTIMIZER not in file:
        return []
    keys = [f"{_OPTIMIZER}/{n}" for n in read_texts(file[_OPTIMIZER], "weight_names", where)]
    missing = [key for key in keys if key not in datasets]
    if missing:
        raise corrupt(where, f"no {missing[0]!r:.80}", "every tensor that is listed")
    return [as_stored(datasets[key], f"{where}, {key}").read() for key in keys]


def load_legacy_model(path: Path, compiled: bool) -> Any:
    """Return the model in a whole-model HDF5 file."""
    where = str(path)
    with open_hdf5(path, where) as file:
        datasets = datasets_of(file, where)
        text = read_text(file, "model_config", where)
        if text is None:
            raise corrupt(
                where, "no attribute `model_config`", "a whole model; for weights, load_weights"
            )
        training = read_text(file, "training_config", where)
        stored = {
            key: as_stored(data, f"{where}, {key}")
            for key, data in datasets.items()
            if not key.startswith(_OPTIMIZER)
        }
        state = _read_optimizer(file, datasets, where) if compiled else []
    inside = f"{where}, model_config"
    config = checked(_modern(parse(text, inside)), inside)
    large = check_sizes(config, stored, inside)
    with layers.weights_to_be_loaded():
        model = build_model(config, inside, large=large)
    try:
        load_legacy_weights(path, model, where)
    except _core.ShapeError as error:
        raise corrupt(where, str(error), "weights that fit the configuration") from error
    if compiled and training is not None:
        _compile(model, checked(parse(training, where), f"{where}, training_config"), where)
        load_state(model, state, where)
    return model


def _compile(model: Any, training: dict[str, Any], where: str) -> None:
    try:
        optimizer = _modern_optimizer(training["optimizer_config"])
        named = {key: _of_module(training.get(key), name) for key, name in _MODULES.items()}
        compile_from_config(model, {**training, **named, "optimizer": optimizer})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        warnings.warn(
            _core.explain(
                f"The model was loaded, but not compiled: {where}.",
                expected="a training_config that treadle can follow",
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


def _of_module(value: Any, module: str) -> Any:
    """Return descriptions that say whether a loss or a metric of the same name is meant, as old files do not."""
    if isinstance(value, list):
        return [_of_module(part, module) for part in value]
    if not isinstance(value, dict):
        return value
    if "class_name" in value and "config" in value:
        return {"module": module, **value}
    return {key: _of_module(part, module) for key, part in value.items()}


def _modern_optimizer(config: dict[str, Any]) -> dict[str, Any]:
    renamed = {"lr": "learning_rate"}
    old = {"decay", "is_legacy_optimizer", "jit_compile"}
    inner = {renamed.get(k, k): v for k, v in config["config"].items() if k not in old}
    return {"class_name": config["class_name"], "config": inner}


def _modern(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with the names that Keras 2 used put into today's."""
    if config.get("class_name") == "Model":
        config = {**config, "class_name": "Functional"}
    return _renamed(config)


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__tuple__" and "items" in value:
        return [_renamed(part) for part in value["items"]]
    if "class_name" in value and isinstance(value.get("config"), dict):
        value = {**value, "config": _renamed_arguments(value["class_name"], value["config"])}
    if "input_layers" in value and _old_ends(value["input_layers"]):
        value = {**value, "_legacy_ends": True}
    return {key: _renamed(part) for key, part in value.items()}


def _old_ends(ends: Any) -> bool:
    return isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list)


def _renamed_arguments(cls: Any, config: dict[str, Any]) -> dict[str, Any]:
    renamed = {"batch_input_shape": "batch_shape"} if cls == "InputLayer" else {}
    if cls == "LeakyReLU":
        renamed["alpha"] = "negative_slope"
    made = {renamed.get(key, key): value for key, value in config.items()}
    if cls != "InputLayer" and "batch_input_shape" in made:
        made["input_shape"] = made.pop("batch_input_shape")[1:]
    axis = made.get("axis")
    if cls == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        made["axis"] = axis[0]
    return made
