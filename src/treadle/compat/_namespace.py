"""Namespaces of look-alikes, the modules made of them, and what a name that is not there is answered.

A namespace has names of its own, and may have all public names of a treadle module (its source).
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch

from treadle import _core

_ABSENT: Any = object()
_TORCH = ("torch", "torch.nn.functional", "torch.linalg", "torch.special", "torch.fft", "torch.nn")


@dataclass(frozen=True)
class Forward:
    """A name that treadle itself has under another path; looked up when it is used."""

    path: str


@dataclass(frozen=True)
class Namespace:
    """The names of one module.

    Args:
        names: Look-alikes by name; a `Forward` stands for a name of treadle.
        source: The path of the treadle module whose public names are all here as well.
    """

    names: Mapping[str, Any] = field(default_factory=dict[str, Any])
    source: str | None = None


class Catalogue:
    """All namespaces by their canonical paths, the aliases of paths, and hints for names that are not there.

    Args:
        namespaces: Namespaces by path, such as `"keras.layers"`.
        aliases: Other paths of namespaces: `{"tensorflow.keras": "keras"}`; longer ones win.
        hints: What to use instead, by regular expression that the whole path must match; the first one counts.
    """

    def __init__(
        self,
        namespaces: Mapping[str, Namespace],
        aliases: Mapping[str, str],
        hints: Mapping[str, str],
    ) -> None:
        self.namespaces = dict(namespaces)
        self.aliases = dict(sorted(aliases.items(), key=lambda item: -len(item[0])))
        self.hints = [(re.compile(pattern), hint) for pattern, hint in hints.items()]
        for path in (*namespaces, *aliases):
            for end in (match.start() for match in re.finditer(r"\.", path)):
                if not self.has_namespace(path[:end]):  # a package that only holds others
                    self.namespaces[path[:end]] = Namespace()
        self.roots = {path.partition(".")[0] for path in (*namespaces, *aliases)}
        self._modules: dict[str, LookAlike] = {}

    def canonical(self, path: str) -> str:
        """Return `path` with aliases resolved."""
        for alias, target in self.aliases.items():
            if path == alias or path.startswith(f"{alias}."):
                return self.canonical(target + path[len(alias) :])
        return path

    def has_namespace(self, path: str) -> bool:
        """Return whether `path` is a namespace, rather than a name in one."""
        return self.canonical(path) in self.namespaces

    def module(self, path: str) -> LookAlike:
        """Return the module of the namespace at `path`; always the same object."""
        path = self.canonical(path)
        if path not in self._modules:
            self._modules[path] = LookAlike(path, self)
        return self._modules[path]

    def member(self, path: str, name: str) -> Any:
        """Return the look-alike called `name` in the namespace at `path`.

        Raises:
            AttributeError: if there is none; the message says what to use.
        """
        path = self.canonical(path)
        namespace = self.namespaces[path]
        if name in namespace.names:
            found = namespace.names[name]
            found = _treadle_object(found.path) if isinstance(found, Forward) else found
        elif self.has_namespace(f"{path}.{name}"):
            found = self.module(f"{path}.{name}")
        elif namespace.source is not None and not name.startswith("_"):
            found = _treadle_object(f"{namespace.source}.{name}")
        else:
            found = _ABSENT
        if found is _ABSENT:
            raise AttributeError(self.missing(path, name), name=name)
        return found

    def names(self, path: str) -> list[str]:
        """Return all names in the namespace at `path`, sorted."""
        path = self.canonical(path)
        namespace = self.namespaces[path]
        found = {name for name, item in namespace.names.items() if _is_there(item)}
        source = _ABSENT if namespace.source is None else _treadle_object(namespace.source)
        found |= set(getattr(source, "__all__", ()))
        starts = f"{path}."
        below = [item for item in (*self.namespaces, *self.aliases) if item.startswith(starts)]
        return sorted(found | {item[len(starts) :].partition(".")[0] for item in below})

    def covered(self) -> Iterator[tuple[str, Any]]:
        """Yield (path, object) for each look-alike that has a table entry of its own."""
        for path, namespace in self.namespaces.items():
            for name in namespace.names:
                yield f"{path}.{name}", self.member(path, name)

    def missing(self, path: str, name: str) -> str:
        """Return the message for a name that is not in the namespace at `path`."""
        full = f"{path}.{name}" if path else name
        return _core.explain(
            f"treadle has no look-alike of {full}.",
            expected="a name that treadle.compat covers",
            got=full,
            fix="; ".join(self._fixes(path, name)),
        )

    def _fixes(self, path: str, name: str) -> list[str]:
        full = f"{path}.{name}" if path else name
        for pattern, hint in self.hints:
            if pattern.fullmatch(full):
                return [hint]
        root = path.partition(".")[0]
        elsewhere = [
            f"{other}.{name}"
            for other, namespace in self.namespaces.items()
            if other.partition(".")[0] == root and _is_there(namespace.names.get(name))
        ]
        if elsewhere:
            return [f"use {elsewhere[0]}"]
        same = _torch_path(name)
        fixes = [f"torch has {same}"] if same else []
        close = _core.nearest(name, self.names(path)) if path in self.namespaces else []
        if close:
            fixes.append("did you mean " + " or ".join(f"{path}.{item}" for item in close) + "?")
        return fixes or ["write it with torch or treadle; docs/compat.md lists what is covered"]


class LookAlike(ModuleType):
    """A module that answers for a namespace of Keras or TensorFlow."""

    def __init__(self, path: str, catalogue: Catalogue) -> None:
        super().__init__(path, f"The look-alike of {path} in treadle.compat.")
        self.__path__ = []  # a package: imports of what is under it come to the finder
        self.__version__ = VERSIONS.get(path, _core.__version__)
        self._catalogue = catalogue

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return dir(self)
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)
        found = self._catalogue.member(self.__name__, name)
        setattr(self, name, found)  # the next time without this call, and plain for torch.compile
        return found

    def __dir__(self) -> list[str]:
        return self._catalogue.names(self.__name__)


# Scripts compare them; these are the versions whose names are covered.
VERSIONS = {"keras": "3.15.0", "tensorflow": "2.19.0", "tensorflow_datasets": "4.9.9"}


def _treadle_object(path: str) -> Any:
    """Return what treadle has at `path` ("treadle.layers.Dense"), or the mark for nothing."""
    package, *parts = path.split(".")
    found: Any = importlib.import_module(package)
    with contextlib.suppress(ModuleNotFoundError, IndexError):
        # Also rooms that `import treadle` leaves out.
        found, parts = importlib.import_module(f"{package}.{parts[0]}"), parts[1:]
    for part in parts:
        listed = getattr(found, "__all__", None)
        if isinstance(found, ModuleType) and part not in (listed or ()):
            return _ABSENT
        found = getattr(found, part, _ABSENT)
    return found


def _is_there(entry: Any) -> bool:
    if entry is None:
        return False
    return not isinstance(entry, Forward) or _treadle_object(entry.path) is not _ABSENT


@functools.cache
def _torch_path(name: str) -> str | None:
    """Return where torch has a function or class called `name`."""
    for path in _TORCH:
        found: Any = torch
        for part in path.split(".")[1:]:
            found = getattr(found, part)
        if callable(getattr(found, name, None)) and not name.startswith("_"):
            return f"{path}.{name}"
    return None
