"""The arguments of the command `treadle`, and what each subcommand calls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from treadle import compat
from treadle._core import __version__


def main(argv: Sequence[str] | None = None) -> int:
    r"""Run the command `treadle` and return its exit status.

    Args:
        argv: The arguments; those of the process by default.

    Returns:
        The exit status: that of the script for `run`; for `run --check` 0 if all names are covered, else 1; 2 for
        wrong arguments and a script that cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from treadle.cli import main
        >>> _ = Path("script.py").write_text("import keras\nprint(keras.layers.Dense(3).units)\n")
        >>> main(["run", "script.py"])
        3
        0
    """
    given = _parser().parse_args(argv)
    try:
        if given.check:
            report = compat.check_script(given.script)
            print(report)
            return 0 if report.covered else 1
        return compat.run_script(given.script, given.args)
    except OSError as error:
        print(f"treadle run: {given.script} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    except SyntaxError as error:
        print(f"treadle run: {given.script}, line {error.lineno}: {error.msg}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "treadle", description="Train PyTorch models the Keras way.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"treadle {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        allow_abbrev=False,
        help="run a script that was written for Keras or TensorFlow, unchanged",
        description=(
            "Run a script that was written for Keras or TensorFlow: in its process keras, tensorflow and "
            "tensorflow_datasets are look-alikes on torch, and the real ones are not needed."
        ),
    )
    run.add_argument(
        "--check",
        action="store_true",
        help="do not run it: list the names of keras and tensorflow that it uses, and whether they are covered",
    )
    run.add_argument("script", metavar="SCRIPT", help="the script")
    run.add_argument("args", nargs=argparse.REMAINDER, metavar="...", help="its arguments")
    return parser
