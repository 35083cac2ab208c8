"""Checks gathered by cause, and what AWS said matched with them: the findings before the words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from workers.diagnosis.cause import Cause
from workers.diagnosis.failures import Failure
from workers.diagnosis.model import Certainty, Check, Component, Evidence
from workers.pipeline.requirement import Requirement, Strength
from workers.snapshot.model import empty

_STRENGTHS = {Strength.ALWAYS: 0, Strength.WHEN: 1, Strength.DOCUMENTED: 2}


@dataclass(frozen=True, slots=True)
class Draft:
    """One cause with everything that shares it. `lead` is the check that the finding shows."""

    key: tuple[str, ...]
    kind: str
    component: Component
    certainty: Certainty
    checks: tuple[Check, ...] = ()
    causes: tuple[Cause, ...] = ()  # one per check
    detail: str = ""
    evidence: tuple[Evidence, ...] = ()
    values: Mapping[str, str] = field(default_factory=empty)
    matched: tuple[Failure, ...] = ()
    score: int = 0
    # For what is no check: a fault of the configuration, a denial that only a message tells of.
    requirement: Requirement | None = None
    documentation: str = ""
    retry: bool = False
    fault: str = ""

    @property
    def lead(self) -> Requirement:
        if self.requirement is not None:
            return self.requirement
        return self.checks[0].requirement

    @property
    def cause(self) -> Cause | None:
        return self.causes[0] if self.causes else None

    @property
    def documented_only(self) -> bool:
        """Whether nothing but access that AWS merely lists has this cause."""
        return bool(self.checks) and all(
            check.requirement.strength is Strength.DOCUMENTED for check in self.checks
        )


def gather(found: Iterable[tuple[Check, Cause]]) -> tuple[Draft, ...]:
    """One draft per cause, in the order in which the causes first appear."""
    groups: dict[tuple[str, ...], list[tuple[Check, Cause]]] = {}
    for check, cause in found:
        groups.setdefault(cause.key, []).append((check, cause))
    return tuple(_draft(members) for members in groups.values())


def _draft(members: Sequence[tuple[Check, Cause]]) -> Draft:
    ordered = sorted(members, key=lambda member: _STRENGTHS[member[0].requirement.strength])
    return led_by(
        Draft(
            key=ordered[0][1].key,
            kind=ordered[0][1].kind,
            component=ordered[0][1].component,
            certainty=ordered[0][1].certainty,
            checks=tuple(check for check, _ in ordered),
            causes=tuple(cause for _, cause in ordered),
        ),
        0,
    )


def led_by(draft: Draft, index: int) -> Draft:
    """The draft with that check in front; the finding is about it."""
    order = [index, *(each for each in range(len(draft.checks)) if each != index)]
    draft = replace(draft, checks=tuple(draft.checks[each] for each in order))
    if not draft.causes:
        return draft
    lead = draft.causes[index]
    return replace(
        draft,
        causes=tuple(draft.causes[each] for each in order),
        kind=lead.kind,
        component=lead.component,
        certainty=lead.certainty,
        detail=lead.detail,
    )
