"""The queue between bot and workers: RQ's, with a faster eye for jobs whose worker died.

The bot puts jobs in by name and never imports them; arguments are JSON, so that nobody who can
write to Redis can make a worker unpickle code. https://python-rq.org/docs/
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry as ConnectionRetry
from rq import Queue as RqQueue
from rq import Retry
from rq.exceptions import DuplicateJobError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now

from workers.settings import Jobs, Places

DIAGNOSE = "workers.jobs.diagnose"
DELIVER = "workers.jobs.deliver"
LIST_PIPELINES = "workers.jobs.list_pipelines"
ANNOUNCE = "workers.jobs.announce"
GIVE_UP = "workers.jobs.give_up"
ASK = "workers.jobs.ask"
SHOW_HOME = "workers.jobs.show_home"
SHOW_HOMES = "workers.jobs.show_homes"
ALERTS = "workers.incidents.jobs.alerts"
WATCH = "workers.incidents.jobs.watch"
TAKE_STOCK = "workers.incidents.jobs.take_stock"
UNWATCH = "workers.incidents.jobs.unwatch"
INVESTIGATE = "workers.incidents.jobs.investigate"
EXPORT_TIMELINE = "workers.incidents.jobs.export_timeline"
SWEEP = "workers.incidents.jobs.sweep"
LIST_WATCHES = "workers.incidents.jobs.list_watches"

DECIDE = "workers.fixing.jobs.decide"
REMIND = "workers.fixing.jobs.remind"
RETRY_STAGE = "workers.fixing.jobs.retry_stage"
FOLLOW = "workers.fixing.jobs.follow"
HISTORY = "workers.fixing.jobs.history"
COPY_AUDIT = "workers.copying.copy_audit"
FIX_JOBS: Mapping[str, str] = MappingProxyType(
    {
        "apply": "workers.fixing.jobs.apply",
        "verify": "workers.fixing.jobs.verify",
        "roll_back": "workers.fixing.jobs.roll_back",
    }
)

BEAT = "pipeline-access:workers:beat"  # exists while at least one worker is alive
MAINTENANCE_LOCK_SECONDS = 30
STUCK_SECONDS = 15
KEEP_SECONDS = 600  # results and failures; what people are told is kept elsewhere


class _Intermediate(IntermediateQueue):
    """RQ gives a job that was dequeued and never started one minute; that is our whole time."""

    def should_be_cleaned_up(self, job_id: str) -> bool:
        first_seen = self.get_first_seen(job_id)
        return first_seen is not None and now() - first_seen > timedelta(seconds=STUCK_SECONDS)


class Queue(RqQueue):
    """An RQ queue whose maintenance a killed worker cannot block.

    RQ's maintenance lock lives for 15 minutes when the worker that holds it is killed.
    """

    def acquire_maintenance_lock(self) -> bool:
        return bool(
            self.connection.set(self.registry_cleaning_key, 1, nx=True, ex=MAINTENANCE_LOCK_SECONDS)
        )

    @property
    def intermediate_queue(self) -> IntermediateQueue:
        return _Intermediate(self.key, connection=self.connection)


def connect(places: Places, *, patient: bool = False) -> Redis:
    """A client of the Redis of the environment.

    The bot's fails within two seconds, so that a person is told at once; a worker's (`patient`)
    is left RQ's own time-outs and retries.
    """
    url = places.redis_url.get_secret_value()
    if patient:
        return Redis.from_url(url)
    return Redis.from_url(
        url,
        socket_connect_timeout=1,
        socket_timeout=1,
        retry=ConnectionRetry(NoBackoff(), 1),
        health_check_interval=30,
    )


def open_queue(redis: Redis, jobs: Jobs) -> Queue:
    """The queue that the settings name."""
    return Queue(
        jobs.queue,
        connection=redis,
        default_timeout=jobs.timeout_seconds,
        serializer=JSONSerializer,
    )


def enqueue(
    queue: Queue,
    function: str,
    *arguments: Any,
    id: str,
    lives: int = 2,
    at_front: bool = False,
    pipeline: Pipeline | None = None,
    timeout: int | None = None,
) -> Job:
    """Put one job in. `id` is unique: raises rq.exceptions.DuplicateJobError while it exists.

    `lives` is how often it is started in all when a worker dies under it; a job that raises has
    one life only (`workers.jobs` sees to that). With `pipeline` it is part of that transaction
    and uniqueness is the caller's matter.
    """
    return queue.enqueue_call(
        function,
        args=arguments,
        job_id=id,
        unique=pipeline is None,
        retry=Retry(max=lives - 1) if lives > 1 else None,
        result_ttl=0,
        failure_ttl=KEEP_SECONDS,
        at_front=at_front,
        pipeline=pipeline,
        timeout=timeout,
        description=f"{function} {id}",
    )


def enqueue_later(queue: Queue, delay: timedelta, function: str, *arguments: Any, id: str) -> None:
    """Put a job in that is due after a while; once per id. The workers' rounds move it on."""
    with suppress(DuplicateJobError):
        queue.enqueue_in(
            delay,
            function,
            *arguments,
            job_id=id,
            unique=True,
            retry=Retry(max=1),
            result_ttl=0,
            failure_ttl=KEEP_SECONDS,
            description=f"{function} {id}",
        )
