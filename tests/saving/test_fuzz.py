"""A few hundred damaged files, of the 100,000 that `make fuzz` reads."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tools import fuzz
from tools.fuzz_files import READERS, Reader, honest_files


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return honest_files(tmp_path_factory.mktemp("fuzz") / "honest")


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_damaged_files_are_read_or_refused(
    reader: Reader, honest: dict[str, bytes], tmp_path: Path
) -> None:
    files = {name: honest[name] for name in reader.files}
    assert fuzz.trial(reader, files, tmp_path) is None
    damaged = 0
    for number in range(60):
        hostile = reader.mutate(dict(files), random.Random(number))
        damaged += hostile != files
        assert fuzz.trial(reader, hostile, tmp_path) is None, number
    assert damaged > 50


def test_findings_are_told(honest: dict[str, bytes], tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise KeyError("not documented")

    found = fuzz.trial(Reader("broken", [], lambda files, chance: files, fail), {}, tmp_path)
    assert found is not None and "not documented" in found
