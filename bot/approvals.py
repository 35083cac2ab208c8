"""Buttons and modals of a finding: see the change, request it. Deciding comes beside it.

Buttons and hidden metadata carry ids only. What is asked for is read from the stored report, so
that an altered payload can name another finding, but never another change.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk import WebClient

from bot.desk import Desk
from workers.diagnosis.model import Finding, Fix, Report
from workers.diagnosis.report_json import from_json
from workers.inquiry import Standing, new_id
from workers.ledger import Document, Entitled, Entry, FixRequest
from workers.ledger.states import OPEN
from workers.queue import ANNOUNCE
from workers.settings import People
from workers.slack import findings, fixes, markup, modals
from workers.slack.answers import COMMAND
from workers.slack.blocks import Json
from workers.slack.markup import Mrkdwn, code
from workers.slack.texts import Texts

Ack = Callable[..., Any]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Meant:
    """The finding that a button or a modal is about."""

    standing: Standing
    report: Report
    finding: Finding

    @property
    def fix(self) -> Fix:
        assert self.finding.fix is not None
        return self.finding.fix


class Approvals:
    """The listeners of a finding's buttons."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def open_request(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Request this fix`: show the change and ask why."""
        meant = self._meant(str(action.get("value", "")))
        client.views_open(trigger_id=body["trigger_id"], view=self._request_view(meant))
        ack()

    def requested(self, ack: Ack, body: Json, view: Json) -> None:
        """The modal was submitted: write the request down, then close it."""
        ids, _, fingerprint = str(view.get("private_metadata", "")).rpartition(":")
        meant = self._meant(ids)
        refusal = self._refusal(meant, fingerprint)
        if meant is None or refusal is not None:
            ack(response_action="update", view=modals.refused(refusal or _nothing(), self._texts))
            return
        values = view["state"]["values"]
        reason = modals.typed(values, modals.REASON)
        if len(reason) < 3:
            ack(
                response_action="errors",
                errors={modals.REASON: self._texts.plain("input.reason_missing")},
            )
            return
        request = self._request(meant, body, reason, modals.typed(values, modals.TICKET))
        held = self._desk.ledger.request(request)
        if held != request.id and (entry := self._desk.ledger.entry(held)) is not None:
            ack(response_action="update", view=modals.refused(self._already(entry), self._texts))
            return
        log.info("fix requested", request=request.id, user=request.requester)
        self._desk.announce(ANNOUNCE, request.id)
        ack()

    def show_change(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Show whole change`."""
        meant = self._meant(str(action.get("value", "")))
        view = (
            self._gone()
            if meant is None
            else modals.change(meant.finding, meant.report.name, self._desk.settings, self._texts)
        )
        client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    def show_details(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Details`: all evidence, whole."""
        meant = self._meant(str(action.get("value", "")))
        view = (
            self._gone()
            if meant is None
            else modals.details(meant.finding, meant.report.name, self._texts)
        )
        client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    def show_advice(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Show advice`: documented access that is missing and blocks nothing."""
        found = self._report(str(action.get("value", "")))
        view = self._gone() if found is None else modals.advice(found, self._texts)
        client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    # --- what is meant --------------------------------------------------------------------------

    @property
    def _texts(self) -> Texts:
        return self._desk.texts

    def _meant(self, ids: str) -> Meant | None:
        inquiry, _, finding_id = ids.partition(":")
        standing = self._desk.inquiries.standing(inquiry)
        found = self._report(inquiry)
        if standing is None or found is None:
            return None
        for each in found.findings:
            if each.id == finding_id:
                return Meant(standing, found, each)
        return None

    def _report(self, inquiry: str) -> Report | None:
        known = self._desk.inquiries.report(inquiry)
        return None if known is None else from_json(known)

    def _request_view(self, meant: Meant | None) -> Json:
        refusal = self._refusal(meant, None)
        if meant is None or refusal is not None:
            return modals.refused(refusal or _nothing(), self._texts)
        metadata = f"{findings.value(meant.standing.inquiry.id, meant.finding.id)}"
        return modals.request_fix(
            meant.finding,
            f"{metadata}:{meant.fix.fingerprint}",
            self._approvers(meant),
            self._desk.settings.approvals.expires_hours,
            self._desk.settings,
            self._texts,
        )

    def _refusal(self, meant: Meant | None, fingerprint: str | None) -> Mrkdwn | None:
        if meant is None:
            return self._texts("request.gone", command=COMMAND, name="…")
        if not findings.requestable(meant.finding.fix):
            return self._texts("request.not_possible")
        if fingerprint is not None and fingerprint != meant.fix.fingerprint:
            name = code(meant.report.name)
            return self._texts("request.changed", command=COMMAND, name=name)
        for entry in self._desk.ledger.of_inquiry(meant.standing.inquiry.id):
            if entry.request.finding == meant.finding.id and entry.state in OPEN:
                return self._already(entry)
        return None

    def _already(self, entry: Entry) -> Mrkdwn:
        return self._texts(
            "request.already",
            user=markup.user(entry.request.requester),
            when=fixes.moment(entry.request.requested_at),
            state=self._texts(f"request.state.{entry.state}"),
        )

    def _gone(self) -> Json:
        return modals.refused(self._texts("request.gone", command=COMMAND, name="…"), self._texts)

    # --- the request ----------------------------------------------------------------------------

    def _request(self, meant: Meant, body: Json, reason: str, ticket: str) -> FixRequest:
        now = time.time()
        inquiry, found, fix = meant.standing.inquiry, meant.report, meant.fix
        documents = tuple(
            Document(
                kind=step.target.kind,
                id=step.target.id,
                account=step.target.account,
                region=step.target.region,
                name=step.target.name,
                path=step.target.path,
                before=step.before,
                after=step.after,
                diff=step.diff,
            )
            for step in fix.steps
        )
        accounts = dict.fromkeys(document.account for document in documents)
        return FixRequest(
            id=new_id(),
            inquiry=inquiry.id,
            finding=meant.finding.id,
            pipeline=found.name,
            account=found.account,
            region=found.region,
            pipeline_arn=found.arn,
            headline=meant.finding.headline,
            access=fix.access or meant.finding.headline,
            documents=documents,
            fingerprint=fix.fingerprint,
            proven=fix.proven,
            requester=str(body["user"]["id"]),
            team=str((body.get("team") or {}).get("id") or inquiry.team),
            channel=meant.standing.channel or inquiry.channel,
            reason=reason,
            ticket=ticket,
            requested_at=now,
            expires_at=now + self._desk.settings.approvals.expires_hours * 3600,
            entitled=tuple(self._entitled(account) for account in accounts),
            stage=meant.finding.stage,
        )

    def _entitled(self, account: str) -> Entitled:
        known = self._desk.settings.account(account)
        if known is None:
            return Entitled(account=account)
        people = known.approvers or People()
        return Entitled(
            account=account,
            groups=people.groups,
            users=people.users,
            approvals=known.approvals or 1,
        )

    def _approvers(self, meant: Meant) -> tuple[Mrkdwn, ...]:
        mentions: list[Mrkdwn] = []
        for account in dict.fromkeys(step.target.account for step in meant.fix.steps):
            each = self._entitled(account)
            mentions += fixes.approvers(People(groups=each.groups, users=each.users))
        return tuple(dict.fromkeys(mentions))


def _nothing() -> Mrkdwn:
    return Mrkdwn("–")
