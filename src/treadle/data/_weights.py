"""Class weights: from `{class: weight}` to a weight for each sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from treadle import _core
from treadle.data._sources import ArraySource, Source


def apply_class_weight(y: Any, class_weight: Mapping[Any, float], what: str = "y") -> torch.Tensor:
    """Return the weight of each sample: that of its class.

    Args:
        y: Integer classes of shape (batch,) or (batch, 1), or one-hot rows of shape (batch, classes).
        class_weight: A number >= 0 for each class that occurs in `y`.
        what: The name of `y` in messages.

    Returns:
        Shape (batch,), `floatx`.

    Raises:
        TypeError: for keys that are no integers.
        ValueError: for weights that are negative or not finite, and keys that no row can have.
        DataError: for targets that are no classes, and classes without a weight.
    """
    table = _table(class_weight)
    classes = _classes_of(y, table, what)
    if len(classes) and int(classes.min()) < 0:
        raise _core.DataError(_not_classes(what, f"the class {int(classes.min())}"))
    size = max(len(table), int(classes.max()) + 1 if len(classes) else 0)
    known = torch.full((size,), float("nan"))
    known[: len(table)] = table
    weights = known[classes.cpu()]
    lacking = weights.isnan()
    if bool(lacking.any()):
        missing = sorted(set(classes[lacking.to(classes.device)].tolist()))
        more = ", ".join(f"{number}: 1.0" for number in missing[:5])
        raise _core.DataError(
            _core.explain(
                "`class_weight` lacks classes that occur.",
                expected="a weight for each class",
                got=f"none for {', '.join(map(str, missing[:10]))}",
                fix=f"add {{{more}}}",
            )
        )
    return weights.to(device=classes.device, dtype=_core.torch_dtype(None))


def _table(class_weight: Any) -> torch.Tensor:
    """Return the weights by class, NaN where there is none."""
    if not isinstance(class_weight, Mapping) or not class_weight:
        raise TypeError(
            _core.explain(
                "`class_weight` cannot be used.",
                expected="a dict such as {0: 1.0, 1: 5.0}",
                got=f"{class_weight!r:.60}",
            )
        )
    for key, weight in class_weight.items():
        if isinstance(key, bool) or not hasattr(key, "__index__") or int(key) < 0:
            raise TypeError(
                _core.explain(
                    "A key of `class_weight` is no class.",
                    expected="integers >= 0, as in the targets",
                    got=f"{key!r:.60}",
                    fix="use the numbers of the classes: {names.index(name): weight for ...}",
                )
            )
        if not 0 <= float(weight) < float("inf"):
            raise ValueError(
                _core.explain(
                    f"The weight of class {int(key)} cannot be used.",
                    expected="a finite number >= 0",
                    got=repr(weight),
                )
            )
    table = torch.full((max(int(key) for key in class_weight) + 1,), float("nan"))
    for key, weight in class_weight.items():
        table[int(key)] = float(weight)
    return table


def _classes_of(y: Any, table: torch.Tensor, what: str) -> torch.Tensor:
    if not isinstance(y, torch.Tensor):
        kind = "no targets" if y is None else f"{type(y).__name__} of targets for many outputs"
        raise _core.DataError(_not_classes(what, kind))
    if y.dim() == 2 and y.shape[1] > 1:
        if len(table) > y.shape[1]:
            raise ValueError(_unknown_keys([len(table) - 1], f"{y.shape[1]} columns"))
        one_hot = ((y == 0) | (y == 1)).all() & (y.sum(1) == 1).all()
        if bool(one_hot):
            return y.argmax(1)
        raise _core.DataError(_not_classes(what, f"shape {tuple(y.shape)}, not one-hot"))
    if y.dim() > 2 or (y.is_floating_point() and bool((y != y.round()).any())):
        raise _core.DataError(_not_classes(what, f"shape {tuple(y.shape)}, {y.dtype}"))
    return y.reshape(-1).long()


def check_all_occur(y: torch.Tensor, class_weight: Mapping[Any, float]) -> None:
    """Raise for keys of `class_weight` that are the class of no sample; `y` holds all targets."""
    if y.dim() == 2 and y.shape[1] > 1:
        return
    present = set(y.reshape(-1).long().unique().tolist())
    unknown = sorted(int(key) for key in class_weight if int(key) not in present)
    if unknown:
        raise ValueError(_unknown_keys(unknown, f"the classes {sorted(present)[:12]}"))


def _unknown_keys(keys: list[int], got: str) -> str:
    return _core.explain(
        "`class_weight` names classes that no sample has.",
        expected="the classes that occur in the targets",
        got=f"keys {', '.join(map(str, keys[:10]))}, with targets of {got}",
        fix="drop these keys, or check how the classes are numbered",
    )


def _not_classes(what: str, got: str) -> str:
    return _core.explain(
        "`class_weight` needs classes as targets.",
        expected=f"`{what}` of integers from 0 on, of shape (batch,) or (batch, 1), or one-hot rows",
        got=got,
        fix="give `sample_weight` instead",
    )


def weigh_classes(source: Source, class_weight: Mapping[Any, float] | None) -> Source:
    """Return `source` with class weights multiplied into its sample weights; the source itself for None."""
    if class_weight is None:
        return source
    if not isinstance(source, ArraySource):
        return ClassWeightedSource(source, class_weight)
    x, y, given = (*source.parts, None, None)[:3]
    weights = apply_class_weight(y, class_weight)
    if y is not None:
        check_all_occur(y, class_weight)
    parts = (x, y, weights if given is None else _times(given, weights))
    return ArraySource(parts, source.batch_size, source.shuffle, source.seed)


def _times(given: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return given * weights.reshape(-1, *[1] * (given.dim() - 1)).to(given.dtype)


class ClassWeightedSource:
    """Batches of another source, with class weights multiplied into their sample weights.

    Args:
        source: The other source; what is not about batches is asked of it.
        class_weight: A weight for each class.
    """

    def __init__(self, source: Source, class_weight: Mapping[Any, float]) -> None:
        self.source = source
        self.class_weight = class_weight
        self.batches = source.batches
        self.samples = source.samples
        _table(class_weight)

    def __getattr__(self, name: str) -> Any:
        if name == "source":
            raise AttributeError(name)
        return getattr(self.source, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # The seed of the order, say, belongs to the source that has the order.
        owner = self.__dict__.get("source")
        holder = owner if owner is not None and hasattr(owner, name) else self
        object.__setattr__(holder, name, value)

    def epoch(self, index: int, start: int = 0) -> Iterator[Any]:
        """Yield the batches of epoch `index` from number `start` on."""
        return map(self._weighted, self.source.epoch(index, start))

    def some(self, index: int, count: int, start: int = 0) -> Iterator[Any]:
        """Yield batches from where the last call stopped."""
        return map(self._weighted, self.source.some(index, count, start))

    def _weighted(self, batch: Any) -> tuple[Any, ...]:
        x, y, given = (*batch, None, None)[:3] if isinstance(batch, tuple) else (batch, None, None)
        weights = apply_class_weight(y, self.class_weight)
        return x, y, weights if given is None else _times(given, weights)
