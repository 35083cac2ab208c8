"""The worker: RQ's forking worker, with everything a job needs loaded before the fork.

`python -m workers.worker` or `pipeline-access worker`. A job costs a fork, not an import; a crash
inside a job takes only its child. RQ would notice a dead worker after a minute and a half and tell
nobody: here its jobs are taken over within half a minute, or answered honestly (`workers.watch`).
https://python-rq.org/docs/workers/
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
import time
from datetime import UTC, datetime
from typing import Any

import structlog
from redis import Redis, RedisError
from rq import Queue as RqQueue
from rq import Worker as RqWorker
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer

from workers import logs, memory
from workers import settings as configuration
from workers.queue import Queue, connect, open_queue
from workers.settings import Places, Settings
from workers.snapshot.model import Snapshot, unreadable
from workers.watch import Watch

MONITORING_SECONDS = 5  # how often the parent of a running job says that it lives
MISSING_SECONDS = 15  # silence after which it is taken for dead
ROUND_SECONDS = 5
# RQ listens for WORKER_TTL - 15 seconds at a time and makes its rounds in between.
WORKER_TTL = ROUND_SECONDS + 15

HEALTHY_SECONDS = 60
PR_SET_PDEATHSIG = 1

log = structlog.get_logger(__name__)


class Worker(RqWorker):
    """Takes over from dead workers quickly, also while it is busy itself."""

    def __init__(self, redis: Redis, queue: Queue, settings: Settings, **options: Any) -> None:
        super().__init__(
            [queue],
            connection=redis,
            serializer=JSONSerializer,
            maintenance_interval=ROUND_SECONDS,
            job_monitoring_interval=MONITORING_SECONDS,
            worker_ttl=WORKER_TTL,
            log_job_description=False,
            **options,
        )
        self._watch = Watch(redis, queue, settings)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return int(self.job_monitoring_interval + MISSING_SECONDS)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        super().maintain_heartbeats(job, execution)
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()

    def main_work_horse(self, job: Job, queue: RqQueue) -> None:
        die_with_parent()
        memory.share_arenas()
        super().main_work_horse(job, queue)

    def run_maintenance_tasks(self) -> None:
        try:
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
            self._watch.round()
        except RedisError as error:
            log.warning("round not finished", error=str(error))


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent dies: a job whose worker is gone is run
    again elsewhere, and must not go on here meanwhile. Linux only; elsewhere nothing happens.

    https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def build(places: Places, settings: Settings, **options: Any) -> Worker:
    """A worker on the Redis of the environment and the queue of the settings."""
    redis = connect(places, patient=True)
    return Worker(redis, open_queue(redis, settings.jobs), settings, **options)


def preload() -> None:
    """Load what every job needs: code, AWS's models, the catalogue, texts. Then keep the garbage
    collector off them: pages that nobody writes stay shared with the children."""
    from workers import jobs, pictures
    from workers.aws.models import preload as preload_models
    from workers.diagnosis import diagnose
    from workers.engine import known
    from workers.policy import lint
    from workers.policy.actions import takes_resource
    from workers.slack import report
    from workers.slack.texts import load as load_texts

    preload_models()
    # A diagnosis of nothing, and its answer: they load what those of a pipeline would load.
    found = diagnose(Snapshot(unreadable()), catalogue=known())
    report.replies(found, "", load_texts())
    # It asks for no action, so that the table of actions is read by hand.
    for access in (each for provider in known().providers for each in known().access(provider)):
        for action in access.actions:
            takes_resource(action)
    pictures.preload()
    log.debug("preloaded", modules=(jobs.__name__, lint.__name__))
    gc.collect()
    gc.freeze()


def main(*, burst: bool = False) -> None:
    """Work until told to stop (SIGTERM finishes the running job first)."""
    places = Places()
    logs.configure(places.log_level)
    settings = configuration.load(places.pipeline_access_config)
    _wait_for_redis(places)
    worker = build(places, settings)
    began = time.monotonic()
    preload()
    seconds = round(time.monotonic() - began, 2)
    log.info("worker ready", pid=os.getpid(), queue=settings.jobs.queue, preloaded_in=seconds)
    worker.work(burst=burst)


def alive(places: Places) -> bool:
    """Whether a worker of this host reported in time. For health checks of containers."""
    redis = connect(places)
    host, now = socket.gethostname(), datetime.now(UTC)
    for worker in RqWorker.all(connection=redis):
        last = worker.last_heartbeat
        if worker.hostname == host and last is not None:
            return (now - last.astimezone(UTC)).total_seconds() < HEALTHY_SECONDS
    return False


def _wait_for_redis(places: Places) -> None:
    """RQ registers a worker before it waits for Redis; started side by side, Redis may be later."""
    redis = connect(places, patient=True)
    for attempt in range(30):
        try:
            redis.ping()
            return
        except RedisError as error:
            log.warning("waiting for Redis", attempt=attempt, error=type(error).__name__)
            time.sleep(1)
    redis.ping()


if __name__ == "__main__":
    main()
