"""Configurations of models: to JSON and back, what `compile` was given, and models made anew from them."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Mapping
from typing import Any

from treadle import _core, graph, layers, optimizers
from treadle.saving._config_check import checked
from treadle.saving._errors import BUILD_ERRORS, UnsafeFileError, corrupt
from treadle.saving._functional_build import functional_ends
from treadle.saving._functional_config import describe_layer, functional_config
from treadle.saving._json import parse

_COMPILE = ("loss", "loss_weights", "metrics", "weighted_metrics")
# Read from files too; whether to compile code is for the machine that trains to say.
_EXECUTION = ("run_eagerly", "steps_per_execution", "auto_scale_loss")


def is_functional(model: Any) -> bool:
    """Return whether `model` was made from symbolic inputs and outputs, rather than by a constructor of its own."""
    args, kwargs = model._recorded
    return model._program is not None and graph.has_symbolic(args, kwargs)


def model_config(model: Any) -> dict[str, Any]:
    """Return the configuration of a functional model."""
    return functional_config(model)


def model_from_config(cls: Any, config: dict[str, Any]) -> Any:
    """Return the functional model that a configuration describes, without its weights."""
    inputs, outputs = functional_ends(config, make_layer)
    return cls(inputs, outputs, name=config.get("name"), trainable=config.get("trainable", True))


def make_layer(entry: Mapping[str, Any]) -> Any:
    """Return the layer that an entry of a configuration describes."""
    made = _core.deserialize({"module": None, "registered_name": None, **entry}, layers.FAMILY)
    if not isinstance(made, layers.Layer):
        raise corrupt(f"layer {entry.get('name')!r:.60}", f"a {type(made).__name__}", "a layer")
    return made


def compile_config(model: Any) -> dict[str, Any] | None:
    """Return what `compile` was given, as JSON; None when it was not called or cannot be written."""
    compiled = getattr(model, "_compiled", None)
    if compiled is None:
        return None
    try:
        config = {"optimizer": optimizers.serialize(model.optimizer)}
        pairs = zip(_COMPILE, compiled.given, strict=True)
        config |= {name: _core.serialize(value) for name, value in pairs}
    except TypeError as error:
        warnings.warn(
            _core.explain(
                f"What {model.name!r} was compiled with is left out of the file.",
                expected="optimizers, losses and metrics that are registered",
                got=str(error).splitlines()[0],
                fix="compile the model again after loading it, or register the class or function with "
                "@treadle.saving.register_keras_serializable()",
            ),
            _core.TreadleWarning,
            stacklevel=4,
        )
        return None
    return {**config, **_how_it_runs(model)}


def _how_it_runs(model: Any) -> dict[str, Any]:
    how = getattr(model, "_execution", None)
    if how is None:
        return {"run_eagerly": False, "steps_per_execution": 1, "jit_compile": False}
    known = {name: getattr(how, name) for name in ("run_eagerly", "steps_per_execution")}
    known["jit_compile"] = how.jit_compile is True
    return known if how.auto_scale_loss else {**known, "auto_scale_loss": False}


def compile_from_config(model: Any, config: Mapping[str, Any]) -> None:
    """Compile `model` as `compile_config` described."""
    given = {name: _core.deserialize(config.get(name)) for name in _COMPILE}
    given |= {name: config[name] for name in _EXECUTION if config.get(name) is not None}
    model.compile(optimizer=optimizers.deserialize(config["optimizer"]), **given)


def model_to_json(model: Any, **kwargs: Any) -> str:
    """Return the configuration of a model as JSON, from which `model_from_json` makes it again without weights.

    Args:
        model: A model.
        **kwargs: What `json.dumps` takes.

    Raises:
        TypeError: for a model with parts that have no configuration.

    Example:
        >>> import treadle
        >>> model = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)])
        >>> treadle.saving.model_from_json(model.to_json()).output_shape
        (None, 2)
    """
    return json.dumps(serialize_model(model), allow_nan=False, **kwargs)


def serialize_model(model: Any) -> dict[str, Any]:
    """Return the whole configuration of a model: class, arguments, what it was built for, how it was compiled."""
    described = describe_layer(model)
    compiled = compile_config(model)
    return described if compiled is None else {**described, "compile_config": compiled}


def model_from_json(
    json_string: str,
    custom_objects: Mapping[str, Any] | None = None,
    where: str = "the configuration",
) -> Any:
    """Return a model, with new weights and not compiled, from what `Model.to_json` returned.

    Args:
        json_string: The JSON.
        custom_objects: Names of user classes and functions, and the classes and functions.
        where: What messages call the text.

    Returns:
        The model.

    Raises:
        UnsafeFileError: for classes and functions that are not registered, and for code.
        CorruptFileError: for what describes no model.

    Example:
        >>> import treadle
        >>> text = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)]).to_json()
        >>> treadle.models.model_from_json(text).input_shape
        (None, 3)

    Reference:
        Keras 3 API, `keras.models.model_from_json`.
    """
    with _core.custom_object_scope(custom_objects or {}):
        return build_model(checked(parse(json_string, where), where), where)


def build_model(config: dict[str, Any], where: str, *, large: bool = False) -> Any:
    """Return the model that a checked configuration describes, built if it says for what.

    Args:
        config: The configuration.
        where: What messages call it.
        large: Whether values between the layers are too large to be computed for their shapes.
    """
    probes = graph.probes_without_memory() if large else contextlib.nullcontext()
    try:
        with probes:
            return _build_model(config, where)
    except BUILD_ERRORS as error:
        if isinstance(error, UnsafeFileError):
            raise
        raise corrupt(
            where, f"{type(error).__name__}: {error}", "the configuration of a model"
        ) from error
    finally:
        graph.unwatch_modules()


def _build_model(config: dict[str, Any], where: str) -> Any:
    model = make_layer(config)
    shape = (config.get("build_config") or {}).get("input_shape")
    if not model.built and shape is not None:
        model.build(_as_shape(shape))
    if not hasattr(model, "fit"):
        raise corrupt(where, f"a {type(model).__name__}", "the configuration of a model")
    return model


def _as_shape(shape: Any) -> Any:
    """Return lists of sizes as tuples, inside any structure."""
    if isinstance(shape, dict):
        return {key: _as_shape(part) for key, part in shape.items()}
    if isinstance(shape, list) and all(size is None or isinstance(size, int) for size in shape):
        return tuple(shape)
    return [_as_shape(part) for part in shape] if isinstance(shape, list) else shape
