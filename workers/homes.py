"""App Home: made anew when somebody opens it and whenever something on it has changed.

homes:shown:<user>    hash of the page that the person has
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import cast

import structlog
from slack_sdk.errors import SlackClientError

from workers.entrance import may_be_shown, may_tell
from workers.freshness import OPENED, PREFIX, STALE
from workers.incidents.alerts import Alerts
from workers.incidents.health import Health, Known
from workers.incidents.triage import alerts_of
from workers.incidents.watches import Watch, Watches, matches, tags_of
from workers.inquiry import Standing, State
from workers.ledger import Entry
from workers.ledger import State as Fix
from workers.room import Room
from workers.settings import People
from workers.slack import answers, home
from workers.slack.blocks import Json
from workers.slack.people import NotKnown

SHOWN = f"{PREFIX}shown:"
ENTRIES = 200
KEEP_SECONDS = 30 * 24 * 3600  # who has not opened it for so long gets no new pages
MOST_TIMES = 5

log = structlog.get_logger(__name__)


def opened(room: Room, user: str) -> None:
    """Show a person's page because it was opened; not being able to is no failure."""
    room.redis.zadd(OPENED, {user: time.time()})
    room.redis.delete(f"{SHOWN}{user}")
    _publish(room, _Facts(room), user)


def refresh(room: Room) -> None:
    """Show everybody who opened App Home what has changed on their page."""
    room.redis.zremrangebyscore(OPENED, 0, time.time() - KEEP_SECONDS)
    for _ in range(MOST_TIMES):  # what changes meanwhile is shown as well
        if not room.redis.delete(STALE):
            return
        facts = _Facts(room)
        for user in cast("list[bytes]", room.redis.zrevrange(OPENED, 0, -1)):
            _publish(room, facts, user.decode())


class _Facts:
    """What all pages are made of, read once."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.entries = room.ledger.entries(ENTRIES)
        self.watches = Watches(room.redis).all()
        self.known = Health(room.redis).all()


def _publish(room: Room, facts: _Facts, user: str) -> None:
    """Show a person's page if it is another one than before."""
    try:
        view = _page(facts, user)
        mark = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()
        key = f"{SHOWN}{user}"
        if room.redis.get(key) == mark.encode():
            return
        room.client.views_publish(user_id=user, view=view)
        room.redis.set(key, mark, ex=KEEP_SECONDS)
    except (SlackClientError, OSError, NotKnown) as error:
        log.warning("home not shown", user=user, error=type(error).__name__)


def _page(facts: _Facts, user: str) -> Json:
    room = facts.room
    if not room.settings.slack.allow_guests and room.directory.is_guest(user):
        return home.closed(room.texts)
    mine = [each for each in facts.entries if each.request.requester == user]
    waiting = [each for each in facts.entries if _waits_for(room, each, user)]
    return home.view(
        mine=mine,
        waiting=waiting,
        watched=_watched(facts, user),
        recent=[
            _recent(room, each, user)
            for each in room.inquiries.recent(user)
            if each.root and each.arn  # watches and investigations have no pipeline
        ],
        threads=_threads(room, [*mine[: home.MOST], *waiting[: home.MOST]]),
        settings=room.settings,
        texts=room.texts,
    )


def _threads(room: Room, entries: Sequence[Entry]) -> dict[str, str]:
    """The links to the threads in which fixes were asked for, by the request's id."""
    found = {each.request.id: room.inquiries.standing(each.request.inquiry) for each in entries}
    return {id: each.permalink for id, each in found.items() if each and each.permalink}


def _waits_for(room: Room, entry: Entry, user: str) -> bool:
    request = entry.request
    if entry.state is not Fix.REQUESTED or request.requester == user:
        return False
    return all(
        room.directory.are(user, People(groups=each.groups, users=each.users), patient=True)
        for each in request.entitled
    )


def _recent(room: Room, standing: Standing, user: str) -> home.Recent:
    inquiry = standing.inquiry
    report = room.inquiries.latest(inquiry.id) or room.inquiries.report(inquiry.id)
    pipeline = report["pipeline"] if report else {}
    account = str(pipeline.get("account", ""))
    place = answers.place(account, str(pipeline.get("region", "")), room.settings)
    outcome = "failed" if standing.state is State.FAILED else "working"
    if report:
        # What may be said in certain channels alone is said there: the link leads to it.
        outcome = str(report["verdict"]) if may_be_shown(room, user, account) else "hidden"
    return home.Recent(inquiry.name, place, outcome, standing.permalink)


# --- what is watched ----------------------------------------------------------------------------


def _watched(facts: _Facts, user: str) -> home.Watching:
    """The pipelines that are watched for the person: by themselves, or where they are a member."""
    room = facts.room
    mine = [each for each in facts.watches if _concerns(room, each, user)]
    alerts = alerts_of(room)
    lines: list[home.Watched] = []
    for each in facts.known:
        tags = tags_of(each.account, each.tags or {}, room.settings)
        by = [watch for watch in mine if not watch.paused and _meant(watch, each, tags)]
        if by and (shown := _line(room, alerts, each, by, user)) is not None:
            lines.append(shown)
    unmet = [each for each in mine if each.paused or not _met(each, facts.known, room)]
    return home.Watching(tuple(lines), tuple(unmet))


def _concerns(room: Room, watch: Watch, user: str) -> bool:
    if user in (watch.user, watch.channel):
        return True
    return watch.channel.startswith(("C", "G")) and room.directory.is_member(watch.channel, user)


def _meant(watch: Watch, known: Known, tags: Mapping[str, str]) -> bool:
    return bool(matches(watch.target, known.name, known.account, known.region, tags))


def _met(watch: Watch, known: Sequence[Known], room: Room) -> bool:
    """Whether anything is known of what is watched."""
    return any(
        _meant(watch, each, tags_of(each.account, each.tags or {}, room.settings)) for each in known
    )


def _line(
    room: Room, alerts: Alerts, known: Known, by: Sequence[Watch], user: str
) -> home.Watched | None:
    """A pipeline as the person may see it; None when they may not ask about its account."""
    channels = tuple(dict.fromkeys(each.channel for each in by))
    account = room.settings.account(known.account)
    if account is None:
        return None
    channel = next(iter(account.channels or ()), "")
    if not may_tell(room, user, channel, account.id, patient=True):
        return None
    shown = may_be_shown(room, user, known.account)
    return home.Watched(
        name=known.name,
        place=answers.place(known.account, known.region, room.settings),
        condition=known.condition if shown else None,
        since=known.since,
        seen=known.seen,
        cause=known.cause if shown else "",
        channels=channels,
        permalink=_alert(room, alerts, known, channels),
    )


def _alert(room: Room, alerts: Alerts, known: Known, channels: Sequence[str]) -> str:
    """The thread of an alert that waits for the pipeline, in one of these channels."""
    for alert_id in alerts.of(known.arn):
        alert, standing = alerts.alert(alert_id), room.inquiries.standing(alert_id)
        if alert is not None and standing is not None and alert.channel in channels:
            return standing.permalink
    return ""
