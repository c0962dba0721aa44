"""The budgets of the gate: sizes, names, façades and hidden imports, read from the syntax trees.

Run `python tools/budgets.py [root]`: one line for each violation, exit status 1 if there is one.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Raising a number, or adding a line to a table, is a commit of its own with the reason in it.
FILE_LINES = 500  # docstrings count; aim at 300
FUNCTION_LINES = 60  # signature and body, without the docstring; aim at 30
DOCSTRING_LINES = 8  # of a file; aim at five
PUBLIC_NAMES = 20
PUBLIC_NAMES_OF = {
    "Layer": 45,  # Keras's API
    "Model": 45,  # Keras's API
    "Dataset": 40,  # TensorFlow's API
}
FORBIDDEN_NAME = re.compile(r"_*(misc|common|helpers?|utils?_\w+)|_+utils?")
# Neither installed everywhere nor cheap to import: the only modules that a function may import.
OPTIONAL_MODULES = (
    "IPython",
    "h5py",
    "keras",
    "lightning",
    "matplotlib",
    "onnx",
    "onnxscript",
    "pandas",
    "pydot",
    "sklearn",
    "tensorboard",
    "torch._dynamo",
    "torch._inductor",
    "torch._subclasses",
    "torch.distributed",
    "torch.export",
    "torch.onnx",
    "torch.utils.tensorboard",
    "torchmetrics",
)
# Rooms that stand on the whole library. For the others `import treadle` would be a way around the
# layers: import-linter sees it as an import of no room.
ON_TOP_OF_ALL = ("cli", "compat")
FOLDERS = ("src", "tools", "benchmarks", "examples", "tests")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Violation(NamedTuple):
    """What one line of the output says."""

    line: int
    budget: str
    expected: str
    got: str
    fix: str


class Source(NamedTuple):
    """A file as the checks see it."""

    root: Path
    path: Path  # relative to the root
    text: str
    tree: ast.Module


def check_file_lines(source: Source) -> Iterator[Violation]:
    """Yield a violation if the file is too long."""
    count = len(source.text.splitlines())
    if count > FILE_LINES:
        yield Violation(
            FILE_LINES + 1,
            "file-lines",
            f"at most {FILE_LINES} lines",
            str(count),
            "move one family or one concern to a file of its own",
        )


def check_file_docstring(source: Source) -> Iterator[Violation]:
    """Yield a violation if the file does not open with a short docstring."""
    docstring = ast.get_docstring(source.tree)
    count = len(docstring.splitlines()) if docstring else 0
    if source.text.strip() and not 1 <= count <= DOCSTRING_LINES:
        yield Violation(
            1,
            "file-docstring",
            f"an opening docstring of 1 to {DOCSTRING_LINES} lines",
            f"{count} lines" if docstring else "none",
            "say in one to five lines what lives here and what is notable",
        )


def check_function_lines(source: Source) -> Iterator[Violation]:
    """Yield a violation for each function that is too long."""
    for node in ast.walk(source.tree):
        if isinstance(node, Function) and (count := _code_lines(node)) > FUNCTION_LINES:
            yield Violation(
                node.lineno,
                "function-lines",
                f"at most {FUNCTION_LINES} lines without the docstring",
                f"{count} in {node.name}()",
                "give a part of it a name",
            )


def _code_lines(function: Function) -> int:
    """Return how many lines the signature and the body take, the docstring left out."""
    count = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        count -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return count


def check_public_names(source: Source) -> Iterator[Violation]:
    """Yield a violation for each class whose body defines too many public names."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        limit = PUBLIC_NAMES_OF.get(node.name, PUBLIC_NAMES)
        names = {name for part in node.body for name in _defined(part) if not name.startswith("_")}
        if len(names) > limit:
            yield Violation(
                node.lineno,
                "public-names",
                f"at most {limit} public names",
                f"{len(names)} in class {node.name}",
                "move a group of them to a part that the class is composed of",
            )


def _defined(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a class body defines."""
    if isinstance(node, Function | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (name.id for target in node.targets for name in _names(target))
    elif isinstance(node, ast.AnnAssign):
        yield from (name.id for name in _names(node.target))
    elif isinstance(node, ast.If | ast.With | ast.Try):
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.stmt):
                yield from _defined(part)


def _names(target: ast.expr) -> Iterator[ast.Name]:
    """Yield the plain names in the target of an assignment."""
    yield from (node for node in ast.walk(target) if isinstance(node, ast.Name))


def check_init_file(source: Source) -> Iterator[Violation]:
    """Yield a violation for each statement of an `__init__.py` that a façade does not need."""
    if source.path.name != "__init__.py":
        return
    for position, node in enumerate(source.tree.body):
        if not _belongs_in_init(node, position):
            yield Violation(
                node.lineno,
                "init-imports-only",
                "a docstring, imports, __all__ and publish(globals())",
                ast.unparse(node).splitlines()[0][:60],
                "move it to a file _thing.py beside it and import it",
            )


def _belongs_in_init(node: ast.stmt, position: int) -> bool:
    """Return whether a statement is one of those that a façade is made of."""
    match node:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List() | ast.Tuple()):
            return True
        case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.List()):
            return True
        case ast.Expr(value=ast.Constant(value=str())):
            return position == 0
        case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
            return name == "publish"
        case _:
            return False


def check_names(source: Source) -> Iterator[Violation]:
    """Yield a violation if the file or one of its folders has a name that says nothing."""
    for part in source.path.with_suffix("").parts:
        if FORBIDDEN_NAME.fullmatch(part):
            yield Violation(
                1,
                "module-name",
                "a name that says what lives here",
                part,
                "name it after its contents; a drawer for everything only grows",
            )


def check_hidden_imports(source: Source) -> Iterator[Violation]:
    """Yield a violation for each import in a function that is not of an optional dependency."""
    for function in ast.walk(source.tree):
        if not isinstance(function, Function):
            continue
        for node in _own_imports(function):
            for module in sorted(_imported(node)):
                if not _is_optional(module):
                    yield Violation(
                        node.lineno,
                        "hidden-import",
                        "imports at the top of the file, or of an optional dependency",
                        f"import of {module} in {function.name}()",
                        "move it to the top; if that makes a cycle, an arrow points the wrong way",
                    )


def _own_imports(function: Function) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports in a function, those of functions inside it left out."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not isinstance(node, Function):
            waiting.extend(ast.iter_child_nodes(node))


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the full names of the modules, or of the names in them, that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    module = "." * node.level + (node.module or "")
    return {f"{module}.{alias.name}" for alias in node.names}


def _is_optional(module: str) -> bool:
    """Return whether a module, or a name in one, belongs to an optional dependency."""
    return any(module == known or module.startswith(f"{known}.") for known in OPTIONAL_MODULES)


def check_facade_imports(source: Source) -> Iterator[Violation]:
    """Yield a violation for each import that a room makes from the whole library."""
    package = source.root / "src" / "treadle"
    parts = source.path.parts
    if parts[:2] != ("src", "treadle") or len(parts) == 3 or parts[2] in ON_TOP_OF_ALL:
        return
    rooms = {path.stem for path in package.iterdir()}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name == "treadle"]
        elif isinstance(node, ast.ImportFrom) and node.module == "treadle" and not node.level:
            names = [alias.name for alias in node.names if alias.name not in rooms]
        else:
            continue
        for name in names:
            yield Violation(
                node.lineno,
                "facade-import",
                "an import of a room: from treadle.room import name",
                f"import of {name} from the façade",
                "name the room; import-linter cannot see the layers through the façade",
            )


SIZE_CHECKS = (check_file_lines,)
CHECKS = (
    *SIZE_CHECKS,
    check_file_docstring,
    check_function_lines,
    check_public_names,
    check_init_file,
    check_names,
    check_hidden_imports,
    check_facade_imports,
)


def violations(root: Path) -> Iterator[str]:
    """Yield a line for each violation in the tree at `root`, in the order of the files."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            source = Source(root, path.relative_to(root), text, ast.parse(text, str(path)))
            for check in SIZE_CHECKS if folder == "tests" else CHECKS:
                for found in check(source):
                    yield (
                        f"{source.path}:{found.line}: {found.budget}: expected {found.expected}, "
                        f"got {found.got}; fix: {found.fix}"
                    )


def main() -> int:
    """Print the violations and return the exit status."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    found = list(violations(root))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
