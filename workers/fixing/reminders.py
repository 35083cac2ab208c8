"""Reminders of requests that wait: with growing intervals, then to the next people."""

from __future__ import annotations

from workers.ledger import State
from workers.room import Room
from workers.settings import People
from workers.slack import blocks, delivery, fixes, markup
from workers.slack.markup import Mrkdwn, code


def remind(room: Room, request_id: str, number: int) -> None:
    """Reminder `number` (from 0) of a request that still waits; said once."""
    entry = room.ledger.entry(request_id)
    if entry is None or entry.state is not State.REQUESTED:
        return
    rules, request = room.settings.approvals, entry.request
    escalated = number >= len(rules.remind_minutes)
    mentions: list[Mrkdwn] = []
    if escalated:
        mentions += fixes.approvers(rules.escalate_to)
    else:
        for each in request.entitled:
            mentions += fixes.approvers(People(groups=each.groups, users=each.users))
    if not mentions:
        return
    text = room.texts(
        "request.escalated" if escalated else "request.reminder",
        approvers=Mrkdwn(" ".join(dict.fromkeys(mentions))),
        user=markup.user(request.requester),
        access=markup.escape(request.access, 500),
        id=code(request.id),
        when=markup.moment(request.expires_at),
    )
    thread = request.inquiry
    room.outbox.add(thread, delivery.reply(f"reminder:{request_id}:{number}", blocks.message(text)))
    room.outbox.deliver(thread)


def due(asked: float, minutes: tuple[int, ...], escalates: bool, now: float) -> int:
    """How many reminders should have been sent by now; one more is the escalation."""
    passed = sum(now >= asked + each * 60 for each in minutes)
    if escalates and minutes and passed == len(minutes):
        pause = minutes[-1] - (minutes[-2] if len(minutes) > 1 else 0)
        passed += now >= asked + (minutes[-1] + pause) * 60
    return passed
