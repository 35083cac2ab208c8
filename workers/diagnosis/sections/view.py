"""What a section is made from, and how its state follows from checks and findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.diagnosis.model import Certainty, Check, Component, Finding, Outcome, Section
from workers.diagnosis.naming import Names
from workers.pipeline.requirement import Part, Strength
from workers.policy import Decision
from workers.snapshot.model import Kind, Reading, Reference, Snapshot, State

DENIED = (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY)


@dataclass(frozen=True, slots=True)
class View:
    """A diagnosis as its sections see it.

    `unread` are the documents besides policies that were not read: what is not known of them
    may need access that nobody checked.
    """

    snapshot: Snapshot
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    unread: tuple[Reference, ...]
    purposes: Mapping[str, str]
    names: Names

    def say(self, key: str, /, **values: object) -> str:
        return self.names.texts.say(key, **values)

    def listed(self, values: Iterable[str], most: int = 4) -> str:
        return self.names.texts.listed(list(values), most)

    def several(self, states: Sequence[str], most: int = 2) -> str:
        """States of several things, one after the other; beyond `most` their number."""
        shown = list(states[:most])
        if len(states) > most:
            shown.append(self.say("words.more", count=len(states) - most))
        return "; ".join(shown)

    def status(self, name: str, status: str) -> str:
        return self.say("sections.status", name=name, status=status)

    def found(self, component: Component) -> tuple[Finding, ...]:
        """The findings about a component that stop something, as far as anybody knows."""
        return tuple(
            each
            for each in self.findings
            if each.component is component and each.decision != Decision.ALLOWED
        )

    def reading(self, reading: Reading[Any]) -> str:
        """A value in words, or that there is none, or that it was not read."""
        if reading.state is State.UNREADABLE:
            return self.say("sections.unread")
        if reading.state is State.ABSENT:
            return self.say("sections.absent")
        return str(reading.value)

    # --- the state -----------------------------------------------------------------------------

    def section(
        self,
        name: str,
        checks: Sequence[Check],
        findings: Sequence[Finding],
        *,
        nothing: str,
        state: str = "",
        details: Iterable[str] = (),
        parts: Collection[Kind] = (),
    ) -> Section:
        """A section of checks. `state` is what to know of the component besides their count.

        `nothing` is the text for a pipeline that has no such component; `parts` are the kinds of
        documents that tell whether it has.
        """
        outcome, summary = self.verdict(checks, findings)
        gaps = [each for each in self.unread if each.kind in parts]
        applies = bool(summary)
        if not self.snapshot.pipeline.value and not checks:
            outcome, summary, applies = Outcome.UNKNOWN, self.say("sections.pipeline_unread"), True
        elif gaps:
            outcome = Outcome.UNKNOWN if outcome is Outcome.CLEAR else outcome
            unread = self.listed((self.names.short(each.id) for each in gaps), 2)
            summary = _joined(summary, self.say("sections.part_unread", names=unread))
            applies = True
        if not any(counts(each) for each in checks) or summary in {f.headline for f in findings}:
            state = ""  # nothing was checked, or the headline says it
        return Section(
            name,
            outcome,
            _joined(summary or self.say(f"sections.{nothing}"), state),
            tuple(details),
            applies,
        )

    def verdict(self, checks: Sequence[Check], findings: Sequence[Finding]) -> tuple[Outcome, str]:
        """How the checks stand, as a count; "" where there is nothing that counts."""
        needed = [each for each in checks if counts(each)]
        denied = [each for each in needed if each.verdict.decision in DENIED]
        unknown = [each for each in needed if each.verdict.decision is Decision.UNKNOWN]
        sure = [each for each in findings if each.certainty is not Certainty.UNKNOWN]
        if denied:
            return Outcome.BLOCKED, self._count("blocked", denied, needed)
        if sure:
            return Outcome.BLOCKED, sure[0].headline
        if unknown:
            return Outcome.UNKNOWN, self._count("unknown", unknown, needed)
        if findings:
            return Outcome.UNKNOWN, findings[0].headline
        return Outcome.CLEAR, self._count("clear", needed, needed) if needed else ""

    def _count(self, key: str, some: Sequence[Check], of: Sequence[Check]) -> str:
        return self.say(f"sections.{key}", count=len(some), total=len(of))


def counts(check: Check) -> bool:
    """What AWS merely lists blocks no pipeline; of a person it tells what they may do."""
    need = check.requirement
    return need.strength is not Strength.DOCUMENTED or need.part is Part.USER


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
