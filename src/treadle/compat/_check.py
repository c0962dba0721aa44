"""Which names of Keras and TensorFlow a script uses, found without running it, and whether they are covered."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from treadle.compat._catalogue import CATALOGUE
from treadle.compat._source import Note, read_script

_RELATIVES = ("tensorflow_", "keras_", "tf_", "tensorboardX")


@dataclass
class Use:
    """A name that a script uses.

    Attributes:
        name: The name as Keras or TensorFlow has it.
        lines: The lines where it is used.
        covered: Whether it is there.
        advice: What it is in treadle, or what to use instead.

    Example:
        >>> from treadle.compat import Use
        >>> Use("tensorflow.ones", [3], True, "a look-alike").covered
        True
    """

    name: str
    lines: list[int]
    covered: bool
    advice: str


@dataclass
class Report:
    """What `check_script` found.

    Attributes:
        path: The script.
        uses: The names, sorted.
        notes: Further things to know, by line.

    Example:
        >>> from treadle.compat import Report, Use
        >>> print(Report("train.py", [Use("tensorflow.ones", [3], True, "a look-alike")]))
        ok      tensorflow.ones  a look-alike  (line 3)
        train.py: 1 of 1 names of keras and tensorflow are covered
    """

    path: str
    uses: list[Use] = field(default_factory=list[Use])
    notes: list[Note] = field(default_factory=list[Note])

    @property
    def covered(self) -> bool:
        """Whether all names are there."""
        return all(use.covered for use in self.uses)

    def __str__(self) -> str:
        width = max((len(use.name) for use in self.uses), default=0)
        rows = [
            f"{'ok     ' if use.covered else 'MISSING'} {use.name:<{width}}  {use.advice}"
            f"  ({'line' if len(use.lines) == 1 else 'lines'} {', '.join(map(str, use.lines))})"
            for use in self.uses
        ]
        count = sum(use.covered for use in self.uses)
        summary = f"{count} of {len(self.uses)} names of keras and tensorflow are covered"
        return "\n".join([*rows, *map(str, self.notes), f"{self.path}: {summary}"])


def check_script(path: str | os.PathLike[str]) -> Report:
    r"""Return which names of Keras and TensorFlow a script uses, and whether treadle covers them.

    The script is read, not run: imports and their aliases, `from` imports, chains of attributes, and names that such
    a chain is assigned to.

    Args:
        path: The script.

    Returns:
        A report: `print` it, or read `report.uses`, `report.covered` and `report.notes`.

    Raises:
        OSError: if it cannot be read.
        SyntaxError: if it is not Python.

    Example:
        >>> from pathlib import Path
        >>> from treadle.compat import check_script
        >>> source = "import tensorflow as tf\ntf.reduce_sum(tf.Session())\n"
        >>> _ = Path("script.py").write_text(source)
        >>> [(use.name, use.covered) for use in check_script("script.py").uses]
        [('tensorflow.Session', False), ('tensorflow.reduce_sum', True)]
    """
    script = read_script(path)
    lines: dict[str, list[int]] = {}
    names = _Names()
    for name, line in names.uses(script.tree):
        found = lines.setdefault(_known_part(name), [])
        if line not in found:
            found.append(line)
    uses = [_judged(name, sorted(lines[name])) for name in sorted(lines)]
    notes = sorted([*script.notes, *names.notes])
    return Report(os.fspath(path), uses, notes)


class _Names:
    """Finds the dotted names of Keras and TensorFlow in a syntax tree."""

    def __init__(self) -> None:
        self.paths: dict[str, str] = {}  # what a name in the script stands for
        self.notes: list[Note] = []

    def uses(self, tree: ast.Module) -> Iterator[tuple[str, int]]:
        """Yield (dotted name, line) for each use; imports first, whose names are then known everywhere."""
        nodes = list(ast.walk(tree))
        for node in nodes:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from self._imported(node)
        for node in nodes:
            if isinstance(node, ast.Assign) and (path := self._path(node.value)) is not None:
                targets = [item.id for item in node.targets if isinstance(item, ast.Name)]
                self.paths |= dict.fromkeys(targets, path) if CATALOGUE.has_namespace(path) else {}
        inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
        for node in nodes:
            if isinstance(node, ast.Attribute) and id(node) not in inner:
                path = self._path(node)
                if path is not None:
                    yield path, node.lineno

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, int]]:
        module = getattr(node, "module", None)
        for alias in node.names:
            path = alias.name if module is None else f"{module}.{alias.name}"
            if getattr(node, "level", 0) or path.partition(".")[0] not in CATALOGUE.roots:
                self._note_relative(path, node.lineno)
                continue
            if alias.name == "*":
                self.notes.append(
                    Note(node.lineno, f"imports all of {module}; its names are not checked")
                )
                continue
            if alias.asname or module is not None:
                self.paths[alias.asname or alias.name] = path
            else:
                self.paths[path.partition(".")[0]] = path.partition(".")[0]
            if "." in path:
                yield path, node.lineno

    def _note_relative(self, path: str, line: int) -> None:
        root = path.partition(".")[0]
        if root.startswith(_RELATIVES):
            text = f"imports {root}, of which there is no look-alike: it must be installed"
            self.notes.append(Note(line, text))

    def _path(self, node: ast.AST) -> str | None:
        """Return the dotted name that a chain of attributes stands for, or None."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.paths:
            return None
        return ".".join([self.paths[node.id], *reversed(parts)])


def _known_part(name: str) -> str:
    """Return the canonical name; of attributes of classes the class and one attribute."""
    name = CATALOGUE.canonical(name)
    parts = name.split(".")
    for count in range(1, len(parts)):
        if not CATALOGUE.has_namespace(".".join(parts[:count])):
            return ".".join(parts[: count + 1])
    return name


def _judged(name: str, lines: list[int]) -> Use:
    if CATALOGUE.has_namespace(name):
        return Use(name, lines, True, "a module")
    owner, _, attribute = name.rpartition(".")
    try:
        if CATALOGUE.has_namespace(owner):
            return Use(name, lines, True, _place(CATALOGUE.member(owner, attribute)))
        above, _, last = owner.rpartition(".")
        found = CATALOGUE.member(above, last) if CATALOGUE.has_namespace(above) else None
    except AttributeError:
        found = None
    if found is not None and hasattr(found, attribute):
        return Use(name, lines, True, f"{_place(found)}.{attribute}")
    message = CATALOGUE.missing(owner, attribute)
    return Use(name, lines, False, message.partition("fix:")[2].strip())


def _place(found: Any) -> str:
    """Return where an object is at home, for users."""
    if isinstance(found, type(ast)):
        return "a module"
    path = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
    if path.startswith("treadle.") and "compat" not in path and "._" not in path:
        return path
    return str(found) if str(found).startswith("torch.") else "a look-alike"
