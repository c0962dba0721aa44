"""The errors of files: damaged (`CorruptFileError`), or asking for what no file may (`UnsafeFileError`)."""

from __future__ import annotations

from treadle import _core

# What wrong values in a configuration make constructors raise.
BUILD_ERRORS = (
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    RuntimeError,
    RecursionError,
    ArithmeticError,
    AssertionError,
)


class CorruptFileError(_core.TreadleError, ValueError):
    """A file that is damaged: truncated, changed, or not what it says.

    Example:
        >>> import treadle
        >>> issubclass(treadle.saving.CorruptFileError, ValueError)
        True
    """


class UnsafeFileError(_core.TreadleError, ValueError):
    """A file that asks for more than a model file may: code, links, foreign paths, or memory without bounds.

    Example:
        >>> import treadle
        >>> issubclass(treadle.saving.UnsafeFileError, ValueError)
        True
    """


def unsafe(where: str, what: str, limit: str) -> UnsafeFileError:
    """Return the error for a member of a file that breaks a limit."""
    return UnsafeFileError(
        _core.explain(
            f"The file is refused: {where}.",
            expected=limit,
            got=what,
            fix="use a file from a source that you trust; nothing was loaded",
        )
    )


def corrupt(
    where: str, what: str, expected: str = "what the format prescribes"
) -> CorruptFileError:
    """Return the error for a member of a file that is damaged."""
    return CorruptFileError(
        _core.explain(
            f"The file is damaged: {where}.",
            expected=expected,
            got=what,
            fix="get the file again, or use another copy; nothing was loaded",
        )
    )
