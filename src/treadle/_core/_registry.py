"""Families of named objects: one table per family, from which `get`, `serialize` and `deserialize` are made.

Classes and functions are found by name only, never by a module path, so that a file can name nothing that was
not registered by running code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from treadle._core._errors import explain, unknown_name

T = TypeVar("T")

_custom_by_name: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}
_families: list[Family] = []


class Family:
    """A group of public objects (losses, layers, ...) that can be named by a string.

    Args:
        kind: The singular word for a member in messages, such as `"loss"`.
        module: The public path of the family, such as `"treadle.losses"`.
        base: The class that instances of the family derive from, where there is one.
    """

    def __init__(self, kind: str, module: str, base: type | None = None) -> None:
        self.kind = kind
        self.module = module
        self.base = base
        self.table: dict[str, Any] = {}
        _families.append(self)

    def member(self, *aliases: str) -> Callable[[T], T]:
        """Return a decorator that enters a class or function under its own name and `aliases`."""

        def enter(item: T) -> T:
            for name in (item.__name__, *aliases):  # type: ignore[attr-defined]
                self.table[name] = item
            return item

        return enter

    def find(self, name: str) -> Any:
        """Return the class or function called `name`, or raise with the nearest names."""
        custom = find_custom(name)
        if custom is not None:
            return custom
        if name in self.table:
            return self.table[name]
        raise unknown_name(self.kind, name, self.table)

    def get(self, identifier: Any) -> Any:
        """Return the member that `identifier` means: a name, a class, a configuration or the object itself."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        elif isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if isinstance(identifier, type):
            return identifier()
        if callable(identifier) or (self.base is not None and isinstance(identifier, self.base)):
            return identifier
        raise TypeError(
            explain(
                f"This cannot be read as a {self.kind}.",
                expected=f"a name, a configuration, a callable or an instance from {self.module}",
                got=f"{type(identifier).__name__}: {identifier!r:.80}",
            )
        )

    def serialize(self, item: Any) -> Any:
        """Return what `deserialize` needs to make `item` again: a dict, or the name of a function."""
        if item is None:
            return None
        if isinstance(item, type) or not hasattr(item, "get_config"):
            return self.name_of(item)
        return serialize(item)

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return the object that `serialize` described."""
        with custom_object_scope(custom_objects or {}):
            if isinstance(config, str):
                return self.find(config)
            return deserialize(config, self)

    def name_of(self, item: Any) -> str:
        """Return the registered name of a function or class."""
        if item in _custom_names:
            return _custom_names[item]
        name = getattr(item, "__name__", type(item).__name__)
        if self.table.get(name) is item or find_custom(name) is item:
            return name
        for alias, known in self.table.items():
            if known is item:
                return alias
        raise TypeError(
            explain(
                f"A {self.kind} that is not registered cannot be written to a configuration.",
                expected=f"a member of {self.module} or a registered object",
                got=name,
                fix="decorate it with @treadle.saving.register_keras_serializable()",
            )
        )


def find_custom(name: str) -> Any:
    """Return the custom object registered as `name` (with or without its package), or None."""
    if name in _custom_by_name:
        return _custom_by_name[name]
    for full_name, item in _custom_by_name.items():
        if full_name.partition(">")[2] == name:
            return item
    return None


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """Return a decorator that registers a class or function, so that configurations can name it.

    Args:
        package: A prefix that keeps the names of different projects apart.
        name: The name to use instead of the object's own.

    Returns:
        A decorator that returns its argument unchanged.

    Raises:
        TypeError: for a class without `get_config`.

    Example:
        >>> import treadle
        >>> @treadle.saving.register_keras_serializable("docs")
        ... def twice(x):
        ...     return 2 * x
        >>> treadle.saving.get_registered_name(twice)
        'docs>twice'

    Reference:
        Keras 3 API, `keras.saving.register_keras_serializable`.
    """

    def enter(item: T) -> T:
        if isinstance(item, type) and not hasattr(item, "get_config"):
            raise TypeError(
                explain(
                    f"{item.__name__} cannot be registered.",
                    expected="a function, or a class with a `get_config` method",
                    got="a class without one",
                    fix="derive it from a treadle class, or write get_config(self) -> dict",
                )
            )
        full_name = f"{package}>{name or item.__name__}"  # type: ignore[attr-defined]
        _custom_by_name[full_name] = item
        _custom_names[item] = full_name
        return item

    return enter


def get_registered_name(item: Any) -> str:
    """Return the name that `item` was registered under, or its own name.

    Example:
        >>> import treadle
        >>> treadle.saving.get_registered_name(len)
        'len'
    """
    return _custom_names.get(item) or str(item.__name__)


def get_registered_object(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the object registered as `name`, or None.

    Example:
        >>> import treadle
        >>> treadle.saving.get_registered_object("nobody>nothing") is None
        True
    """
    return (custom_objects or {}).get(name, find_custom(name))


@contextlib.contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Generator[None]:
    """Make `custom_objects` (name -> class or function) findable inside a `with` block.

    Example:
        >>> import treadle
        >>> with treadle.saving.custom_object_scope({"twice": lambda x: 2 * x}):
        ...     treadle.activations.get("twice")(4)
        8
    """
    before = {name: _custom_by_name[name] for name in custom_objects if name in _custom_by_name}
    _custom_by_name.update(custom_objects)
    try:
        yield
    finally:
        for name in custom_objects:
            _custom_by_name.pop(name, None)
        _custom_by_name.update(before)


def serialize(item: Any) -> Any:
    """Return a JSON-able description of `item`: plain values as they are, objects by registered name."""
    if item is None or isinstance(item, (bool, int, float, str)):
        return item
    if isinstance(item, (list, tuple)):
        return [serialize(part) for part in item]
    if hasattr(item, "get_config") and not isinstance(item, type):
        cls = type(item)
        return {
            "module": cls.__module__.replace("treadle", "keras", 1)
            if cls not in _custom_names
            else None,
            "class_name": cls.__name__,
            "config": item.get_config(),
            "registered_name": _custom_names.get(cls),
        }
    if isinstance(item, Mapping):  # after objects: one that is a mapping too has a class to name
        return {str(key): serialize(part) for key, part in item.items()}
    return _serialize_plain(item)


def _serialize_plain(item: Any) -> Any:
    if hasattr(item, "tolist"):  # arrays and tensors
        return item.tolist()
    if hasattr(item, "__name__"):
        for family in _families:
            if family.table.get(item.__name__) is item:
                return item.__name__
        if item in _custom_names or find_custom(item.__name__) is item:
            return {
                "class_name": "function",
                "config": get_registered_name(item),
                "module": "builtins",
            }
    if str(item).startswith("torch."):  # dtypes
        return str(item).removeprefix("torch.")
    raise TypeError(
        explain(
            "This object cannot be written to a configuration.",
            expected="a number, string, list, dict, or an object with get_config()",
            got=f"{type(item).__name__}: {item!r:.80}",
            fix="register it with @treadle.saving.register_keras_serializable(), or write get_config yourself",
        )
    )


def is_serialized(config: Any) -> bool:
    """Return whether `config` is a description made by `serialize`, rather than a plain dict."""
    return isinstance(config, Mapping) and "class_name" in config and "config" in config


def deserialize(config: Any, family: Family | None = None) -> Any:
    """Return the object that `serialize` described; names are looked up in registries only."""
    if isinstance(config, list):
        return [deserialize(part) for part in config]
    if not is_serialized(config):
        if isinstance(config, Mapping):
            return {key: deserialize(part) for key, part in config.items()}
        return config
    name = config.get("registered_name") or config["class_name"]
    if config["class_name"] == "function":
        name = config["config"]
        return family.find(name) if family else _find_anywhere(name, None)
    cls = family.find(name) if family else _find_anywhere(name, config.get("module"))
    return cls.from_config(config["config"]) if hasattr(cls, "from_config") else cls


def _find_anywhere(name: str, module: str | None) -> Any:
    custom = find_custom(name)
    if custom is not None:
        return custom
    wanted = module.replace("keras", "treadle", 1) if module else None
    for family in sorted(_families, key=lambda item: item.module != wanted):
        if name in family.table:
            return family.table[name]
    raise unknown_name(
        "class or function", name, [known for family in _families for known in family.table]
    )
