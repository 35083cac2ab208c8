"""What the workers watch over between and beside jobs: nothing due stays unsent, no thread silent.

Runs in a worker's parent process every few seconds, touches only Redis, and puts what is to be
done into the queue. Many workers may run it at once: jobs have unique ids.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any, cast

import structlog
from redis import Redis
from redis.client import Pipeline
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from workers.copying import behind
from workers.fixing.decisions import NEXT
from workers.fixing.reminders import due
from workers.fixing.verify import PATIENCE
from workers.freshness import JOB as HOMES
from workers.freshness import outdated
from workers.incidents import alerts, schedule
from workers.incidents.intake import Intake
from workers.inquiry import Inquiries, State
from workers.ledger import Entry, Ledger, Move
from workers.ledger import State as Fix
from workers.queue import (
    ALERTS,
    ANNOUNCE,
    BEAT,
    COPY_AUDIT,
    DELIVER,
    FIX_JOBS,
    GIVE_UP,
    REMIND,
    SHOW_HOMES,
    SWEEP,
    Queue,
    enqueue,
)
from workers.settings import Settings
from workers.slack import delivery

BEAT_SECONDS = 45
YOUNG_SECONDS = 5  # an inquiry that is younger may still be on its way into the queue
RESERVATION_SECONDS = 60
LIVING = frozenset({"queued", "started", "scheduled", "deferred", "created"})

log = structlog.get_logger(__name__)


class Watch:
    """The rounds of one worker."""

    def __init__(self, redis: Redis, queue: Queue, settings: Settings) -> None:
        self._redis = redis
        self._queue = queue
        self._sweeps = settings.sweeps
        self._inquiries = Inquiries(redis, settings.jobs.join_seconds)
        self._ledger = Ledger(redis)
        self._approvals = settings.approvals
        self._audit = settings.audit
        # Its methods carry no types.
        self._scheduler: Any = RQScheduler(
            [queue], redis, logging_level=logging.WARNING, serializer=JSONSerializer
        )

    def round(self) -> None:
        """One round. Raises redis.RedisError; the next round does what this one did not."""
        self._redis.set(BEAT, 1, ex=BEAT_SECONDS)
        self._promote()
        for thread in delivery.due(self._redis, time.time()):
            self._enqueue(DELIVER, thread, id=f"deliver-{thread}")
        if Intake(self._redis).due(1) or alerts.waiting(self._redis, time.time()):
            self._enqueue(ALERTS, id="alerts")
        if outdated(self._redis):
            self._enqueue(SHOW_HOMES, id=HOMES)
        self._start_sweep()
        self._copy_audit()
        for request_id in self._ledger.unfinished():
            self._go_on(request_id)
        for request_id in self._ledger.unannounced(time.time() - YOUNG_SECONDS):
            self._enqueue(ANNOUNCE, request_id, id=f"announce-{request_id}")
        for inquiry_id in self._inquiries.opened_before(time.time() - YOUNG_SECONDS):
            self._look_after(inquiry_id)

    def _start_sweep(self) -> None:
        sweeps = self._sweeps
        if sweeps.schedule is None:
            return

        def put(pipeline: Pipeline, sweep: str) -> None:
            enqueue(
                self._queue,
                SWEEP,
                sweep,
                id=sweep,
                timeout=sweeps.timeout_seconds,
                pipeline=pipeline,
            )

        try:
            schedule.start(self._redis, sweeps.schedule, time.time(), put)
        except ValueError as error:
            log.error("sweeps.schedule is no schedule", schedule=sweeps.schedule, error=str(error))

    def _copy_audit(self) -> None:
        """Behind everything else: a copy that is late harms nobody, a fix that waits does."""
        if (
            behind(self._ledger, self._audit, time.time())
            and self._status("copy-audit") not in LIVING
        ):
            self._redis.delete(Job.key_for("copy-audit"))
            with suppress(DuplicateJobError):
                enqueue(self._queue, COPY_AUDIT, id="copy-audit")

    def _promote(self) -> None:
        """Put scheduled jobs whose time has come into the queue, as `rqscheduler` would."""
        scheduler = self._scheduler
        if scheduler.acquire_locks():
            try:
                scheduler.enqueue_scheduled_jobs()
            finally:
                scheduler.release_locks()

    def _go_on(self, request_id: str) -> None:
        """End what nobody decided over, remind who may, and revive what a dead worker left."""
        entry = self._ledger.entry(request_id)
        if entry is None:
            return
        request, now, rules = entry.request, time.time(), self._approvals
        if entry.state is Fix.REQUESTED:
            if now >= request.expires_at:
                self._ledger.step(request_id, Move.EXPIRE, click="expire", actor="worker")
            escalates = bool(rules.escalate_to.groups or rules.escalate_to.users)
            for number in range(due(request.requested_at, rules.remind_minutes, escalates, now)):
                if self._ledger.reminded(request_id, number):
                    job = f"remind-{request_id}-{number}"
                    self._enqueue(REMIND, request_id, number, id=job)
        elif (name := NEXT.get(entry.state)) is not None and not self._is_under_way(entry, name):
            self._enqueue(FIX_JOBS[name], request_id, id=f"{name}-{request_id}-{entry.revision}")

    def _is_under_way(self, entry: Entry, name: str) -> bool:
        prefix = f"{name}-{entry.request.id}"
        if name == "verify":
            ids = [f"{prefix}-{attempt}" for attempt in range(len(PATIENCE))]
        else:
            # The job was put in at the revision before the one that it made itself.
            ids = [f"{prefix}-{entry.revision - back}" for back in (0, 1)]
        return any(self._status(each) in LIVING for each in (*ids, f"{prefix}-{entry.revision}"))

    def _look_after(self, inquiry_id: str) -> None:
        standing = self._inquiries.standing(inquiry_id)
        if standing is None or standing.state not in (State.RESERVED, State.QUEUED):
            self._inquiries.settled(inquiry_id)
            return
        status = self._status(standing.job)
        if status in LIVING:
            return
        if standing.state is State.RESERVED:
            # Its job was never queued, and the asker was told that nothing was.
            if time.time() - standing.opened > RESERVATION_SECONDS:
                self._inquiries.forget(inquiry_id)
            return
        why = "died" if status else "lost"
        log.warning("inquiry without a living job", inquiry=inquiry_id, status=status)
        self._enqueue(GIVE_UP, inquiry_id, why, id=f"give-up-{inquiry_id}")

    def _status(self, job_id: str) -> str:
        """Empty when there is no such job, or only what a heartbeat left of it."""
        status = cast("bytes | None", self._redis.hget(Job.key_for(job_id), "status"))
        return status.decode() if status is not None else ""

    def _enqueue(self, function: str, *arguments: str | int, id: str) -> None:
        """Put the job in, unless it is on its way already. A dead one does not stand in the way."""
        if self._status(id) in LIVING:
            return
        self._redis.delete(Job.key_for(id))
        with suppress(DuplicateJobError):
            enqueue(self._queue, function, *arguments, id=id, at_front=True)
