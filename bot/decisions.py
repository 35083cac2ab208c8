"""Deciding over a requested fix: approve, reject, withdraw, roll back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from slack_sdk import WebClient

from bot.desk import Desk
from workers.inquiry import new_id
from workers.ledger import Move
from workers.ledger.journal import made
from workers.queue import DECIDE, RETRY_STAGE
from workers.slack import differences, fixes, modals
from workers.slack.blocks import Json

Ack = Callable[..., Any]

log = structlog.get_logger(__name__)


class Decisions:
    """The listeners of a requested fix's buttons. Who may click is decided by a worker, who asks
    Slack about the person at that moment; whoever may not is told so privately."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def approve(self, ack: Ack, body: Json, action: Json) -> None:
        self._press(body, action, Move.APPROVE)
        ack()

    def withdraw(self, ack: Ack, body: Json, action: Json) -> None:
        self._press(body, action, Move.WITHDRAW)
        ack()

    def roll_back(self, ack: Ack, body: Json, action: Json) -> None:
        self._press(body, action, Move.START_ROLL_BACK)
        ack()

    def retry_stage(self, ack: Ack, body: Json, action: Json) -> None:
        user = str(body["user"]["id"])
        click = _click(body, str(action["value"]), user, "retry")
        self._desk.hand_on(RETRY_STAGE, click)
        ack()

    def retry_denied(self, ack: Ack, body: Json, action: Json) -> None:
        """`Retry stage` of a denial that has passed by itself."""
        inquiry, _, finding = str(action["value"]).partition(":")
        click = _click(body, "", str(body["user"]["id"]), "retry")
        self._desk.hand_on(RETRY_STAGE, {**click, "inquiry": inquiry, "finding": finding})
        ack()

    def ask_why_not(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Reject`: ask for the reason."""
        entry = self._desk.ledger.entry(str(action["value"]))
        if entry is not None:
            view = modals.reject(entry.request.id, entry.request.access, self._desk.texts)
            client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    def show_requested(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Show whole change` of a request: what was asked for, and nothing else, is written."""
        entry = self._desk.ledger.entry(str(action["value"]))
        if entry is not None:
            view = modals.requested(entry.request, self._desk.settings, self._desk.texts)
            client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    def show_difference(self, ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        """`Show difference`: what others changed after the fix, all of it."""
        entry = self._desk.ledger.entry(str(action["value"]))
        if entry is not None:
            request = entry.request
            known = made(self._desk.ledger.records(request.id), len(request.documents))
            view = differences.modal(request, known, self._desk.settings, self._desk.texts)
            client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    def rejected(self, ack: Ack, body: Json, view: Json) -> None:
        """The reason was given."""
        reason = modals.typed(view["state"]["values"], modals.REASON)
        if len(reason) < 3:
            missing = self._desk.texts.plain("input.reason_missing")
            ack(response_action="errors", errors={modals.REASON: missing})
            return
        self._decide(body, str(view.get("private_metadata", "")), Move.REJECT, reason)
        ack()

    def _press(self, body: Json, action: Json, move: Move) -> None:
        request_id = str(action["value"])
        if not fixes.is_button_of(request_id, str(action.get("block_id", ""))):
            log.warning("a button of another request", request=request_id, move=move.value)
            return
        self._decide(body, request_id, move)

    def _decide(self, body: Json, request_id: str, move: Move, reason: str = "") -> None:
        user = str(body["user"]["id"])
        click = _click(body, request_id, user, move.value)
        self._desk.hand_on(DECIDE, {**click, "move": move.value, "reason": reason})


def _click(body: Json, request_id: str, user: str, what: str) -> dict[str, str]:
    return {
        "request": request_id,
        "user": user,
        "team": str((body.get("team") or {}).get("id") or ""),
        "channel": str((body.get("channel") or {}).get("id") or ""),
        "click": f"{body.get('trigger_id') or new_id()}-{user}-{what}",
    }
