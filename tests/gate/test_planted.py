"""Each step of the gate passes a clean project and fails on a violation planted in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Fails = Callable[[str, str, str], str]

LINT = {
    "E711": "def empty(value: object) -> bool:\n    return value == None\n",
    "F401": "import os\n",
    "I001": "import sys\nimport os\n\nprint(os, sys)\n",
    "UP006": "from typing import List\n\nnumbers: List[int] = []\n",
    "B006": "def add(item: int, to: list[int] = []) -> None:\n    to.append(item)\n",
    "SIM103": (
        "def small(value: int) -> bool:\n    if value < 3:\n        return True\n    return False\n"
    ),
    "C901": "def branches(value: int) -> int:\n"
    + "".join(f"    if value == {n}:\n        return {n * n}\n" for n in range(10))
    + "    return 0\n",
    "D103": "def undocumented() -> None:\n    pass\n",
    "D417": '''\
def scale(value: float, factor: float) -> float:
    """Return a product.

    Args:
        value: A number.
    """
    return value * factor
''',
    "E501": f"text = '{'x' * 120}'\n",
    "ERA001": "value = 1\n# value = 2\n",
    "RUF005": "numbers = [1]\nmore = [0] + numbers\n",
}

HIDDEN_IMPORT = '''\
"""A cycle that nobody sees."""


def load() -> object:
    """Return a module."""
    {}
    return json
'''

BUDGETS = {
    "file-lines": ("tests/test_long.py", "value = 1\n" * 501),
    "file-docstring": ("src/treadle/_core/_bare.py", "value = 1\n"),
    "function-lines": (
        "tools/long.py",
        '"""A long function."""\n\n\ndef long() -> None:\n' + "    print()\n" * 60,
    ),
    "public-names": (
        "src/treadle/_core/_wide.py",
        '"""A wide class."""\n\n\nclass Wide:\n    """Wide."""\n\n'
        + "".join(f"    name_{n} = {n}\n" for n in range(21)),
    ),
    "init-imports-only": (
        "src/treadle/losses/__init__.py",
        '"""Losses."""\n\nif True:\n    print()\n',
    ),
    "module-name": ("src/treadle/layers/_helpers.py", '"""A drawer."""\n'),
    "hidden-import": ("src/treadle/_core/_late.py", HIDDEN_IMPORT.format("import json")),
    "facade-import": (
        "src/treadle/layers/_sly.py",
        '"""A way around the layers."""\n\nfrom treadle import Model\n\nprint(Model)\n',
    ),
}

ARROWS = {
    "upward": ("src/treadle/losses/__init__.py", "import treadle.layers  # noqa\n"),
    "sideways": ("src/treadle/metrics/__init__.py", "import treadle.layers  # noqa\n"),
    "unlisted room": ("src/treadle/attic/__init__.py", '"""A room that nobody decided on."""\n'),
}


@pytest.mark.parametrize("target", ["format-check", "lint", "layers", "budgets"])
def test_clean_project_passes(project, target: str) -> None:
    status, output = project.make(target)

    assert status == 0, output


def test_format(fails: Fails) -> None:
    output = fails("format-check", "src/treadle/_core/_ugly.py", '"""Ugly."""\n\nvalue = {1:2}\n')

    assert "expected what 'make format' writes" in output


@pytest.mark.parametrize("rule", LINT)
def test_lint(fails: Fails, rule: str) -> None:
    text = f'"""A planted file."""\n\n{LINT[rule]}'

    assert rule in fails("lint", "src/treadle/planted.py", text)


def test_types(project) -> None:
    project.plant(
        "src/treadle/_core/_types.py",
        '"""Types."""\n\n\n'
        "def bare(value):\n    return value\n\n\n"
        'number: int = "one"\n'
        "fine = 1  # type: ignore\n\n\n"
        "class Base:\n"
        "    def method(self, value: int) -> int:\n        return value\n\n\n"
        "class Derived(Base):\n"
        "    def method(self, value: str) -> int:\n        return len(value)\n",
    )

    status, output = project.make("types")

    assert status != 0
    for rule in (
        "reportMissingParameterType",
        "reportAssignmentType",
        "reportUnnecessaryTypeIgnoreComment",
        "reportIncompatibleMethodOverride",
    ):
        assert rule in output
    assert {line.split(":")[0].strip() for line in output.splitlines() if " - error" in line} == {
        str(project.root / "src/treadle/_core/_types.py")
    }


@pytest.mark.parametrize("arrow", ARROWS)
def test_layers(fails: Fails, arrow: str) -> None:
    path, text = ARROWS[arrow]
    room = path.split("/")[2]

    assert f"treadle.{room}" in fails("layers", path, text)


@pytest.mark.parametrize("budget", BUDGETS)
def test_budgets(fails: Fails, budget: str) -> None:
    path, text = BUDGETS[budget]

    output = fails("budgets", path, text)

    found = [line for line in output.splitlines() if line.startswith(path)]
    assert len(found) == 1
    assert all(part in found[0] for part in (f" {budget}: expected ", ", got ", "; fix: "))


def test_optional_import_may_hide(project) -> None:
    project.plant("src/treadle/_core/_late.py", HIDDEN_IMPORT.format("import pandas as json"))

    assert project.make("budgets")[0] == 0


def test_docstring_is_not_counted_as_code(project) -> None:
    text = '"""Long words."""\n\n\ndef f() -> None:\n    """F.\n' + "\n    a\n" * 40 + '    """\n'
    project.plant("src/treadle/_core/_words.py", text)

    assert project.make("budgets")[0] == 0


def test_tests(project) -> None:
    status, output = project.make("test", "ARGS=-n0")
    assert (status, "2 passed" in output) == (0, True), output

    project.plant(
        "tests/test_planted.py",
        "import warnings\n\n\n"
        "def test_wrong():\n    assert 1 == 2\n\n\n"
        "def test_warning():\n    warnings.warn('careful')\n",
    )
    wrong = '"""Wrong.\n\n>>> 1 + 1\n3\n"""\n'
    project.plant("src/treadle/_core/_wrong.py", wrong)
    status, output = project.make("test", "ARGS=-n0")

    assert status != 0
    assert "FAILED tests/test_planted.py::test_wrong" in output
    assert "FAILED tests/test_planted.py::test_warning - UserWarning: careful" in output
    assert "FAILED src/treadle/_core/_wrong.py::treadle._core._wrong" in output
    assert "3 failed, 2 passed" in output
