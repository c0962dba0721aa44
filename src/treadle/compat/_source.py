"""A script as text and syntax tree: what notebooks left in it is taken out, and told."""

from __future__ import annotations

import ast
import os
import re
import tokenize
from typing import NamedTuple

_NOTEBOOK_LINE = re.compile(r"(\s*)([!%].*)")


class Note(NamedTuple):
    """Something about a line of the script that its author should know.

    Example:
        >>> from treadle.compat import Note
        >>> print(Note(3, "a shell line, left out: !ls"))
        line 3: a shell line, left out: !ls
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


class Script(NamedTuple):
    """A script that was read: its path, its syntax tree, and what is to be said about it."""

    path: str
    tree: ast.Module
    notes: list[Note]


def read_script(path: str | os.PathLike[str]) -> Script:
    """Return the script at `path`.

    Raises:
        OSError: if it cannot be read.
        SyntaxError: if it is not Python, even without the lines that only notebooks understand.
    """
    name = os.path.abspath(path)
    with tokenize.open(name) as file:
        text = file.read()
    notes: list[Note] = []
    try:
        tree = ast.parse(text, name)
    except SyntaxError as error:
        text, notes = _without_notebook_lines(text)
        if not notes:
            raise
        try:
            tree = ast.parse(text, name)
        except SyntaxError:
            raise error from None
    notes += [note for node in ast.walk(tree) if (note := _backend_note(node)) is not None]
    return Script(name, tree, notes)


def _without_notebook_lines(text: str) -> tuple[str, list[Note]]:
    """Return the text with shell lines and magics out of use, line numbers unchanged."""
    lines, notes = text.splitlines(), []
    for index, line in enumerate(lines):
        match = _NOTEBOOK_LINE.fullmatch(line)
        if match:
            kind = "shell" if match[2].startswith("!") else "notebook"
            notes.append(Note(index + 1, f"a {kind} line, left out: {match[2].strip()}"))
            # A block may consist of it; at the left edge a statement could come before __future__.
            lines[index] = f"{match[1]}pass" if match[1] else ""
    return "\n".join(lines) + "\n", notes


def _backend_note(node: ast.AST) -> Note | None:
    """Return a note if a statement sets `os.environ["KERAS_BACKEND"]`."""
    match node:
        case ast.Assign(
            targets=[ast.Subscript(slice=ast.Constant(value="KERAS_BACKEND"))], value=value
        ):
            chosen = ast.unparse(value)
        case ast.Call(
            func=ast.Attribute(attr="setdefault" | "putenv"),
            args=[ast.Constant(value="KERAS_BACKEND"), value],
        ):
            chosen = ast.unparse(value)
        case _:
            return None
    means = "which is what treadle is" if "torch" in chosen else "but treadle computes with torch"
    return Note(node.lineno, f"sets KERAS_BACKEND to {chosen}, {means}")


class _ShapeMethods(ast.NodeTransformer):
    """Turns `x.shape.as_list()` into `__tensor_shape__(x.shape).as_list()`, as torch.Size has no such methods."""

    names = ("as_list", "dims", "is_fully_defined", "ndims", "num_elements", "rank")

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Attribute(value=ast.Attribute(attr="shape") as shape, attr=name) if (
                name in self.names
            ):
                function = ast.Name("__tensor_shape__", ast.Load())
                node.value = ast.copy_location(ast.Call(function, [shape], []), shape)
            case _:
                pass
        return node


def with_tensor_shapes(tree: ast.Module) -> ast.Module:
    """Return the tree with methods of TensorFlow's shapes usable on any tensor's shape."""
    return ast.fix_missing_locations(_ShapeMethods().visit(tree))
