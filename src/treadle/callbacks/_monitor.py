"""`Monitor`: which logged value a callback looks at, and whether it has become better.

NaN is never better than anything. A name that is never logged is an error after the first step, or at the end of the
first epoch where a user's own code may log it until then.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from treadle._core import UnknownNameError, explain, nearest, snake_case
from treadle.callbacks._arguments import check_choice, check_number

_LARGER = re.compile(
    r"acc|auc|precision|recall|sensitivity|specificity|f1|f_?beta|f_?score|io_?u|r2|correlation|concordance"
    r"|similarity|top_?k|true_(positive|negative)|dice_score|bleu|map$"
)
_SMALLER = re.compile(
    r"loss|error|mse|mae|mape|msle|rmse|entropy|divergence|hinge|poisson|log_?cosh|perplexity|bce|kld"
    r"|false_(positive|negative)|norm|seconds|time"
)


class Monitor:
    """A logged value and its direction.

    Args:
        owner: The callback's class name, for messages.
        name: The value's name in the logs.
        mode: `"min"`, `"max"`, or `"auto"` to tell it from the name or the metric's class.
        min_delta: A smaller improvement is none.
    """

    def __init__(self, owner: str, name: Any, mode: Any, min_delta: Any = 0.0) -> None:
        check_choice(owner, ("auto", "min", "max"), mode=mode)
        check_number(owner, 0.0, min_delta=min_delta)
        if not isinstance(name, str) or not name:
            raise ValueError(
                explain(
                    f"`monitor` of {owner} cannot be used.",
                    expected='the name of a logged value, such as "val_loss"',
                    got=f"{name!r:.80}",
                )
            )
        self.owner, self.name, self.min_delta = owner, name, min_delta
        self.mode = (direction(name) or mode) if mode == "auto" else mode
        self._seen = False
        self.is_used = True  # a checkpoint that keeps all files looks at no value

    def read(self, epoch: int, logs: Mapping[str, Any] | None, callback: Any) -> float | None:
        """Return the value of an epoch; None where validation is not done after each one.

        Raises:
            UnknownNameError: when the value is not logged; the nearest names are suggested.
        """
        found = {} if logs is None else logs
        if self.name not in found:
            every = callback.params.get("validation_freq") or 1
            between = self.name.startswith("val_") and (epoch + 1) % every != 0
            if not self._seen and not between:
                raise self._missing(found)
            return None
        self._seen = True
        if self.mode == "auto":
            self.mode = self._mode_from_class(callback.model)
        return float(found[self.name])

    def expect(self, names: Iterable[str]) -> None:
        """Raise unless the value is one of `names`, all that will be logged.

        Raises:
            UnknownNameError: the nearest names are suggested.
        """
        names = list(names)
        if self.name not in names:
            raise self._missing(dict.fromkeys(names))

    def better(self, value: float, than: float | None) -> bool:
        """Return whether `value` is better, by more than `min_delta`; anything but NaN is better than None."""
        if math.isnan(value):
            return False
        if than is None:
            return True
        if self.mode == "max":
            return value - self.min_delta > than
        return value + self.min_delta < than

    def _missing(self, logs: Mapping[str, Any]) -> UnknownNameError:
        close = nearest(self.name, logs)
        fix = f"did you mean {' or '.join(map(repr, close))}?" if close else ""
        if self.name.startswith("val_") and not any(name.startswith("val_") for name in logs):
            fix = "give validation_data or validation_split to fit"
            base = self.name.removeprefix("val_")
            fix += f', or monitor="{base}"' if base in logs else ""
        return UnknownNameError(
            explain(
                f"{self.owner} monitors a value that is not logged.",
                expected="one of " + ", ".join(map(repr, logs)) if logs else "a logged value",
                got=repr(self.name),
                fix=fix,
            )
        )

    def _mode_from_class(self, model: Any) -> str:
        base = self.name.removeprefix("val_")
        for metric in getattr(model, "metrics", None) or ():
            found = direction(snake_case(type(metric).__name__)) if metric.name == base else None
            if found is not None:
                return found
        raise ValueError(
            explain(
                f"{self.owner} cannot tell whether a larger or a smaller {self.name!r} is better.",
                expected='mode="min" or mode="max"',
                got='mode="auto"',
                fix=f'{self.owner}(monitor="{self.name}", mode="max"), if larger is better',
            )
        )


def direction(name: str) -> str | None:
    """Return whether the value called `name` is better small (`"min"`) or large (`"max"`); None if unknown."""
    folded = name.lower()
    if re.search("loss|error", folded):
        return "min"
    if _LARGER.search(folded):
        return "max"
    return "min" if _SMALLER.search(folded) else None
