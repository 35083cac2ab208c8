"""What many pipelines fail of together: causes, beginnings, who changed what. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from workers.aws.history import Change
from workers.aws.search import Unseen
from workers.diagnosis.model import Finding, FixKind, Outcome
from workers.incidents.causes import (
    Cause,
    cause_of,
    cause_of_denial,
    common_causes,
    denials_in,
    explanation,
    labelled,
)
from workers.incidents.looks import FailedRun, Looked


@dataclass(frozen=True, slots=True)
class Stopped:
    """A pipeline and the executions of the period that the cause stopped, oldest first."""

    pipeline: Looked
    failures: tuple[FailedRun, ...]

    @property
    def first(self) -> float:
        return self.failures[0].at

    @property
    def healed(self) -> float:
        """When it went through again after its last failure; 0 if it has not."""
        return self.pipeline.succeeded if self.pipeline.succeeded > self.failures[-1].at else 0


@dataclass(frozen=True, slots=True)
class Found:
    """A cause with whom it stopped in the period, and whom it will stop next.

    `changes` are None while nobody looked; `unread` says why they could not be read.
    """

    cause: Cause
    stopped: tuple[Stopped, ...]
    threatened: tuple[Looked, ...]
    finding: Finding | None = None
    of: Looked | None = None  # the pipeline whose finding that is
    changes: tuple[Change, ...] | None = None
    unread: str = ""

    @property
    def first(self) -> float:
        """When it was first met in the period; 0 when it was not."""
        return min((each.first for each in self.stopped), default=0)

    @property
    def suspect(self) -> Change | None:
        """The newest change before the first failure; without a failure the newest of all.

        That it came before is no proof that it was the reason: it is where to look first.
        """
        known = self.changes or ()
        before = [each for each in known if not self.first or each.at <= self.first + 60]
        return before[0] if before else None

    @property
    def pipelines(self) -> tuple[Looked, ...]:
        return (*(each.pipeline for each in self.stopped), *self.threatened)

    @property
    def over(self) -> bool:
        """Whether everything that it stopped went through again, and nothing is to come."""
        return bool(self.stopped) and not self.threatened and all(e.healed for e in self.stopped)


@dataclass(frozen=True, slots=True)
class Investigation:
    """The answer: causes, those that explain most first, and what was looked at."""

    since: float
    until: float
    causes: tuple[Found, ...]
    looked: int
    clear: int
    unknown: tuple[Looked, ...] = ()
    other_reasons: tuple[Looked, ...] = ()  # failed in the period, but not of access
    unseen: tuple[Unseen, ...] = ()  # places whose pipelines nobody could list, and why
    stopped_by: str = ""
    left: int = 0  # pipelines not looked at, because it was stopped

    @property
    def failed(self) -> tuple[Looked, ...]:
        """The pipelines that failed of access in the period."""
        found = {each.pipeline.id: each.pipeline for cause in self.causes for each in cause.stopped}
        return tuple(found.values())


class Moment(StrEnum):
    CHANGE = "change"
    FAILURE = "failure"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True, order=True)
class Occurrence:
    """Something that happened; `who` is a pipeline or a person, `what` the change or the cause."""

    at: float
    kind: Moment
    who: str
    what: str


def investigate(looked: Iterable[Looked], since: float, until: float) -> Investigation:
    """The causes of what failed since then, and of what will fail next, without the changes."""
    every = tuple(looked)
    by_id = {each.id: each for each in every}
    stopped: dict[str, dict[str, list[FailedRun]]] = defaultdict(lambda: defaultdict(list))
    causes: dict[str, Cause] = {}
    findings: dict[str, tuple[Finding, Looked]] = {}
    other: list[Looked] = []
    for pipeline in every:
        recent = [each for each in pipeline.failures if each.at >= since]
        explained = False
        for failure in recent:
            cause, finding = _reason(pipeline, failure)
            if cause is None:
                continue
            explained = True
            causes.setdefault(cause.key, cause)
            stopped[cause.key][pipeline.id].append(failure)
            if finding is not None:
                findings.setdefault(cause.key, (finding, pipeline))
        if recent and not explained:
            other.append(pipeline)
    threatened: dict[str, list[Looked]] = defaultdict(list)
    reports = {id(each.report): each for each in every}
    for common in common_causes(each.report for each in every):
        key = common.cause.key
        causes.setdefault(key, common.cause)
        for affected in common.affected:
            pipeline = reports[id(affected.report)]
            findings.setdefault(key, (affected.finding, pipeline))
            if pipeline.id not in stopped[key]:
                threatened[key].append(pipeline)
    labels = dict(label for each in every for label in each.labels)
    found = [
        _found(labelled(cause, labels), stopped[key], threatened[key], findings.get(key), by_id)
        for key, cause in causes.items()
    ]
    # Of equal ones those whose document is known come first: they can be acted on.
    found.sort(
        key=lambda each: (
            -len(each.stopped),
            -len(each.threatened),
            not each.cause.document,
            each.cause.document,
        )
    )
    return Investigation(
        since=since,
        until=until,
        causes=tuple(found),
        looked=len(every),
        clear=sum(each.report.outcome is Outcome.CLEAR for each in every),
        unknown=tuple(each for each in every if each.report.outcome is Outcome.UNKNOWN),
        other_reasons=tuple(other),
    )


def _reason(pipeline: Looked, failure: FailedRun) -> tuple[Cause | None, Finding | None]:
    finding = explanation(pipeline.report, failure.execution, failure.stage, failure.action)
    if finding is not None:
        return cause_of(finding), finding
    denials = denials_in([failure.text])
    return (cause_of_denial(denials[0]), None) if denials else (None, None)


def _found(
    cause: Cause,
    stopped: dict[str, list[FailedRun]],
    threatened: Sequence[Looked],
    finding: tuple[Finding, Looked] | None,
    pipelines: dict[str, Looked],
) -> Found:
    members = [
        Stopped(pipelines[name], tuple(sorted(runs, key=lambda run: run.at)))
        for name, runs in stopped.items()
    ]
    return Found(
        cause=cause,
        stopped=tuple(sorted(members, key=lambda each: each.first)),
        threatened=tuple(sorted(threatened, key=lambda each: (each.name, each.account))),
        finding=finding[0] if finding else None,
        of=finding[1] if finding else None,
    )


def with_changes(found: Found, changes: tuple[Change, ...] | None, unread: str = "") -> Found:
    """The cause with what CloudTrail tells of it."""
    return replace(found, changes=changes, unread=unread)


def occurrences(found: Investigation) -> tuple[Occurrence, ...]:
    """Everything that happened, in order: changes, failures, recoveries."""
    happened: list[Occurrence] = []
    for cause in found.causes:
        for change in cause.changes or ():
            happened.append(
                Occurrence(
                    change.at, Moment.CHANGE, change.person or change.actor,
                    f"{change.name} {cause.cause.name}",
                )
            )  # fmt: skip
        for stopped in cause.stopped:
            for failure in stopped.failures:
                where = f"{failure.stage}/{failure.action}"
                happened.append(
                    Occurrence(failure.at, Moment.FAILURE, stopped.pipeline.name, where)
                )
            if stopped.healed:
                happened.append(
                    Occurrence(stopped.healed, Moment.RECOVERY, stopped.pipeline.name, "")
                )
    return tuple(sorted(set(happened)))


def first_step(found: Found) -> Finding | None:
    """The finding whose fix is to be asked for first; None when there is nothing to apply."""
    finding = found.finding
    if finding is not None and finding.fix is not None and finding.fix.kind is FixKind.APPLY:
        return finding
    return None
