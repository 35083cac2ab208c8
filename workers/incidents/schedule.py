"""When the next scheduled sweep is due, and who starts it. Kept in Redis.

The times are those of RQ's own cron jobs (https://python-rq.org/docs/cron/). `rq cron` itself puts
jobs in as pickled Python, which our workers refuse; so the workers' rounds do it instead, and a
sweep that was due while none was running is started by the first that is.

    sweeps:next            "<schedule>|<time>": when the next one is due under that schedule
    sweeps:started:<time>  a worker has started it
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from redis import Redis
from rq.cron import CronJob

PREFIX = "pipeline-access:sweeps:"
NEXT = f"{PREFIX}next"
KEEP_SECONDS = 7 * 24 * 3600


def next_time(schedule: str, after: float) -> float:
    """The first time of the schedule after that one. Raises ValueError for what is no schedule."""
    job = CronJob("sweeps", func_name="sweep", cron=schedule)
    job.set_enqueue_time(datetime.fromtimestamp(after, UTC))
    found = cast("datetime", job.next_enqueue_time)
    return found.timestamp()


def due(redis: Redis, schedule: str, now: float) -> str | None:
    """The id of the sweep that is to be started now; handed out once among all workers.

    Raises ValueError for what is no schedule, and redis.RedisError.
    """
    known, _, time = (cast("bytes | None", redis.get(NEXT)) or b"").decode().rpartition("|")
    if known != schedule:  # the first time, or the configuration has changed
        redis.set(NEXT, f"{schedule}|{next_time(schedule, now)}")
        return None
    if now < float(time):
        return None
    redis.set(NEXT, f"{schedule}|{next_time(schedule, now)}")
    moment = int(float(time))
    if not redis.set(f"{PREFIX}started:{moment}", 1, nx=True, ex=KEEP_SECONDS):
        return None
    return f"sweep-{moment}"
