"""A document that others changed after a fix was written, the two changes told apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.diagnosis import documents
from workers.diagnosis.documents import NotJson


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """Unified diffs: what the fix changed, what others changed after it, and what would take
    only the fix back. `without` is empty where the fix's statements cannot be told apart any
    more from what others wrote."""

    fix: str
    since: str
    without: str


def three_way(before: str | None, after: str, live: str | None, name: str) -> ThreeWay:
    """Compare a document before the fix, as the fix wrote it, and as it reads now; None stands
    for no document."""
    first, second, third = f"{name} (before the fix)", f"{name} (by the fix)", f"{name} (now)"
    known, merge = _without(before, after, live)
    return ThreeWay(
        fix=documents.compared(before, after, first, second),
        since=documents.compared(after, live, second, third),
        without=documents.compared(live, merge, third, f"{name} (without the fix)")
        if known
        else "",
    )


def _without(before: str | None, after: str, live: str | None) -> tuple[bool, str | None]:
    """The live policy with what the fix added gone and what it removed back, if every statement
    that it added is still there unchanged."""
    if live is None:
        return False, None
    try:
        old, new, now = (documents.statements(each) for each in (before, after, live))
        whole = documents.merged(documents.read(live))
    except (NotJson, AttributeError):  # an encryption key's ARN, an ownership setting
        return False, None
    added = [each for each in new if each not in old]
    removed = [each for each in old if each not in new]
    if not added + removed or any(each not in now for each in added):
        return False, None
    rest = [each for each in now if each not in added]
    rest += [each for each in removed if each not in rest]
    if before is None and not rest:
        return True, None
    return True, _with(whole, rest)


def _with(whole: Mapping[str, Any], statements: list[Mapping[str, Any]]) -> str:
    return json.dumps({**whole, "Statement": statements}, indent=2, ensure_ascii=False)
