"""When the next scheduled sweep is due, and who starts it. Kept in Redis.

The times are those of RQ's own cron jobs (https://python-rq.org/docs/cron/). `rq cron` itself is
one more process, of which there may be one only; it puts jobs in with RQ's default serializer,
pickle, which our workers refuse; and what was due while it was down is lost. So the workers' rounds
do it instead: any number of workers starts a sweep once, and one that was due while none was
running is started by the first that is.

    sweeps:next    "<schedule>|<time>": when the next one is due under that schedule
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from redis import Redis, WatchError
from redis.client import Pipeline
from rq.cron import CronJob

PREFIX = "pipeline-access:sweeps:"
NEXT = f"{PREFIX}next"


def next_time(schedule: str, after: float) -> float:
    """The first time of the schedule after that one. Raises ValueError for what is no schedule."""
    job = CronJob("sweeps", func_name="sweep", cron=schedule)
    job.set_enqueue_time(datetime.fromtimestamp(after, UTC))
    found = cast("datetime", job.next_enqueue_time)
    return found.timestamp()


def start(redis: Redis, schedule: str, now: float, put: Callable[[Pipeline, str], None]) -> str:
    """Start the sweep that is due now: its id, or nothing when none is or another worker has it.

    `put` adds its job to the transaction that also says when the next one is due: whatever dies in
    between, each sweep is started once. Raises ValueError for what is no schedule, and
    redis.RedisError.
    """
    with redis.pipeline() as pipeline:
        pipeline.watch(NEXT)  # type: ignore[no-untyped-call]
        known, _, at = (cast("bytes | None", pipeline.get(NEXT)) or b"").decode().rpartition("|")
        if known == schedule and now < float(at):
            return ""
        pipeline.multi()
        pipeline.set(NEXT, f"{schedule}|{next_time(schedule, now)}")
        sweep = ""
        if known == schedule:  # otherwise it is the first time, or the configuration has changed
            sweep = f"sweep-{int(float(at))}"
            put(pipeline, sweep)
        try:
            pipeline.execute()
        except WatchError:
            return ""
    return sweep
