"""App Home: made anew when somebody opens it and whenever a requested fix changes its state."""

from __future__ import annotations

import structlog
from slack_sdk.errors import SlackClientError

from workers.inquiry import Standing
from workers.ledger import Entry, State
from workers.room import Room
from workers.settings import People
from workers.slack import answers, home
from workers.slack.people import NotKnown

OPENED = "pipeline-access:homes"  # who has opened App Home
ENTRIES = 200

log = structlog.get_logger(__name__)


def publish(room: Room, user: str) -> None:
    """Show a person's page; not being able to is no failure."""
    room.redis.sadd(OPENED, user)
    entries = room.ledger.entries(ENTRIES)
    mine = [each for each in entries if each.request.requester == user]
    try:
        waiting = [each for each in entries if _waits_for(room, each, user)]
        recent = [_recent(room, each) for each in room.inquiries.recent(user) if each.root]
        view = home.view(mine, waiting, recent, room.texts)
        room.client.views_publish(user_id=user, view=view)
    except (SlackClientError, OSError, NotKnown) as error:
        log.warning("home not shown", user=user, error=type(error).__name__)


def publish_all(room: Room) -> None:
    for user in room.redis.smembers(OPENED):
        publish(room, user.decode() if isinstance(user, bytes) else user)


def _waits_for(room: Room, entry: Entry, user: str) -> bool:
    request = entry.request
    if entry.state is not State.REQUESTED or request.requester == user:
        return False
    return all(
        room.directory.are(user, People(groups=each.groups, users=each.users))
        for each in request.entitled
    )


def _recent(room: Room, standing: Standing) -> home.Recent:
    report = room.inquiries.report(standing.inquiry.id)
    pipeline = report["pipeline"] if report else {}
    place = answers.place(
        str(pipeline.get("account", "")), str(pipeline.get("region", "")), room.settings
    )
    outcome = str(report["verdict"]) if report else ""
    return home.Recent(standing.inquiry.name, place, outcome, standing.permalink)
