"""Running a script on look-alikes: as `python SCRIPT` would, down to argv, exit status and traceback."""

from __future__ import annotations

import os
import re
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, TracebackType

from treadle.compat._finder import look_alikes
from treadle.compat._shapes import TensorShape
from treadle.compat._source import Script, read_script, with_tensor_shapes

_OWN_FILES = (
    str(Path(__file__).parent),
    str(Path(__file__).parents[1] / "cli"),
    "<frozen importlib",
)
_INTERRUPTED = 130  # what shells report for Ctrl-C

# What an error means that comes from the difference between tensors of TensorFlow and of torch.
_MEANINGS = {
    r"'torch\.Size' object has no attribute '\w+'": "x.shape is a tuple here: list(x.shape), len(x.shape)",
    r"'torch\.dtype' object has no attribute '\w+'": (
        "dtypes are torch's: torch.finfo(dtype).max, dtype.is_floating_point, str(dtype)"
    ),
    r"'(Tensor|Variable|StateVariable)' object is not callable": "v.value is the tensor itself: leave out the ()",
    r"'(Tensor|Variable|StateVariable)' object has no attribute '\w+'": "tensors are torch tensors: see torch.Tensor",
}


def run_script(path: str | os.PathLike[str], args: Sequence[str] = ()) -> int:
    r"""Run a script that was written for Keras or TensorFlow, unchanged, in this process.

    It runs as `__main__`, with `sys.argv` and `sys.path` as Python sets them, and with look-alikes in place of
    `keras`, `tensorflow` and `tensorflow_datasets`. An uncaught error is printed without frames of the runner.

    Args:
        path: The script.
        args: What `sys.argv` has after the path.

    Returns:
        The exit status: 0, what the script gave to `sys.exit`, 1 after an error.

    Raises:
        OSError: if the script cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from treadle.compat import run_script
        >>> source = (
        ...     "import sys, tensorflow as tf\nprint(int(tf.reduce_sum([1, 2])))\nsys.exit(3)\n"
        ... )
        >>> _ = Path("script.py").write_text(source)
        >>> run_script("script.py")
        3
        3
    """
    try:
        script = read_script(path)
    except SyntaxError as error:
        traceback.print_exception(error.with_traceback(None), chain=False)
        return 1
    for note in script.notes:
        if "but treadle" in note.text or "left out" in note.text:
            print(f"treadle run: {note}", file=sys.stderr)
    return _status_of(script, [os.fspath(path), *args])


def _status_of(script: Script, argv: list[str]) -> int:
    main = ModuleType("__main__")
    vars(main).update(__file__=script.path, __builtins__=__builtins__, __tensor_shape__=TensorShape)
    code = compile(with_tensor_shapes(script.tree), script.path, "exec", dont_inherit=True)
    folder = os.path.dirname(script.path)
    before = sys.modules["__main__"], sys.argv
    sys.modules["__main__"], sys.argv = main, argv
    sys.path.insert(0, folder)
    try:
        with look_alikes(), warnings.catch_warnings():
            # TensorFlow's float(loss) has no gradient to lose.
            warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
            return _outcome(code, vars(main))
    finally:
        sys.modules["__main__"], sys.argv = before
        if folder in sys.path:
            sys.path.remove(folder)


def _outcome(code: object, namespace: dict[str, object]) -> int:
    try:
        exec(code, namespace)  # type: ignore[arg-type]
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1
    except BaseException as error:
        _explain_difference(error)
        _drop_own_frames(error)
        sys.excepthook(type(error), error, error.__traceback__)
        return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    finally:
        sys.stdout.flush()
    return 0


def _explain_difference(error: BaseException) -> None:
    for pattern, meaning in _MEANINGS.items():
        if isinstance(error, (AttributeError, TypeError)) and re.fullmatch(pattern, str(error)):
            error.add_note(f"treadle run: {meaning}")


def _drop_own_frames(error: BaseException) -> None:
    """Leave the frames of the script and of what it called in the traceback, in those of causes as well."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if current is not None and id(current) not in seen:
            seen.add(id(current))
            current.__traceback__ = _foreign_frames(current.__traceback__)
            pending += [current.__cause__, current.__context__]


def _foreign_frames(trace: TracebackType | None) -> TracebackType | None:
    frames: list[TracebackType] = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OWN_FILES):
            frames.append(trace)
        trace = trace.tb_next
    linked = None
    for frame in reversed(frames):
        frame.tb_next = linked
        linked = frame
    return linked
