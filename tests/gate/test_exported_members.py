"""The façade: every public name is listed, knows its public path, and shows an example."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import treadle

SOURCE = Path(treadle.__path__[0])
# What the façades call, and no user.
INTERNAL = ("publish",)
EXAMPLE = re.compile(r"^ *Examples?:\n(?:.*\n)*? *>>> ", re.MULTILINE)


def public_modules(module: ModuleType = treadle) -> Iterator[ModuleType]:
    """Yield a module and all modules under it that users may import."""
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if not found.name.startswith("_"):
            yield from public_modules(importlib.import_module(f"{module.__name__}.{found.name}"))


MODULES = {module.__name__: module for module in public_modules()}


def is_ours(item: Any) -> bool:
    """Return whether an object is a class or a function that treadle defines."""
    return (inspect.isclass(item) or inspect.isfunction(item)) and (
        item.__module__.partition(".")[0] == "treadle"
    )


def public_items(module: ModuleType) -> list[tuple[str, Any]]:
    """Return the classes and functions of treadle that a module lists, each with its path."""
    items = [(name, getattr(module, name)) for name in module.__all__]
    return [(f"{module.__name__}.{name}", item) for name, item in items if is_ours(item)]


@functools.cache
def uses() -> set[tuple[str, str, str]]:
    """Return (package of the file, module, name) for each name that a file takes from a module."""
    found: set[tuple[str, str, str]] = set()
    for path in SOURCE.rglob("*.py"):
        package = ".".join(["treadle", *path.relative_to(SOURCE).parent.parts])
        modules: dict[str, str] = {}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    found.add((package, node.module, alias.name))
                    modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                # ast.walk goes level by level: imports at the top of a file come before their uses.
                found.add((package, modules.get(node.value.id, ""), node.attr))
    return found


def used_by_rooms(module_name: str) -> set[str]:
    """Return the names that files in other packages of treadle take from a module."""
    return {
        name
        for package, module, name in uses()
        if module == module_name and not f"{package}.".startswith(f"{module_name}.")
    }


def badly_listed(module: ModuleType) -> list[str]:
    """Return what is wrong with the `__all__` of a module."""
    listed = getattr(module, "__all__", None)
    if listed is None:
        return ["no __all__"]
    ours = [
        name
        for name, item in vars(module).items()
        if name[0] != "_"
        and is_ours(item)
        and f"{item.__module__}.".startswith(f"{module.__name__}.")
    ]
    known = {*listed, *used_by_rooms(module.__name__), *INTERNAL}
    return [
        *(
            f"{name} is neither listed nor used by another room"
            for name in ours
            if name not in known
        ),
        *(f"{name} is listed, but not there" for name in listed if not hasattr(module, name)),
        *(f"{name} is listed twice" for name in {*listed} if listed.count(name) > 1),
    ]


def misplaced(module: ModuleType) -> list[str]:
    """Return the public items whose `__module__` is not a public path to them."""
    wrong = []
    for path, item in public_items(module):
        home = importlib.import_module(item.__module__)
        if "._" in item.__module__ or getattr(home, item.__qualname__, None) is not item:
            wrong.append(f"{path}: {item.__module__}.{item.__qualname__}")
    return wrong


def without_example(module: ModuleType) -> list[str]:
    """Return the public items without a docstring that has an example; errors need none."""
    return [
        path
        for path, item in public_items(module)
        if not EXAMPLE.search(inspect.cleandoc(item.__doc__ or ""))
        and not (inspect.isclass(item) and issubclass(item, BaseException))
    ]


def undocumented_methods(module: ModuleType) -> list[str]:
    """Return the public methods and properties that have no words, not even inherited ones."""
    return [
        f"{path}.{name}"
        for path, cls in public_items(module)
        if inspect.isclass(cls)
        for name, item in vars(cls).items()
        if name[0] != "_"
        and (inspect.isroutine(item) or isinstance(item, property))
        and not inspect.getdoc(getattr(cls, name))
    ]


def refuse(found: list[str], fix: str) -> None:
    """Fail with everything that was found, not with the part that pytest would show."""
    if found:
        pytest.fail("\n".join([f"expected nothing to do, got {len(found)}; fix: {fix}", *found]))


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_every_public_name(name: str) -> None:
    refuse(badly_listed(MODULES[name]), "complete __all__, or drop the import")


@pytest.mark.parametrize("name", MODULES)
def test_module_is_the_public_path(name: str) -> None:
    refuse(misplaced(MODULES[name]), "end the façade with publish(globals())")


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_an_example(name: str) -> None:
    refuse(without_example(MODULES[name]), "write 'Example:' and below it lines with '>>>'")


@pytest.mark.parametrize("name", MODULES)
def test_every_public_method_is_documented(name: str) -> None:
    refuse(undocumented_methods(MODULES[name]), "write a docstring, one line at least")


def test_planted_violations_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = ModuleType("treadle.planted")
    source = (
        "__all__ = ['Private', 'absent']\n"
        "class Private:\n"
        "    '''Words without an example.'''\n"
        "    def silent(self): pass\n"
        "    def spoken(self): 'Words.'\n"
        "def unlisted(): pass\n"
    )
    exec(source, vars(planted))
    private = ModuleType("treadle._private")
    monkeypatch.setitem(sys.modules, private.__name__, private)
    planted.Private.__module__ = private.__name__

    assert badly_listed(planted) == [
        "unlisted is neither listed nor used by another room",
        "absent is listed, but not there",
    ]
    planted.__all__.remove("absent")
    assert misplaced(planted) == ["treadle.planted.Private: treadle._private.Private"]
    assert without_example(planted) == ["treadle.planted.Private"]
    assert undocumented_methods(planted) == ["treadle.planted.Private.silent"]
