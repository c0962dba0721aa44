"""`CheckReport`: what `Model.check` found, to print and to read."""

from __future__ import annotations

import dataclasses
from typing import Any

_MARKS = {True: "ok", False: "LOOK", None: "?"}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of a report.

    Attributes:
        name: What was looked at.
        ok: True, False, or None where it cannot be told.
        text: What was seen, with its numbers.
        fix: What to do about it.
    """

    name: str
    ok: bool | None
    text: str
    fix: str = ""


class CheckReport:
    """What `Model.check` found: print it, or read `ok`, `findings` and `values`.

    Args:
        title: What was checked.
        findings: One for each thing that was looked at.
        values: The numbers behind them: `initial_loss`, `chance_loss`, `overfit_loss`, `overfits`, `inputs`,
            `labels`, and `layers` (for each layer `activation_rms`, `dead_units`, `units`, `gradient_norm`).

    Example:
        >>> import numpy as np, treadle
        >>> treadle.utils.set_random_seed(0)
        >>> x = np.random.default_rng(0).normal(size=(64, 4))
        >>> model = treadle.Sequential([treadle.layers.Dense(8, "relu"), treadle.layers.Dense(1)])
        >>> model.compile(treadle.optimizers.Adam(0.01), "mse")
        >>> report = model.check(x, x.sum(1, keepdims=True))
        >>> report.ok, report.values["overfits"], report["labels"].text
        (True, True, 'targets from -7 to 4.2')
    """

    def __init__(self, title: str, findings: list[Finding], values: dict[str, Any]) -> None:
        self.title = title
        self.findings = findings
        self.values = values

    @property
    def ok(self) -> bool:
        """Whether nothing was found that needs a look."""
        return all(finding.ok is not False for finding in self.findings)

    def __getitem__(self, name: str) -> Finding:
        """Return the finding of that name."""
        return {finding.name: finding for finding in self.findings}[name]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts and numbers."""
        findings = {finding.name: dataclasses.asdict(finding) for finding in self.findings}
        return {"ok": self.ok, "findings": findings, "values": self.values}

    def __str__(self) -> str:
        width = max((len(finding.name) for finding in self.findings), default=0)
        lines = [self.title]
        for finding in self.findings:
            lines.append(f"  {_MARKS[finding.ok]:4}  {finding.name:{width}}  {finding.text}")
            if finding.ok is False and finding.fix:
                lines.append(f"        {'':{width}}  fix: {finding.fix}")
        return "\n".join([*lines, *self._layer_lines()])

    __repr__ = __str__

    def _layer_lines(self) -> list[str]:
        rows = self.values.get("layers", {})
        if not rows:
            return []
        width = max(len(name) for name in ("layer", *rows))
        lines = [f"  {'layer':{width}}  activation rms  dead units  gradient norm"]
        for name, row in rows.items():
            dead = "" if row["units"] is None else f"{row['dead_units']}/{row['units']}"
            cells = (_number(row["activation_rms"]), dead, _number(row["gradient_norm"]))
            lines.append(f"  {name:{width}}  {cells[0]:>14}  {cells[1]:>10}  {cells[2]:>13}")
        return lines


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
