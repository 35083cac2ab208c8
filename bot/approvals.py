"""Buttons and modals of findings: see the change, request it. Deciding comes beside it.

Buttons and hidden metadata carry ids only. What is asked for is read from the stored report, so
that an altered payload can name other findings, but never another change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk import WebClient

from bot.asking import Asked, new_request
from bot.desk import Desk
from workers.diagnosis.combination import CannotCombine
from workers.diagnosis.model import Fix, Report
from workers.diagnosis.report_json import from_json
from workers.ledger import Entitled, Entry
from workers.ledger.states import OPEN
from workers.queue import ANNOUNCE
from workers.settings import People
from workers.slack import findings, fixes, markup, modals
from workers.slack.answers import COMMAND
from workers.slack.blocks import Json
from workers.slack.markup import Mrkdwn, code, escape
from workers.slack.texts import Texts

Ack = Callable[..., Any]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """What the modal's hidden metadata says: what it is about, and the change that it shows."""

    inquiry: str
    offered: tuple[str, ...]  # findings
    fingerprint: str = ""

    @property
    def metadata(self) -> str:
        return f"{self.inquiry}:{','.join(self.offered)}:{self.fingerprint}"

    @staticmethod
    def read(metadata: str) -> Window:
        ids, _, fingerprint = metadata.rpartition(":")
        inquiry, _, offered = ids.partition(":")
        return Window(inquiry, tuple(offered.split(",")), fingerprint)


class Approvals:
    """The listeners of the findings' buttons."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # --- requesting -----------------------------------------------------------------------------

    def open_request(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Request this fix`: show the change and ask why."""
        inquiry, _, finding = str(action.get("value", "")).partition(":")
        window = Window(inquiry, (finding,))
        view = self._request_view(window, self._asked(window, window.offered))
        client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    def open_requests(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Request fixes`: the same for all findings, or for those that are chosen."""
        inquiry = str(action.get("value", ""))
        window = Window(inquiry, self._offered(inquiry))
        view = self._request_view(window, self._asked(window, window.offered))
        if not window.offered and self._report(inquiry) is not None:
            view = modals.refused(self._texts("request.none_left"), self._texts)
        client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    def choose(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """Another choice of findings: show what that would change."""
        view = body["view"]
        window = Window.read(str(view.get("private_metadata", "")))
        chosen = modals.ticked(action)
        if chosen:  # with none chosen there is nothing to show; submitting says so
            shown = self._request_view(window, self._asked(window, chosen))
            # Without `hash`: of two quick ticks the later one is to be shown, not refused.
            # Submitting compares what was shown with what would be asked for.
            client.views_update(view_id=view["id"], view=shown)
        ack()

    def requested(self, ack: Ack, body: Json, view: Json) -> None:
        """The modal was submitted: write the request down, then close it."""
        window = Window.read(str(view.get("private_metadata", "")))
        values = view["state"]["values"]
        asked = self._asked(window, modals.chosen(values) or window.offered)
        refusal = self._refusal(asked)
        if asked is None or refusal is not None:
            ack(response_action="update", view=modals.refused(refusal or self._gone(), self._texts))
            return
        try:
            fingerprint = asked.fix.fingerprint
        except CannotCombine as error:
            ack(response_action="errors", errors={modals.FINDINGS: str(error)})
            return
        if fingerprint != window.fingerprint:
            ack(response_action="update", view=self._outdated(window, asked))
            return
        reason = modals.typed(values, modals.REASON)
        if len(reason) < 3:
            missing = self._texts.plain("input.reason_missing")
            ack(response_action="errors", errors={modals.REASON: missing})
            return
        request = new_request(
            asked,
            self._desk.settings,
            user=str(body["user"]["id"]),
            team=str((body.get("team") or {}).get("id") or ""),
            reason=reason,
            ticket=modals.typed(values, modals.TICKET),
        )
        held = self._desk.ledger.request(request)
        if held != request.id and (entry := self._desk.ledger.entry(held)) is not None:
            ack(response_action="update", view=modals.refused(self._already(entry), self._texts))
            return
        log.info("fix requested", request=request.id, user=request.requester)
        self._desk.announce(ANNOUNCE, request.id)
        ack()

    # --- looking --------------------------------------------------------------------------------

    def show_change(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Show whole change` of a finding."""
        self._show(ack, body, action, client, modals.change, self._desk.settings)

    def show_details(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Details`: all evidence, whole."""
        self._show(ack, body, action, client, modals.details)

    def show_advice(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Show advice`: documented access that is missing and blocks nothing."""
        found = self._report(str(action.get("value", "")))
        view = self._gone_view() if found is None else modals.advice(found, self._texts)
        client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    def _show(
        self,
        ack: Ack,
        body: Json,
        action: Json,
        client: WebClient,
        made: Callable[..., Json],
        *more: Any,
    ) -> None:
        inquiry, _, finding = str(action.get("value", "")).partition(":")
        asked = self._asked(Window(inquiry, (finding,)), (finding,))
        view = (
            self._gone_view()
            if asked is None
            else made(asked.findings[0], asked.report.name, *more, self._texts)
        )
        client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    # --- what is meant --------------------------------------------------------------------------

    @property
    def _texts(self) -> Texts:
        return self._desk.texts

    def _asked(self, window: Window, chosen: tuple[str, ...]) -> Asked | None:
        """The chosen findings of a diagnosis; None when one of them is not there (any more)."""
        standing = self._desk.inquiries.standing(window.inquiry)
        found = self._report(window.inquiry)
        if standing is None or found is None:
            return None
        meant = tuple(each for each in found.findings if each.id in chosen)
        if not meant or len(meant) != len(set(chosen)):
            return None
        return Asked(standing, found, meant)

    def _report(self, inquiry: str) -> Report | None:
        known = self._desk.inquiries.report(inquiry)
        return None if known is None else from_json(known)

    def _offered(self, inquiry: str) -> tuple[str, ...]:
        """The findings whose fix can be asked for now, as many as a modal takes."""
        found = self._report(inquiry)
        if found is None:
            return ()
        able = [each.id for each in found.findings if findings.requestable(each.fix)]
        return tuple(each for each in able if self._open(inquiry, (each,)) is None)[: modals.MOST]

    def _open(self, inquiry: str, meant: tuple[str, ...]) -> Entry | None:
        """The unfinished request for one of these findings."""
        for entry in self._desk.ledger.of_inquiry(inquiry):
            named = {each.finding for each in entry.request.cures}
            if entry.state in OPEN and named.intersection(meant):
                return entry
        return None

    def _request_view(self, window: Window, asked: Asked | None) -> Json:
        refusal = self._refusal(asked)
        if asked is None or refusal is not None:
            return modals.refused(refusal or self._gone(), self._texts)
        shown: Fix | Mrkdwn
        try:
            shown = asked.fix
        except CannotCombine as error:
            shown = self._texts("request.clash", why=escape(str(error), 500))
        fingerprint = shown.fingerprint if isinstance(shown, Fix) else ""
        offered = [each for each in asked.report.findings if each.id in window.offered]
        return modals.request_fix(
            shown,
            Window(window.inquiry, window.offered, fingerprint).metadata,
            offered if len(offered) > 1 else (),
            {each.id for each in asked.findings},
            self._approvers(asked),
            self._desk.settings,
            self._texts,
        )

    def _approvers(self, asked: Asked) -> tuple[Mrkdwn, ...]:
        named = [Entitled.now(account, self._desk.settings) for account in asked.accounts]
        mentions = [
            each
            for one in named
            for each in fixes.approvers(People(groups=one.groups, users=one.users))
        ]
        return tuple(dict.fromkeys(mentions))

    # --- refusing -------------------------------------------------------------------------------

    def _refusal(self, asked: Asked | None) -> Mrkdwn | None:
        if asked is None:
            return self._gone()
        if not all(findings.requestable(each.fix) for each in asked.findings):
            return self._texts("request.not_possible")
        meant = tuple(each.id for each in asked.findings)
        entry = self._open(asked.standing.inquiry.id, meant)
        return None if entry is None else self._already(entry)

    def _outdated(self, window: Window, asked: Asked) -> Json:
        """What the window showed is not what would be asked for. Where findings are chosen, a
        choice may just have been quicker than its picture: show it now."""
        if len(window.offered) > 1:
            return self._request_view(window, asked)
        name = code(asked.report.name)
        text = self._texts("request.changed", command=COMMAND, name=name)
        return modals.refused(text, self._texts)

    def _already(self, entry: Entry) -> Mrkdwn:
        return self._texts(
            "request.already",
            user=markup.user(entry.request.requester),
            when=markup.moment(entry.request.requested_at),
            state=self._texts(f"request.state.{entry.state}"),
        )

    def _gone(self) -> Mrkdwn:
        return self._texts("request.gone", command=COMMAND, name="…")

    def _gone_view(self) -> Json:
        return modals.refused(self._gone(), self._texts)
