"""A scheduled sweep: look at everything, compare with the last time, tell the channels' digests."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import cast

import structlog

from workers.entrance import open_to_us
from workers.freshness import outdate
from workers.incidents.health import Health, of_look
from workers.incidents.looks import Looks
from workers.incidents.schedule import PREFIX
from workers.incidents.survey import Survey
from workers.incidents.sweeping import (
    Swept,
    digest,
    from_values,
    narrowed,
    swept,
    to_values,
)
from workers.incidents.watches import tags_of
from workers.room import Room
from workers.settings import Digest as Recipient
from workers.settings import Settings
from workers.slack import delivery, sweeps
from workers.slack.delivery import ROOT

LAST = f"{PREFIX}last"
PROGRESS_SECONDS = 3.0

log = structlog.get_logger(__name__)


def run(room: Room, sweep_id: str, survey: Survey) -> None:
    """Sweep and tell. May run twice: what was looked at is not looked at again, and each channel
    has one message of each sweep. Raises NotKnown and redis.RedisError.
    """
    recipients = [each for each in room.settings.sweeps.digests if open_to_us(room, each.channel)]
    for each in recipients:
        first = sweeps.progress(0, 0, sweep_id, room.texts)
        room.outbox.add(_thread(sweep_id, each), delivery.post(ROOT, each.channel, first))
        room.outbox.deliver(_thread(sweep_id, each))
    found = survey.pipelines()
    looks = Looks(room.redis, sweep_id)
    told = _teller(room, sweep_id, recipients, len(found.matches))
    health, now = Health(room.redis), {}
    for looked in looks.look(found.matches, survey, told):
        health.note(of_look(looked, time.time()))
        now[looked.id] = swept(looked)
    before = last(room)
    whole = digest(before, now.values())
    for each in recipients:
        part = narrowed(whole, _theirs(each, now, room.settings))
        hidden = [at for at in found.unseen if _is_for(each, at.account, room.settings)]
        message = sweeps.digest(part, hidden, looks.stopped_by, room.settings, room.texts)
        room.outbox.add(_thread(sweep_id, each), delivery.update("digest", ROOT, message))
        room.outbox.deliver(_thread(sweep_id, each))
    complete = not looks.stopped_by and not found.unseen
    _remember(room, now, before or {}, found_everything=complete)
    if complete:
        health.keep_only(now)
    outdate(room)
    log.info("swept", id=sweep_id, pipelines=len(now), new=len(whole.new), cured=len(whole.cured))


def last(room: Room) -> dict[str, Swept] | None:
    """The pipelines as the last sweep found them; None when there was none."""
    found = cast("Mapping[bytes, bytes]", room.redis.hgetall(LAST))
    if not found:
        return None
    every = (from_values(json.loads(value)) for value in found.values())
    return {each.id: each for each in every}


def _remember(
    room: Room, now: Mapping[str, Swept], before: Mapping[str, Swept], *, found_everything: bool
) -> None:
    """What this sweep found, for the next. What it did not see stays as it was known."""
    kept = {} if found_everything else dict(before)
    for each in now.values():
        undecided = each.outcome == "unknown" and each.id in before
        kept[each.id] = before[each.id] if undecided else each
    with room.redis.pipeline() as pipeline:
        pipeline.delete(LAST)
        for name, value in kept.items():
            pipeline.hset(LAST, name, json.dumps(to_values(value), separators=(",", ":")))
        pipeline.execute()


def _theirs(recipient: Recipient, now: Mapping[str, Swept], settings: Settings) -> set[str]:
    """The pipelines that a channel is told of: those it asks for, of accounts that allow it."""
    ids: set[str] = set()
    for each in now.values():
        tags = tags_of(each.account, dict(each.tags), settings)
        meant = all(tags.get(key) == value for key, value in recipient.tags.items())
        if meant and _is_for(recipient, each.account, settings):
            ids.add(each.id)
    return ids


def _is_for(recipient: Recipient, account_id: str, settings: Settings) -> bool:
    """Whether a channel wants to know of an account, and may."""
    account = settings.account(account_id)
    if account is None or (account.channels and recipient.channel not in account.channels):
        return False
    wanted = {known.id for each in recipient.accounts if (known := settings.account(each))}
    return not recipient.accounts or account.id in wanted


def _teller(
    room: Room, sweep_id: str, recipients: list[Recipient], total: int
) -> Callable[[int], None]:
    told = 0.0

    def tell(done: int) -> None:
        nonlocal told
        if time.monotonic() - told < PROGRESS_SECONDS:
            return
        told = time.monotonic()
        message = sweeps.progress(done, total, sweep_id, room.texts)
        for each in recipients:
            room.outbox.refresh(_thread(sweep_id, each), ROOT, message)

    return tell


def _thread(sweep_id: str, recipient: Recipient) -> str:
    """Each digest has its own message, also where a channel has two."""
    wanted = json.dumps([recipient.accounts, recipient.tags], sort_keys=True)
    mark = hashlib.sha256(wanted.encode()).hexdigest()[:8]
    return f"{sweep_id}-{recipient.channel}-{mark}"
