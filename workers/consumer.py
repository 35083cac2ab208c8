"""The consumer: takes failure events out of their queue and puts work into ours.

`python -m workers.consumer` (the Procfile's consumer). It reads nothing of any account; what an
event means is found out by the workers. A message is deleted once its event is written down, so
that a consumer that dies in between takes it again; an event that comes twice counts once.
Without `incidents.queue` in the configuration it has nothing to do, and waits.
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Protocol

import structlog
from redis import Redis, RedisError
from rq.exceptions import DuplicateJobError

from workers import logs
from workers import settings as configuration
from workers.aws.failure_queue import FailureQueue, Message, QueueFailure
from workers.incidents.events import Malformed, NotForUs, read_event
from workers.incidents.intake import Intake, Taken
from workers.queue import ALERTS, Queue, connect, enqueue, open_queue
from workers.settings import Places, Settings

BEAT = "pipeline-access:consumer:beat"
BEAT_SECONDS = 120
MOST_TIMES = 3  # deliveries of a message that cannot be dealt with, before it is set aside
PAUSES = (1, 2, 5, 10, 30)  # seconds after failures in a row

log = structlog.get_logger(__name__)


class Source(Protocol):
    """Where messages come from; raises QueueFailure."""

    def receive(self) -> tuple[Message, ...]: ...

    def delete(self, messages: list[Message], /) -> None: ...


class Consumer:
    """Takes events, one batch after the other."""

    def __init__(self, settings: Settings, redis: Redis, queue: Queue, source: Source) -> None:
        self._settings = settings
        self._redis = redis
        self._queue = queue
        self._source = source
        self._intake = Intake(redis)

    def run(self, stop: threading.Event) -> None:
        """Until told to stop; failures of the queue or of Redis are waited out."""
        failures = 0
        while not stop.is_set():
            try:
                self.round()
                failures = 0
            except (QueueFailure, RedisError) as error:
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                log.warning("events not taken", error=str(error)[:500], again_in=pause)
                stop.wait(pause)

    def round(self) -> int:
        """One batch: how many messages it had. Raises QueueFailure or redis.RedisError."""
        self._redis.set(BEAT, int(time.time()), ex=BEAT_SECONDS)
        messages = self._source.receive()
        done: list[Message] = []
        work = False
        try:
            for message in messages:
                taken = self._take(message)
                work = work or taken in (Taken.FAILED, Taken.SUCCEEDED)
                if taken is not None:
                    done.append(message)
        finally:
            # What was written down is done, even if a later message of the batch failed.
            self._source.delete(done)
            if work:
                self._put_to_work()
        return len(messages)

    def _take(self, message: Message) -> Taken | str | None:
        """What became of a message; None when it is to be delivered again."""
        try:
            event = read_event(message.body)
        except Malformed as fault:
            return self._set_aside(message, str(fault))
        except Exception as error:
            # A fault of ours: another version may know better, but the queue must not clog.
            log.exception("event not understood", message=message.id)
            if message.times < MOST_TIMES:
                return None
            return self._set_aside(message, f"failed {message.times} times: {type(error).__name__}")
        if isinstance(event, NotForUs):
            self._intake.count("not_for_us")
            return "not_for_us"
        if self._settings.account(event.account) is None:
            log.warning("event of an unknown account", account=event.account, event_id=event.id)
            return self._intake.of_unknown_account(event)
        taken = self._intake.take(event)
        log.info("event", pipeline=event.pipeline, ended=event.ended, taken=taken)
        return taken

    def _set_aside(self, message: Message, why: str) -> str:
        log.warning("message set aside", message=message.id, why=why)
        self._intake.set_aside(message.id, why, message.body)
        return "set_aside"

    def _put_to_work(self) -> None:
        """One job works off everything that is pending; while it runs, no second one is needed."""
        with suppress(DuplicateJobError):
            enqueue(self._queue, ALERTS, id=ALERTS_JOB)


ALERTS_JOB = "alerts"


def main() -> None:
    """Until SIGTERM or SIGINT; the batch in hand is finished first."""
    places = Places()
    logs.configure(places.log_level)
    settings = configuration.load(places.pipeline_access_config)
    stop = _told_to_stop()
    url = settings.incidents.queue
    if url is None:
        log.warning("no queue of failure events is configured", key="incidents.queue")
        stop.wait()
        return
    redis = connect(places, patient=True)
    consumer = Consumer(settings, redis, open_queue(redis, settings.jobs), FailureQueue(url))
    log.info("consumer ready", queue=url)
    consumer.run(stop)


def _told_to_stop() -> threading.Event:
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    return stop


if __name__ == "__main__":
    main()
