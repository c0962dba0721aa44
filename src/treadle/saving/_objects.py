"""Objects as configurations and back, under the names that Keras has for it; and the table of the user's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle import _core
from treadle._core import _registry
from treadle.saving._config_check import checked
from treadle.saving._errors import CorruptFileError, corrupt

_WHERE = "the configuration"


def serialize_keras_object(obj: Any) -> Any:
    """Return a description of `obj` as plain values, from which `deserialize_keras_object` makes it again.

    Args:
        obj: A layer, loss, optimizer or other object with `get_config`, a registered function, a plain value, or
            lists and dicts of them. Arrays become lists.

    Returns:
        A dict, or what `obj` was where that is plain already.

    Raises:
        TypeError: for an object that is not registered.

    Example:
        >>> import treadle
        >>> described = treadle.saving.serialize_keras_object(treadle.losses.MeanSquaredError())
        >>> described["class_name"]
        'MeanSquaredError'
        >>> treadle.saving.serialize_keras_object(treadle.activations.relu)["config"]
        'relu'

    Reference:
        Keras 3 API, `keras.saving.serialize_keras_object`.
    """
    if isinstance(obj, (list, tuple)):
        parts = [serialize_keras_object(part) for part in obj]
        return tuple(parts) if isinstance(obj, tuple) else parts
    if isinstance(obj, Mapping) and not hasattr(obj, "get_config"):
        return {str(key): serialize_keras_object(part) for key, part in obj.items()}
    described: Any = _core.serialize(obj)
    if isinstance(described, str) and callable(obj):
        described = {"class_name": "function", "config": described, "module": "builtins"}
    return described


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
) -> Any:
    """Return the object that `serialize_keras_object` described. Nothing in a description is ever run.

    Args:
        config: The description; plain values come back as they are.
        custom_objects: Names of user classes and functions, and the classes and functions.
        safe_mode: Must be True: there is no other mode.

    Returns:
        The object.

    Raises:
        UnsafeFileError: for classes and functions that are not registered, for code, and for paths.
        CorruptFileError: for arguments that the class does not take.
        ValueError: for `safe_mode=False`.

    Example:
        >>> import treadle
        >>> described = treadle.saving.serialize_keras_object(treadle.optimizers.SGD(0.5))
        >>> float(treadle.saving.deserialize_keras_object(described).learning_rate)
        0.5

    Reference:
        Keras 3 API, `keras.saving.deserialize_keras_object`.
    """
    check_safe_mode(safe_mode)
    with _core.custom_object_scope(custom_objects or {}):
        known = checked(config, _WHERE)
        try:
            return _made(known)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            if isinstance(error, CorruptFileError):
                raise
            got = f"{type(error).__name__}: {str(error)[:300]}"
            raise corrupt(_WHERE, got, "the description of an object") from error


def _made(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_made, value))
    return _core.deserialize(value)


def check_safe_mode(safe_mode: bool) -> None:
    """Raise for `safe_mode=False`, which does not exist here."""
    if not safe_mode:
        raise ValueError(
            _core.explain(
                "There is no unsafe mode.",
                expected="safe_mode=True",
                got="safe_mode=False",
                fix="give the functions and classes that the model needs in custom_objects",
            )
        )


def get_custom_objects() -> dict[str, Any]:
    """Return the table of registered names itself: what is entered there is found in files and configurations.

    Example:
        >>> import treadle
        >>> treadle.saving.get_custom_objects()["thrice"] = lambda x: 3 * x
        >>> treadle.activations.get("thrice")(2)
        6
        >>> del treadle.saving.get_custom_objects()["thrice"]

    Reference:
        Keras 3 API, `keras.saving.get_custom_objects`.
    """
    return _registry._custom_by_name
