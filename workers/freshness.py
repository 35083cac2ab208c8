"""Pages of App Home that are out of date, and who makes them anew (`workers.homes`).

homes:opened    sorted set: who opened App Home, by the time of the last opening
homes:stale     something changed since the pages were made
homes:lately    pages were made a moment ago: the workers' rounds make the next
"""

from __future__ import annotations

from contextlib import suppress

from redis import Redis
from rq.exceptions import DuplicateJobError

from workers.queue import SHOW_HOMES, enqueue, open_queue
from workers.room import Room

PREFIX = "pipeline-access:homes:"
OPENED, STALE, LATELY = f"{PREFIX}opened", f"{PREFIX}stale", f"{PREFIX}lately"
JOB = "homes"
PAUSE_SECONDS = 3  # between two times that all pages are made


def outdate(room: Room) -> None:
    """Something changed that pages show: they are made anew, soon and not for each change."""
    if not room.redis.exists(OPENED):
        return
    room.redis.set(STALE, 1)
    if room.redis.set(LATELY, 1, nx=True, ex=PAUSE_SECONDS):
        with suppress(DuplicateJobError):
            enqueue(open_queue(room.redis, room.settings.jobs), SHOW_HOMES, id=JOB)


def outdated(redis: Redis) -> bool:
    """Whether pages are to be made now that no job makes yet."""
    return bool(redis.exists(STALE)) and not redis.exists(LATELY)
