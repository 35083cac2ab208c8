"""A click on a requested fix: may this person, and is it still time? Asked anew at every click."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict

from workers.fixing.clicks import clicker, explain
from workers.ledger import Entry, Move, Result, State
from workers.ledger.rules import Matter, Ruling, ruling
from workers.room import Room
from workers.slack import blocks, delivery, fixes, markup
from workers.slack.markup import Mrkdwn

log = structlog.get_logger(__name__)


class Decision(BaseModel):
    """A click: who, where, which request, which move, and an id that makes it that click."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str
    move: Move
    user: str
    team: str = ""
    channel: str = ""
    click: str
    reason: str = ""


# The job that a state calls for.
NEXT: Mapping[State, str] = MappingProxyType(
    {
        State.APPROVED: "apply",
        State.APPLYING: "apply",
        State.APPLIED: "verify",
        State.ROLLING_BACK: "roll_back",
    }
)


def decide(room: Room, decision: Decision) -> Entry | None:
    """Make the move if the rules allow it, else tell the person why not, privately.

    Returns the entry as it stands when the move was made. Raises NotKnown when Slack does not say
    who the person is: nobody is let through on a guess.
    """
    entry = room.ledger.entry(decision.request)
    if entry is None:
        log.warning("click on a request that is not there", request=decision.request)
        return None
    matter = Matter.of(entry)
    who = clicker(room, matter, decision.user, decision.team, decision.channel)
    allowed = ruling(
        entry,
        who,
        decision.move,
        time.time(),
        break_glass=room.settings.approvals.break_glass,
    )
    if not allowed.allows:
        room.ledger.refused(decision.request, decision.user, decision.move, allowed, decision.click)
        _explain(room, matter, decision, allowed)
        return None
    stepped = room.ledger.step(
        decision.request,
        decision.move,
        click=decision.click,
        actor=decision.user,
        reason=decision.reason,
        details=_details(entry, allowed),
    )
    if stepped.result is Result.LATE:
        now = room.ledger.entry(decision.request) or entry
        _explain(room, Matter.of(now), decision, Ruling.LATE)
        return None
    if allowed is Ruling.BREAK_GLASS and stepped.result is Result.DONE:
        _alarm(room, entry, decision)
    return room.ledger.entry(decision.request)


def _explain(room: Room, matter: Matter, decision: Decision, why: Ruling) -> None:
    explain(
        room,
        matter,
        why,
        user=decision.user,
        channel=decision.channel,
        click=decision.click,
    )


def _alarm(room: Room, entry: Entry, decision: Decision) -> None:
    """Somebody approved alone what they had asked for: the channel and the auditors are told."""
    auditors = Mrkdwn(" ".join(fixes.approvers(room.settings.approvals.auditors)))
    text = room.texts(
        "request.break_glass",
        user=markup.user(decision.user),
        access=markup.escape(entry.request.access, 500),
        reason=markup.escape(entry.request.reason, 500),
        auditors=auditors,
    )
    thread = entry.request.inquiry
    room.outbox.add(thread, delivery.reply(f"alarm:{decision.click}", blocks.message(text)))
    room.outbox.deliver(thread)


def _details(entry: Entry, allowed: Ruling) -> dict[str, Any]:
    details: dict[str, Any] = {"fingerprint": entry.request.fingerprint}
    if allowed is Ruling.BREAK_GLASS:
        details["break_glass"] = True
    return details
