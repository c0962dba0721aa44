"""The import hook: inside `look_alikes()`, `import keras` and `import tensorflow` give look-alikes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from treadle.compat._catalogue import CATALOGUE
from treadle.compat._old_methods import old_methods

# TensorBoard uses TensorFlow where it can be imported, unless there is a module of this name.
_NO_TENSORFLOW = "tensorboard.compat.notf"


class LookAlikeFinder(MetaPathFinder, Loader):
    """Finds `keras`, `tensorflow`, `tensorflow_datasets` and all that is under them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for a namespace; raise an ImportError that names the way for what is none."""
        if fullname == _NO_TENSORFLOW:
            return ModuleSpec(fullname, self)
        if fullname.partition(".")[0] not in CATALOGUE.roots:
            return None
        if CATALOGUE.has_namespace(fullname):
            return ModuleSpec(fullname, self, is_package=True)
        parent, _, name = fullname.rpartition(".")
        # Not a ModuleNotFoundError: `from keras.layers import X` would hide its message.
        raise ImportError(CATALOGUE.missing(CATALOGUE.canonical(parent), name), name=fullname)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module of a namespace; aliases share one object."""
        if spec.name == _NO_TENSORFLOW:
            return ModuleType(spec.name)
        return CATALOGUE.module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: a look-alike is complete when it is made."""


def _under_look_alikes(name: str) -> bool:
    return name.partition(".")[0] in CATALOGUE.roots or name == _NO_TENSORFLOW


@contextlib.contextmanager
def look_alikes() -> Generator[None]:
    """Let `keras`, `tensorflow` and `tensorflow_datasets` be look-alikes inside a `with` block.

    The real ones need not be installed. Where they are, they are not touched, and are what `import` gives again
    after the block. Inside it old methods are added to treadle's classes, too (see `docs/compat.md`).

    Returns:
        A context manager.

    Example:
        >>> from treadle.compat import look_alikes
        >>> with look_alikes():
        ...     import tensorflow as tf
        ...     from tensorflow.keras.layers import Dense
        ...
        ...     print(tf.reduce_sum(tf.ones((2, 3)), axis=1), Dense(4).units)
        tensor([3., 3.]) 4
    """
    real = {name: module for name, module in sys.modules.items() if _under_look_alikes(name)}
    for name in real:
        del sys.modules[name]
    finder = LookAlikeFinder()
    sys.meta_path.insert(0, finder)
    try:
        with old_methods():
            yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _under_look_alikes(name)]:
            del sys.modules[name]
        sys.modules.update(real)
