"""From a snapshot to a report: the whole diagnosis as one function of its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workers.diagnosis import asking, faulty, messages
from workers.diagnosis.causes import causes
from workers.diagnosis.checks import Checker, settled
from workers.diagnosis.drafts import Draft, gather
from workers.diagnosis.failures import Failure, failures
from workers.diagnosis.findings import Author, blocking
from workers.diagnosis.matching import join
from workers.diagnosis.model import (
    Certainty,
    Check,
    Checked,
    Finding,
    Outcome,
    Report,
)
from workers.diagnosis.naming import names
from workers.diagnosis.plans import Planner
from workers.diagnosis.repairs import Repairs
from workers.diagnosis.sections import View, sections
from workers.diagnosis.texts import DEFAULT_LANGUAGE, texts
from workers.diagnosis.unread import beyond, unread_parts, unreadable
from workers.pipeline.catalogue import Catalogue
from workers.pipeline.faults import faults, load_fault_texts
from workers.pipeline.requirement import Strength
from workers.pipeline.requirements import requirements
from workers.policy import Decision
from workers.settings import Settings
from workers.snapshot.model import Snapshot, State

_DENIED = (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY)


def diagnose(
    snapshot: Snapshot,
    *,
    catalogue: Catalogue,
    settings: Settings | None = None,
    calls: int = 0,
    seconds: float = 0.0,
    name: str = "",
    account: str = "",
    region: str = "",
    language: str = DEFAULT_LANGUAGE,
) -> Report:
    """Everything that is denied, why, and what cures it.

    *blocked* where something proven or likely stops the pipeline, *clear* only where all that is
    required is allowed, else *unknown*. `calls` (by default the snapshot's own count) and
    `seconds` are what reading the snapshot cost.
    `name`, `account` and `region` say what was asked for where the pipeline itself could not be
    read. Raises LookupError for a language without texts.
    """
    called = names(snapshot, texts(language))
    needs = asking.awaited(requirements(snapshot, catalogue), snapshot)
    told = failures(snapshot)
    needs = (*needs, *asking.asked_for(told, needs, snapshot))
    checker = Checker(snapshot)
    checks = settled(checker.check_all(needs))
    drafts = _drafts(checks, told, checker, catalogue)
    pipeline = snapshot.pipeline.value
    arn = pipeline.arn if pipeline is not None and pipeline.name else ""
    purposes = catalogue.purposes
    planner = Planner(checker, needs, settings, called)
    author = Author(
        checker=checker,
        planner=planner,
        repairs=Repairs(checker, planner, catalogue),
        names=called,
        fault_texts=load_fault_texts(),
        purposes=purposes,
        pipeline_arn=arn,
    )
    shown = tuple(draft for draft in drafts if not _is_advice(draft, snapshot))
    findings = author.findings(shown)
    parts = unread_parts(snapshot, catalogue)
    more = beyond(snapshot, catalogue, called)
    advice = author.advice(draft for draft in drafts if _is_advice(draft, snapshot))
    return Report(
        name=pipeline.name if pipeline is not None else name,
        account=pipeline.account if pipeline is not None else account,
        region=pipeline.region if pipeline is not None else region,
        arn=arn,
        outcome=_outcome(snapshot, findings, checks, complete=not (parts or more)),
        findings=findings,
        advice=advice,
        sections=sections(View(snapshot, checks, findings, parts, purposes, called)),
        unreadable=(*more, *unreadable(checks, checker, called, settings, parts)),
        checked=_checked(checks, calls or snapshot.calls, seconds),
        checks=checks,
        taken_at=snapshot.taken_at,
        alias=snapshot.aliases.get(pipeline.account if pipeline is not None else account, ""),
    )


def _drafts(
    checks: Sequence[Check], told: Iterable[Failure], checker: Checker, catalogue: Catalogue
) -> tuple[Draft, ...]:
    found = gather((check, cause) for check in checks for cause in causes(check, checker))
    spoilt = faulty.of_documents(found, checks, checker)
    configured = faulty.of_configuration(faults(checker.snapshot, catalogue), load_fault_texts())
    drafts, unexplained = join(_distinct(faulty.explaining(configured, spoilt)), told)
    found_in_words = messages.explained(unexplained, checks, checker)
    said = {draft.key for draft in found_in_words}
    return (*(draft for draft in drafts if draft.key not in said), *found_in_words)


def _distinct(drafts: Iterable[Draft]) -> tuple[Draft, ...]:
    """Without drafts that say of a thing that it is absent when a fault says so already."""
    kept = tuple(drafts)
    faulty_things = {draft.lead.resource for draft in kept if draft.fault}
    return tuple(
        draft for draft in kept if not (draft.key[0] == "absent" and draft.key[1] in faulty_things)
    )


def _is_advice(draft: Draft, snapshot: Snapshot) -> bool:
    """What blocks nothing: access that AWS merely lists, unless a failure points at it."""
    if draft.matched:
        return False
    if draft.documented_only:
        return True
    return draft.fault != "" and draft.certainty is Certainty.UNKNOWN and _ran(draft, snapshot)


def _ran(draft: Draft, snapshot: Snapshot) -> bool:
    """Whether the action of a fault that only may block has succeeded at its last run."""
    for run in snapshot.runs.value or ():
        if (run.stage, run.action) == (draft.lead.stage, draft.lead.pipeline_action):
            return run.status == "Succeeded"
    return False


def _outcome(
    snapshot: Snapshot, findings: Sequence[Finding], checks: Sequence[Check], *, complete: bool
) -> Outcome:
    if blocking(findings):
        return Outcome.BLOCKED
    if snapshot.pipeline.state is State.ABSENT or not checks or not complete:
        return Outcome.UNKNOWN
    undecided = any(
        check.verdict.decision is not Decision.ALLOWED
        and check.requirement.strength is not Strength.DOCUMENTED
        for check in checks
    )
    doubtful = any(
        each.certainty is Certainty.UNKNOWN and each.decision != Decision.ALLOWED
        for each in findings
    )
    return Outcome.UNKNOWN if undecided or doubtful else Outcome.CLEAR


def _checked(checks: Sequence[Check], calls: int, seconds: float) -> Checked:
    decisions = [check.verdict.decision for check in checks]
    return Checked(
        requirements=len(decisions),
        allowed=decisions.count(Decision.ALLOWED),
        denied=sum(each in _DENIED for each in decisions),
        unknown=decisions.count(Decision.UNKNOWN),
        aws_calls=calls,
        seconds=round(seconds, 3),
    )
