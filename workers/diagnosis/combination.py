"""Several fixes as one: steps on the same document become one step that makes all changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from workers.diagnosis import documents
from workers.diagnosis.model import Fix, FixKind, Step, TargetKind
from workers.diagnosis.plans import fingerprint

_POLICIES = frozenset({TargetKind.TRUST_POLICY, TargetKind.BUCKET_POLICY, TargetKind.KEY_POLICY})
# The order in which steps are made: what only adds a document first, what a pipeline reads last.
_ORDER = {kind: number for number, kind in enumerate(TargetKind)}


class CannotCombine(ValueError):
    """Two steps want different values of one thing; the text names it."""


def combined(fixes: Iterable[Fix]) -> Fix:
    """One fix with the steps of all, one step per document.

    It is proven when each of them is: they only add statements, and none of those takes anything
    away. Raises CannotCombine when two steps contradict each other, and ValueError when a fix is
    nothing to apply.
    """
    kept = tuple(fixes)
    if not kept or any(fix.kind is not FixKind.APPLY for fix in kept):
        raise ValueError("only fixes that can be applied can be combined")
    steps: dict[tuple[str, ...], Step] = {}
    for fix in kept:
        for step in fix.steps:
            key = (step.target.kind, step.target.id, step.target.name, step.target.path)
            steps[key] = step if key not in steps else _joined(steps[key], step)
    ordered = tuple(sorted(steps.values(), key=lambda step: _ORDER[step.target.kind]))
    return Fix(
        kind=FixKind.APPLY,
        access=" ".join(dict.fromkeys(fix.access for fix in kept if fix.access)),
        steps=ordered,
        fingerprint=fingerprint(ordered),
        proven=all(fix.proven for fix in kept),
        opens=tuple(opened for fix in kept for opened in fix.opens),
    )


def _joined(one: Step, other: Step) -> Step:
    if one.after == other.after:
        return one
    if one.before != other.before or one.target.kind not in _POLICIES:
        raise CannotCombine(f"two changes of {one.target.id} contradict each other")
    after = documents.with_statements(one.after, _added(other))
    return replace(one, after=after, diff=documents.diff(one.before, after, one.target.id))


def _added(step: Step) -> list[Mapping[str, Any]]:
    before = documents.statements(step.before)
    return [each for each in documents.statements(step.after) if each not in before]
