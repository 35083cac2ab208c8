"""What pipelines fail of, told so that two pipelines with one cause say the same. Pure.

A finding speaks of one pipeline's role and action. Its cause is the document that decides: the key
policy that lacks them, the statement of the service control policy that denies, the connection
that is pending. Findings that share it, share the cause, whichever pipeline, role or account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from workers.diagnosis.denials import Denial, parse_denial
from workers.diagnosis.denials.words import explain_denial
from workers.diagnosis.findings import blocking
from workers.diagnosis.model import Component, Evidence, Finding, Outcome, Report
from workers.pipeline.arn import account_of, parse

_OF_PRINCIPAL = frozenset(
    {Component.SERVICE_ROLE, Component.ACTION_ROLE, Component.BUILD_ROLE, Component.USER}
)
# Layers whose policy limits many: the cause is that policy, whoever is limited by it.
_LIMITS = frozenset({"scp", "rcp", "boundary", "session", "vpce"})


@dataclass(frozen=True, slots=True)
class Cause:
    """What decides. `document` is the ARN or name of it; `statement` only where one denies.

    `headline` is that of the finding by which the cause became known, `label` the document's name
    where its ARN has none that people know; both are no part of its identity.
    """

    component: str
    document: str
    statement: str = ""
    detail: str = ""
    headline: str = ""
    label: str = ""

    @property
    def key(self) -> str:
        """The same for the same cause, in every pipeline and account."""
        parts = "\n".join((self.component, self.document, self.statement, self.detail))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    @property
    def account(self) -> str:
        """The account of the document, when its ARN says so."""
        return account_of(self.document)

    @property
    def name(self) -> str:
        """The document's name as people know it."""
        return self.label or self.id

    @property
    def id(self) -> str:
        """The document's name or id as AWS knows it: without the ARN around it."""
        arn = parse(self.document)
        if arn is None:
            return self.document
        return arn.resource.rsplit("/", 1)[-1] if "/" in arn.resource else arn.resource


@dataclass(frozen=True, slots=True)
class Affected:
    """A pipeline that has the cause, and the finding that says so."""

    report: Report
    finding: Finding

    @property
    def failed(self) -> bool:
        """Whether it stopped an execution already; otherwise the next one will meet it."""
        return bool(self.finding.stopped)


@dataclass(frozen=True, slots=True)
class Common:
    """A cause and every pipeline that has it, those that failed first."""

    cause: Cause
    affected: tuple[Affected, ...]

    @property
    def failed(self) -> tuple[Affected, ...]:
        return tuple(each for each in self.affected if each.failed)

    @property
    def threatened(self) -> tuple[Affected, ...]:
        return tuple(each for each in self.affected if not each.failed)


def cause_of(finding: Finding) -> Cause:
    """The cause of a finding."""
    limit = next((each for each in finding.evidence if each.layer in _LIMITS), None)
    if limit is not None and limit.policy:
        return Cause(
            _limit_component(limit, finding),
            limit.policy,
            limit.statement if _denies(limit) else "",
            headline=finding.headline,
        )
    if finding.component in _OF_PRINCIPAL:
        return Cause(
            finding.component, finding.principal, _deny(finding), headline=finding.headline
        )
    if finding.component == Component.CONFIG:
        return Cause(
            finding.component, finding.resource, detail=finding.detail, headline=finding.headline
        )
    return Cause(
        finding.component, _document(finding.resource), _deny(finding), headline=finding.headline
    )


def labelled(cause: Cause, labels: Mapping[str, str]) -> Cause:
    """The cause with its document's name, if that is among the labels (by document)."""
    label = labels.get(cause.document, cause.label)
    return replace(cause, label=label)


def cause_of_denial(denial: Denial) -> Cause:
    """The cause of a refusal of which nothing is known but AWS's own message."""
    words = explain_denial(denial)
    component = denial.points_at[0] if denial.points_at else (denial.layer or "message")
    thing = denial.bucket or denial.connection or denial.resource or denial.policy_arn
    owner = denial.role or denial.principal if component in _OF_PRINCIPAL or not thing else thing
    return Cause(component, _document(owner), headline=words.headline)


def common_causes(reports: Iterable[Report]) -> tuple[Common, ...]:
    """The causes of all blocked pipelines, the one that explains most failures first."""
    found: dict[str, list[Affected]] = {}
    causes: dict[str, Cause] = {}
    for report in reports:
        if report.outcome is not Outcome.BLOCKED:
            continue
        for finding in blocking(report.findings):
            cause = cause_of(finding)
            causes.setdefault(cause.key, cause)
            members = found.setdefault(cause.key, [])
            known = next((at for at, each in enumerate(members) if each.report is report), None)
            if known is None:
                members.append(Affected(report, finding))
            elif finding.stopped and not members[known].failed:
                members[known] = Affected(report, finding)
    return tuple(
        sorted(
            (Common(causes[key], _ordered(members)) for key, members in found.items()),
            key=lambda each: (-len(each.failed), -len(each.affected), each.cause.document),
        )
    )


def explanation(report: Report, execution: str, stage: str, action: str) -> Finding | None:
    """The finding that explains why that execution failed at that action; None if none does.

    A finding that AWS's message was matched with says which execution it stopped. Without a message
    only what is proven for the very action that failed counts: whatever else is wrong with the
    pipeline did not stop this execution.
    """
    found = blocking(report.findings)
    for finding in found:
        if execution and execution[:8] in finding.stopped:
            return finding
    for finding in found:
        if finding.certainty == "proven" and (finding.stage, finding.pipeline_action) == (
            stage,
            action,
        ):
            return finding
    return None


def denials_in(texts: Iterable[str]) -> tuple[Denial, ...]:
    """The refusals in error texts; what is recognised as no question of access left out."""
    return tuple(denial for text in texts for denial in parse_denial(text) if not denial.not_access)


def _ordered(members: Sequence[Affected]) -> tuple[Affected, ...]:
    return tuple(sorted(members, key=lambda each: (not each.failed, each.report.name)))


def _limit_component(limit: Evidence, finding: Finding) -> str:
    return {"scp": "scp", "rcp": "rcp", "boundary": "boundary", "vpce": "vpc_endpoint"}.get(
        limit.layer, finding.component
    )


def _denies(evidence: Evidence) -> bool:
    return evidence.effect.lower() in ("deny", "explicitdeny")


def _deny(finding: Finding) -> str:
    """The policy and statement that deny; nothing when access is merely missing."""
    for each in finding.evidence:
        if each.layer != "message" and _denies(each) and each.statement:
            return f"{each.policy} {each.statement}".strip()
    return ""


def _document(resource: str) -> str:
    """A bucket for its objects; any other resource as it is."""
    arn = parse(resource)
    if arn is not None and arn.service == "s3":
        return arn.resource.partition("/")[0]
    return resource
