"""How fast requests are evaluated, beside an independent evaluator on the same lines.

``python -m bench.policy``: both programs take turns in one run; the figures are medians. No
verdict is kept from one request to the next. Where the other program cannot be had its columns
stay empty.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.policy_corpus import heavy, roles, small
from tests.differential.peer import NoPeer, decisions, installed, rate
from workers.policy import PolicyKind, evaluate, parse
from workers.policy.cases import Case, case_of

TURNS = 5
SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario: our figure, the peer's or the limit, and their ratio."""

    scenario: str
    ours: str
    beside: str
    ratio: str
    mark: str
    met: bool | None


def rows() -> Iterable[Row]:
    """Measure everything; takes about half a minute."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(installed())
        except NoPeer as reason:
            print(f"The other evaluator cannot be run here: {reason}", file=sys.stderr)
            folder = None
        yield _rates("small (1-3 statements)", small(400), folder, least=2.0)
        yield _rates("heavy (cross-account, 6 layers)", heavy(100), folder, least=10.0)
    yield from _loading()


def _rates(scenario: str, lines: list[dict[str, Any]], folder: Path | None, least: float) -> Row:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    cases = [case_of(json.dumps(line)) for line in lines]
    if folder is not None:
        _check(cases, lines, folder)
    ours, theirs = [], []
    for _ in range(TURNS):
        ours.append(_our_rate(cases))
        if folder is not None:
            theirs.append(rate(folder, text, SECONDS))
    mine = median(ours)
    if not theirs:
        return Row(scenario, f"{mine:,.0f}/s", "", "", f"at least {least:g}x", None)
    other = median(theirs)
    return Row(
        scenario,
        f"{mine:,.0f}/s",
        f"{other:,.0f}/s",
        f"{mine / other:.1f}x",
        f"at least {least:g}x",
        mine / other >= least,
    )


def _check(cases: list[Case], lines: list[dict[str, Any]], folder: Path) -> None:
    """Speed is only worth comparing where both say the same."""
    answers = decisions(folder, lines)
    for case in cases:
        ours, theirs = case.verdict().decision.value, answers[case.id]
        if ours != theirs.decision:
            raise SystemExit(f"case {case.id}: ours {ours}, theirs {theirs}")


def _our_rate(cases: list[Case]) -> float:
    done, start = 0, time.perf_counter()
    while True:
        for case in cases:
            evaluate(case.request, case.policies, partial=case.partial)
        done += len(cases)
        passed = time.perf_counter() - start
        if passed >= SECONDS:
            return done / passed


def _loading() -> Iterable[Row]:
    """In a process of its own, so that its memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.policy", "--load"],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, megabytes = json.loads(done.stdout)
    scenario = "loading 1,000 roles of 5 policies"
    yield Row(
        scenario, f"{seconds:.2f} s", "2 s", f"{seconds / 2:.2f}x", "at most 2 s", seconds < 2
    )
    yield Row(
        scenario + ", memory",
        f"{megabytes:.0f} MB",
        "200 MB",
        f"{megabytes / 200:.2f}x",
        "at most 200 MB",
        megabytes < 200,
    )


def load() -> tuple[float, float]:
    """Seconds to parse and index the policies, and the megabytes that they take."""
    texts = roles(1000)
    gc.collect()
    before = _resident()
    start = time.perf_counter()
    kept = [
        [parse(text, name=f"{role}-{at}", kind=PolicyKind.IDENTITY) for at, text in enumerate(five)]
        for role, five in enumerate(texts)
    ]
    seconds = time.perf_counter() - start
    assert len(kept) == len(texts)
    return seconds, _resident() - before


def _resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    """Print the table."""
    if "--load" in sys.argv:
        print(json.dumps(load()))
        return
    table = Table(title="Policy evaluation: medians of paired runs")
    for name in ("scenario", "ours", "peer / limit", "ratio", "mark", ""):
        table.add_column(name, justify="left" if name == "scenario" else "right")
    for row in rows():
        verdict = "" if row.met is None else ("met" if row.met else "missed")
        table.add_row(row.scenario, row.ours, row.beside, row.ratio, row.mark, verdict)
    Console().print(table)


if __name__ == "__main__":
    main()
