"""The page of a run's report: one HTML file with its style and pictures inside; nothing is loaded from anywhere."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from treadle import display
from treadle.callbacks._report_curves import Points, curve_panel

_REFRESH = 2  # seconds between two looks of the browser at a run that goes on

_STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1c2330;--dim:#667085;--line:#e4e7ec;
--train:#0072b2;--val:#d55e00;--good:#067647;--run:#175cd3;--bad:#b42318}
@media(prefers-color-scheme:dark){:root{--bg:#0f141b;--card:#171e28;--ink:#e6eaf0;--dim:#93a0b4;--line:#2a3442;
--train:#4db2ec;--val:#ff9350;--good:#3fca8b;--run:#7fb0ff;--bad:#ff8a7d}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1440px;margin:0 auto;padding:28px 24px 48px}
header{display:flex;align-items:baseline;gap:14px;flex-wrap:wrap}h1{font-size:24px;margin:0}
h2{font-size:16px;margin:34px 0 12px}.status{padding:2px 11px;border-radius:99px;font-size:13px;font-weight:600;
border:1px solid currentColor}.running{color:var(--run)}.finished{color:var(--good)}.failed{color:var(--bad)}
.when{color:var(--dim);font-size:13px;margin-left:auto}
.bar{height:6px;border-radius:3px;background:var(--line);margin:16px 0 20px;overflow:hidden}
.bar i{display:block;height:100%;background:var(--train)}.failed+.when+.bar i{background:var(--bad)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0}
.facts div,figure,.table{background:var(--card);border:1px solid var(--line);border-radius:10px}
.facts div{padding:11px 15px}.facts dt{color:var(--dim);font-size:13px}
.facts dd{margin:2px 0 0;font-size:20px;font-weight:600;font-variant-numeric:tabular-nums}
.facts small{display:block;color:var(--dim);font-size:12px;font-weight:400}
.curves{display:grid;grid-template-columns:repeat(auto-fill,minmax(380px,1fr));gap:14px}
figure{margin:0;padding:12px 14px 4px}
figcaption{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:baseline;font-size:13px}
figcaption strong{font-size:14px;margin-right:auto}figcaption span{color:var(--dim)}
figcaption b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}
figcaption i{display:inline-block;width:14px;height:0;border-top:2.5px solid var(--train);
vertical-align:middle;margin-right:5px}
figcaption i.validation{border-top:2.5px dashed var(--val)}
figcaption i.star{width:9px;height:9px;border:2px solid var(--good);border-radius:50%}
svg{display:block;width:100%;height:auto}svg line{stroke:var(--line)}svg text{fill:var(--dim);font-size:11px}
svg .y{text-anchor:end}svg .x,svg .none{text-anchor:middle}polyline{fill:none;stroke-width:2;stroke-linejoin:round}
.training polyline{stroke:var(--train)}.training circle{fill:var(--train)}
.validation polyline{stroke:var(--val);stroke-dasharray:6 4}.validation circle{fill:var(--val)}
.best{fill:none;stroke:var(--good);stroke-width:2}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:7px 15px;border-top:1px solid var(--line);white-space:nowrap}
th{color:var(--dim);font-weight:500;font-size:13px;border-top:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}tfoot td{color:var(--dim)}
pre{background:var(--card);border:1px solid var(--bad);border-radius:10px;padding:12px 15px;
overflow-x:auto;color:var(--bad)}
@media(max-width:460px){.curves{grid-template-columns:1fr}main{padding:18px 12px}}
"""


@dataclass
class ReportData:
    """What a page shows."""

    title: str
    status: str  # running, finished or failed
    share: float  # how much of the run is done, from 0 to 1
    when: str
    facts: list[tuple[str, str, str]] = field(default_factory=list)  # name, value, remark
    curves: dict[str, dict[str, Points]] = field(default_factory=dict)
    best: dict[str, tuple[int, float]] = field(default_factory=dict)
    layers: Sequence[tuple[str, str, str, int]] = ()
    totals: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


def render(page: ReportData) -> str:
    """Return the page as HTML."""
    title = html.escape(page.title)
    refresh = (
        f'<meta http-equiv="refresh" content="{_REFRESH}">' if page.status == "running" else ""
    )
    facts = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}"
        f"<small>{html.escape(remark) or '&nbsp;'}</small></dd></div>"
        for name, value, remark in page.facts
    )
    curves = "".join(
        curve_panel(name, series, page.best.get(name)) for name, series in page.curves.items()
    )
    shown = curves or "<p>The first values appear when the first epoch has ended.</p>"
    error = f"<pre>{html.escape(page.error)}</pre>" if page.error else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title} - {page.status}</title><style>{_STYLE}</style></head><body><main>"
        f'<header><h1>{title}</h1><span class="status {page.status}">{page.status}</span>'
        f'<span class="when">{html.escape(page.when)}</span></header>'
        f'<div class="bar"><i style="width:{100 * page.share:.1f}%"></i></div>{error}'
        f'<dl class="facts">{facts}</dl><h2>Curves over the epochs</h2>'
        f'<div class="curves">{shown}</div>{_model_table(page)}</main></body></html>\n'
    )


def _model_table(page: ReportData) -> str:
    if not page.layers:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(kind)}</td><td>{html.escape(shape)}</td>"
        f'<td class="n">{params:,}</td></tr>'
        for name, kind, shape, params in page.layers
    )
    foot = "".join(
        f'<tr><td colspan="3">{html.escape(name)}</td><td class="n">{html.escape(value)}</td></tr>'
        for name, value in page.totals.items()
    )
    return (
        '<h2>Model</h2><div class="table"><table><thead><tr><th>Layer</th><th>Type</th>'
        '<th>Output shape</th><th class="n">Parameters</th></tr></thead>'
        f"<tbody>{rows}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


def size_text(count: int, size: int) -> str:
    """Return a number of parameters and their bytes as text."""
    return f"{count:,} ({display.format_bytes(size)})"


def describe(value: Any) -> str:
    """Return the name of a loss or an optimizer."""
    if value is None or isinstance(value, str):
        return str(value or "-")
    return str(getattr(value, "__name__", type(value).__name__))
