"""A requested fix in direct messages: told once to each approver, kept true until it is over."""

from __future__ import annotations

import time

import structlog

from workers.ledger import Entry, State
from workers.ledger.request import FixRequest
from workers.room import Room
from workers.settings import People
from workers.slack import delivery, fixes, markup
from workers.slack.people import NotKnown

# A group may be a whole department. Those beyond hear of it by the mention in the thread.
MOST_TOLD = 25
ASKED = "asked"
ASKED_SECONDS = 600  # how long Slack is asked again who may decide

log = structlog.get_logger(__name__)


def notify(room: Room, entry: Entry) -> bool:
    """Show the request, as it stands now, to each who may decide over it. May run twice: each
    person has an outbox of their own, where each revision is sent once.

    False when Slack did not say who may decide: to be run again. After a while that is given up,
    for the thread mentions the groups, and so do the reminders. Somebody who becomes an approver
    later is not written to; App Home shows it to them.
    """
    request = entry.request
    if entry.state is State.REQUESTED and not room.ledger.told(request.id):
        try:
            room.ledger.tell(request.id, _who_may_decide(room, request)[:MOST_TOLD])
        except NotKnown as error:
            log.warning("approvers not told directly", request=request.id, error=str(error))
            return time.time() > request.requested_at + ASKED_SECONDS
    people = room.ledger.told(request.id)
    if not people:
        return True
    message = fixes.direct(entry, _permalink(room, request), room.settings, room.texts)
    for person in people:
        thread = f"direct-{request.id}-{person}"
        room.outbox.add(thread, delivery.post(ASKED, person, message))
        if entry.revision:
            room.outbox.add(thread, delivery.update(f"state:{entry.revision}", ASKED, message))
        room.outbox.deliver(thread)
    return True


def _who_may_decide(room: Room, request: FixRequest) -> list[str]:
    """Entitled in every account that is touched, people of the workspace, and not who asked.
    Raises NotKnown."""
    named = [People(groups=each.groups, users=each.users) for each in request.entitled]
    circles = [
        set(each.users).union(*(room.directory.members(group) for group in each.groups))
        for each in named
    ]
    able = sorted(set.intersection(*circles) - {request.requester}) if circles else []
    return [each for each in able if not room.directory.is_guest(each)]


def _permalink(room: Room, request: FixRequest) -> markup.Mrkdwn | None:
    standing = room.inquiries.standing(request.inquiry)
    if standing is None or not standing.permalink:
        return None
    return markup.link(standing.permalink, room.texts.plain("answer.thread"))
