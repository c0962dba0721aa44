"""Looking through a configuration before anything is made of it: only registered names, plain names, no paths.

What only Keras writes is put into treadle's form on the way.
"""

from __future__ import annotations

import re
from typing import Any

from treadle import _core, layers
from treadle._core import _registry
from treadle.saving import _operations
from treadle.saving._errors import corrupt, unsafe

_FAMILIES = frozenset(
    {
        "activation",
        "constraint",
        "dtype policy",
        "initializer",
        "layer",
        "learning rate schedule",
        "loss",
        "metric",
        "metric function",
        "optimizer",
        "regularizer",
    }
)
_MODULES = re.compile(r"(keras|treadle|tensorflow|tf_keras|builtins)(\.[\w.]*)?")
_SPECIAL = frozenset(
    {
        "__keras_tensor__",
        "__tuple__",
        "__slice__",
        "__ellipsis__",
        "__dtype__",
        "__tensor__",
        "__float__",
        "__captured__",
    }
)
_CODE = frozenset({"__lambda__", "__bytes__", "__typespec__"})
_FILES = frozenset({"vocabulary", "filepath", "file_path", "filename", "path", "url", "directory"})
# What Keras writes and treadle has no argument for; other values than these mean something.
_NEUTRAL: dict[str, Any] = {
    "quantization_config": None,
    "lora_rank": None,
    "lora_alpha": None,
    "gptq_unpacked_column_size": None,
    "sparse": False,
    "ragged": False,
    "optional": False,
    "implementation": None,
    "time_major": False,
}
_ANY_VALUE = frozenset({"implementation", "lora_alpha"})


def checked(value: Any, where: str) -> Any:
    """Return a configuration in treadle's form.

    Raises:
        UnsafeFileError: for classes and functions that are not registered, code, and paths.
        CorruptFileError: for what no configuration holds.
    """
    if isinstance(value, list):
        return [checked(part, where) for part in value]
    if not isinstance(value, dict):
        return value
    _check_keys(value, where)
    if "class_name" in value and "config" in value:
        return _checked_object(value, where)
    return {key: checked(part, where) for key, part in value.items()}


def _check_keys(value: dict[str, Any], where: str) -> None:
    name = value.get("name")
    if isinstance(name, str):
        parts = re.split(r"[/\\]", name)
        if ".." in parts or name.startswith("/") or re.search(r"[\\\x00-\x1f:]", name):
            raise unsafe(f"{where}, name {name!r:.80}", "a name that is a path", "plain names")
    for key in _FILES & value.keys():
        if isinstance(value[key], str):
            raise unsafe(f"{where}, `{key}`", f"the path {value[key]!r:.80}", "values, not paths")


def _checked_object(value: dict[str, Any], where: str) -> Any:
    name, config = value["class_name"], value["config"]
    if not isinstance(name, str):
        raise corrupt(f"{where}, `class_name`", f"{name!r:.60}", "text")
    inside = f"{where}, {name:.60}"
    if name in _SPECIAL:
        return {**value, "config": checked(config, inside)}
    if name == "__numpy__":
        return checked(_required(config, "value", inside), inside)
    if name in _CODE:
        raise unsafe(inside, "code or bytes in the file", "functions by their registered names")
    if name.lower() == "function":
        return _checked_function(value, inside)
    if name == "DTypePolicy" and isinstance(config, dict) and set(config) == {"name"}:
        return config["name"]
    cls = _find(value, inside)
    if not isinstance(config, (dict, str)):
        raise corrupt(inside, f"a config of type {type(config).__name__}", "an object")
    made = {key: checked(part, inside) for key, part in value.items()}
    if isinstance(cls, type) and issubclass(cls, layers.Layer) and isinstance(config, dict):
        made["config"] = _known_arguments(cls, made["config"], inside)
    return made


def _required(config: Any, key: str, where: str) -> Any:
    if not isinstance(config, dict) or key not in config:
        raise corrupt(where, f"{config!r:.60}", f"an object with {key!r}")
    return config[key]


def _checked_function(value: dict[str, Any], where: str) -> Any:
    name = value["config"]
    if not isinstance(name, str) or not (_custom(name) or _in_families(name)):
        raise unsafe(where, f"the function {name!r:.60}", "registered functions")
    return {"class_name": "function", "config": name, "module": "builtins"}


def _custom(name: Any) -> Any:
    return _registry.find_custom(name) if isinstance(name, str) else None


def _in_families(name: str) -> Any:
    found = [f.table[name] for f in _registry._families if f.kind in _FAMILIES and name in f.table]
    return found[0] if found else None


def _find(value: dict[str, Any], where: str) -> Any:
    """Return the registered class that an object names."""
    name, module = value["class_name"], value.get("module")
    registered = value.get("registered_name")
    found = _custom(registered) or _custom(name)
    if found is not None:
        return found
    if not isinstance(module, (str, type(None))) or not _MODULES.fullmatch(module or "keras"):
        raise unsafe(
            where,
            f"the class {name!r:.60} of module {str(module)!r:.60}",
            f"registered classes; if {name!r:.60} is yours, give custom_objects={{{name!r:.60}: ...}} or "
            "decorate it with @treadle.saving.register_keras_serializable()",
        )
    if name == "TorchOperation":
        return None
    if (module or "").startswith(("keras.src.ops", "keras.ops")):
        if _operations.from_keras(name, _plain(value["config"])) is None:
            raise unsafe(where, f"the operation {name!r:.60}", "operations that treadle has")
        return None
    found = _in_families(name)
    if found is None:
        known = [n for f in _registry._families if f.kind in _FAMILIES for n in f.table]
        close = _core.nearest(name, known)
        hint = f"; the nearest are {', '.join(close)}" if close else ""
        raise unsafe(where, f"the class {name!r:.60}", f"registered classes{hint}")
    return found


def _plain(config: Any) -> dict[str, Any]:
    return config if isinstance(config, dict) else {}


def _known_arguments(cls: type[layers.Layer], config: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the configuration without what Keras writes for features that are not used."""
    known = set(cls._argument_names())
    left_out = [
        key
        for key in config
        if key in _NEUTRAL
        and key not in known
        and (key in _ANY_VALUE or config[key] == _NEUTRAL[key])
    ]
    return {key: value for key, value in config.items() if key not in left_out}
