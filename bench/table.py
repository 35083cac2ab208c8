"""The one shape of every benchmark's result: a row per scenario, ours beside a peer or a limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario. `met` is None where nothing is promised, only shown."""

    scenario: str
    ours: str
    beside: str = ""
    ratio: str = ""
    mark: str = ""
    met: bool | None = None


def show(title: str, rows: Iterable[Row]) -> None:
    """Print the rows as a table, once all of them are measured."""
    table = Table(title=title)
    for name in ("scenario", "ours", "peer / limit", "ratio", "mark", ""):
        table.add_column(name, justify="left" if name == "scenario" else "right")
    for row in rows:
        verdict = "" if row.met is None else ("met" if row.met else "missed")
        table.add_row(row.scenario, row.ours, row.beside, row.ratio, row.mark, verdict)
    Console().print(table)
