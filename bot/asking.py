"""From findings to a request: what is asked for, written down so that it never changes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from workers.diagnosis.combination import combined
from workers.diagnosis.model import Finding, Fix, Report
from workers.inquiry import Standing, new_id
from workers.ledger import Cured, Document, Entitled, FixRequest
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """Findings of one diagnosis whose fix somebody looks at or asks for."""

    standing: Standing
    report: Report
    findings: tuple[Finding, ...]

    @property
    def fix(self) -> Fix:
        """One fix for all of them, one step per document. Raises CannotCombine."""
        fixes = [each.fix for each in self.findings if each.fix is not None]
        return fixes[0] if len(fixes) == 1 else combined(fixes)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts whose documents change."""
        steps = (step for each in self.findings if each.fix is not None for step in each.fix.steps)
        return tuple(dict.fromkeys(step.target.account for step in steps))


def new_request(
    asked: Asked, settings: Settings, *, user: str, team: str, reason: str, ticket: str
) -> FixRequest:
    """Everything that the decision will be about. Raises CannotCombine."""
    now = time.time()
    inquiry, found, fix = asked.standing.inquiry, asked.report, asked.fix
    first = asked.findings[0]
    return FixRequest(
        id=new_id(),
        inquiry=inquiry.id,
        cures=tuple(Cured(finding=each.id, headline=each.headline) for each in asked.findings),
        pipeline=found.name,
        account=found.account,
        region=found.region,
        pipeline_arn=found.arn,
        access=fix.access or first.headline,
        documents=tuple(Document.of(step) for step in fix.steps),
        fingerprint=fix.fingerprint,
        proven=fix.proven,
        requester=user,
        team=team or inquiry.team,
        channel=asked.standing.channel or inquiry.channel,
        reason=reason,
        ticket=ticket,
        requested_at=now,
        expires_at=now + settings.approvals.expires_hours * 3600,
        entitled=tuple(Entitled.now(account, settings) for account in asked.accounts),
        stage=first.stage,
    )
