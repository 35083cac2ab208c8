"""From the JSON of a snapshot to its report, as the command line does it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from workers.diagnosis import diagnose
from workers.diagnosis.model import Finding, Report
from workers.pipeline import catalogue
from workers.pipeline.catalogue import Catalogue
from workers.snapshot.codec import load
from workers.snapshot.model import Snapshot

CASES = Path(__file__).parent.parent / "cases"
HEALTHY = CASES / "healthy"


@cache
def known() -> Catalogue:
    return catalogue.load()


def snapshot_of(value: dict[str, Any] | str) -> Snapshot:
    return load(value if isinstance(value, str) else json.dumps(value))


def examine(value: dict[str, Any] | str | Snapshot, **given: Any) -> Report:
    snapshot = value if isinstance(value, Snapshot) else snapshot_of(value)
    return diagnose(snapshot, catalogue=known(), **given)


def told(report: Report) -> str:
    """The findings in short, for a failing assertion."""
    return "\n".join(
        f"{each.component} {each.certainty} {each.principal} {','.join(each.actions)} "
        f"{each.resource}: {each.headline}"
        for each in report.findings
    )


def finding(report: Report, **wanted: str) -> Finding:
    """The first finding whose fields are these; `action` may be any of its actions."""
    for each in report.findings:
        if all(_has(each, name, value) for name, value in wanted.items()):
            return each
    raise AssertionError(f"no finding {wanted} in:\n{told(report)}")


def _has(found: Finding, name: str, value: str) -> bool:
    if name == "action":
        return value in (found.action, *found.actions)
    return str(getattr(found, name)) == value
