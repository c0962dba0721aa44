"""`KerasFileEditor`: weights files changed by hand, for models whose layers were renamed, added or taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import torch

from treadle import _core
from treadle.saving import _archive
from treadle.saving._atomic import replacing_file
from treadle.saving._hdf5 import as_stored, datasets_of, open_hdf5, write_tensor
from treadle.saving._inspect import natural
from treadle.saving._keras_weights import slots_of
from treadle.saving._stored import Stored
from treadle.saving._walk import parts_of
from treadle.saving._weights import check_source, match


class KerasFileEditor:
    """The weights in a `.keras` or `.weights.h5` file, to be looked at, changed and written to another file.

    Args:
        filepath: The file; it is read whole, and never written to.

    Raises:
        CorruptFileError: for a damaged file.
        UnsafeFileError: for a file that no honest program writes.
        FileNotFoundError: when there is no file.
        ValueError: for another ending.

    Example:
        >>> import tempfile, pathlib, treadle
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "m.weights.h5"
        >>> treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)]).save_weights(path)
        >>> editor = treadle.saving.KerasFileEditor(path)
        >>> editor.rename_object("dense", "first")
        >>> editor.summary()
        layers/first
          0: shape (3, 2), float32
          1: shape (2,), float32
        >>> editor.save(path.with_name("n.weights.h5"))

    Reference:
        Keras 3 API, `keras.saving.KerasFileEditor`.
    """

    def __init__(self, filepath: Any) -> None:
        path = check_source(filepath)
        self.filepath = str(path)
        self.objects: dict[str, dict[str, torch.Tensor]] = {}
        with contextlib.ExitStack() as stack:
            weights, where = path, str(path)
            if path.suffix == ".keras":
                archive = stack.enter_context(_archive.open_archive(path, where))
                weights = stack.enter_context(archive.extracted(_archive.WEIGHTS))
            elif not path.name.endswith(".weights.h5"):
                raise _wrong_ending(path, ".keras or .weights.h5")
            file = stack.enter_context(open_hdf5(weights, where))
            datasets = datasets_of(file, where)
            for key in sorted(datasets, key=natural):
                group, _, name = key.rpartition("/")
                owner = group.removesuffix("vars").rstrip("/")
                self.objects.setdefault(owner, {})[name] = as_stored(
                    datasets[key], f"{where}, {key}"
                ).read()

    def summary(self) -> None:
        """Print the objects in the file, with their weights."""
        for path, weights in sorted(self.objects.items()):
            print(path or "(the model)")
            for name, value in weights.items():
                dtype = str(value.dtype).removeprefix("torch.")
                print(f"  {name}: shape {tuple(value.shape)}, {dtype}")

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Print each difference between the file and a model.

        Args:
            reference_model: A built model.

        Returns:
            `status`, which is `"success"` or `"error"`; `error_count`; `match_count`, the weights that fit.
        """
        stored = {
            _key(path, name): Stored(tuple(value.shape), value.dtype, value.clone)
            for path, weights in self.objects.items()
            for name, value in weights.items()
            if path != "optimizer"
        }
        pairs, differences = match(slots_of(parts_of(reference_model)), stored)
        print("\n".join(differences) or "The file and the model fit.")
        return {
            "status": "error" if differences else "success",
            "error_count": len(differences),
            "match_count": len(pairs),
        }

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object (name or path, such as `"dense"` or `"layers/dense"`), and what is in it, another name."""
        old = self._find(object_name)
        new = f"{old.rpartition('/')[0]}/{_plain(new_name)}".lstrip("/")
        if any(path == new or path.startswith(f"{new}/") for path in self.objects):
            raise self._problem(f"There is an object {new!r} already.", "a new name", new_name)
        self.objects = {
            new + path[len(old) :] if f"{path}/".startswith(f"{old}/") else path: weights
            for path, weights in self.objects.items()
        }

    def delete_object(self, object_name: str) -> None:
        """Take away an object (name or path), with what is in it."""
        old = self._find(object_name)
        self.objects = {
            path: weights
            for path, weights in self.objects.items()
            if not f"{path}/".startswith(f"{old}/")
        }

    def add_object(self, object_path: str, weights: Mapping[str, Any]) -> None:
        """Add an object at a full path, such as `"layers/dense_2"`, with its weights, such as `{"0": kernel}`."""
        path = "/".join(map(_plain, object_path.strip("/").split("/")))
        if path in self.objects:
            raise self._problem(f"There is an object {path!r} already.", "a new path", path)
        self.objects[path] = {}
        self.add_weights(path, weights)

    def add_weights(self, object_name: str, weights: Mapping[str, Any]) -> None:
        """Add weights to an object (name or path), or replace them."""
        values = {_plain(name): torch.as_tensor(value) for name, value in weights.items()}
        self.objects[self._find(object_name)].update(values)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Take away one weight, such as `"0"`, of an object (name or path)."""
        weights = self.objects[self._find(object_name)]
        if weight_name not in weights:
            raise self._problem(
                f"{object_name!r} has no weight {weight_name!r}.",
                f"one of {list(weights)}",
                weight_name,
            )
        del weights[weight_name]

    def save(self, filepath: Any) -> None:
        """Write the weights to a file whose name ends in `.weights.h5`, in one step."""
        path = Path(filepath).expanduser()
        if not path.name.endswith(".weights.h5"):
            raise _wrong_ending(path, ".weights.h5")
        with replacing_file(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
            for owner, weights in self.objects.items():
                for name, value in weights.items():
                    group, _, last = _key(owner, name).rpartition("/")
                    write_tensor(file.require_group(group or "/"), last, value)

    def resave_weights(self, filepath: Any) -> None:
        """Write the weights, as `save` does."""
        self.save(filepath)

    def _find(self, name: str) -> str:
        wanted = name.strip("/")
        found = [p for p in self.objects if p == wanted] or [
            path for path in self.objects if path.rpartition("/")[2] == wanted
        ]
        # An object without weights of its own is known by what is in it.
        found = found or [wanted] * any(p.startswith(f"{wanted}/") for p in self.objects)
        if len(found) == 1:
            return found[0]
        if found:
            raise self._problem(f"{name!r} means several objects.", f"one of {found}", name)
        raise _core.unknown_name("object", name, list(self.objects))

    def _problem(self, what: str, expected: str, got: str) -> ValueError:
        return ValueError(_core.explain(what, expected=expected, got=repr(got)))


def _key(path: str, name: str) -> str:
    return f"{path}/vars/{name}".lstrip("/")


def _plain(name: str) -> str:
    if not name or "/" in name or name in (".", ".."):
        raise ValueError(
            _core.explain(
                "This name cannot be used in a weights file.",
                expected="a text without slashes",
                got=repr(name),
            )
        )
    return name


def _wrong_ending(path: Path, expected: str) -> ValueError:
    return ValueError(
        _core.explain(
            "The name of a weights file says its format.",
            expected=f"a name that ends in {expected}",
            got=repr(path.name),
        )
    )
