"""The audit trail copied to the sinks of the configuration, each at its own pace.

A cursor in Redis says how far each sink is. It moves after the sink has said that the entries
are durable; a worker that dies in between copies them again, and the sink keeps each once.
"""

from __future__ import annotations

import time

import structlog
from redis import Redis
from redis.exceptions import LockNotOwnedError

from workers.aws.audit_sinks import BucketSink, LogSink
from workers.ledger import Ledger
from workers.ledger.audit import order
from workers.ledger.sinks import FileSink, Sink, SinkFailure
from workers.room import open_room
from workers.settings import Audit

BATCH = 50
SECONDS = 30  # then the worker has other things to do, and the next round goes on
LOCK = "pipeline-access:audit:copying"
LOCK_SECONDS = 120
PAUSE_SECONDS = 60  # before a sink that failed is tried again

log = structlog.get_logger(__name__)


def copy_audit() -> None:
    """The job: bring every sink up to date. One that fails is tried again a minute later."""
    room = open_room()
    copy(room.redis, room.ledger, sinks(room.settings.audit))


def names(audit: Audit) -> tuple[str, ...]:
    """The sinks that the configuration wants, without opening any."""
    file = (f"file:{audit.file}",) if audit.file else ()
    bucket = (f"s3:{audit.bucket}/{audit.prefix}",) if audit.bucket else ()
    return (*file, *bucket, *((f"logs:{audit.log_group}",) if audit.log_group else ()))


def sinks(audit: Audit) -> tuple[Sink, ...]:
    """The sinks that the configuration wants, in the order of `names`."""
    found: list[Sink] = []
    if audit.file:
        found.append(FileSink(audit.file))
    if audit.bucket:
        found.append(
            BucketSink(
                audit.bucket,
                audit.prefix,
                days=audit.retention_days,
                mode=audit.retention_mode,
                region=audit.region,
            )
        )
    if audit.log_group:
        found.append(LogSink(audit.log_group, region=audit.region))
    return tuple(found)


def behind(ledger: Ledger, audit: Audit, now: float) -> bool:
    """Whether some sink has not kept the newest entry, and may be tried now."""
    wanted = names(audit)
    if not wanted or not (last := ledger.last()) or ledger.pauses(now):
        return False
    return any(_is_before(ledger.kept(name), last) for name in wanted)


def copy(redis: Redis, ledger: Ledger, sinks: tuple[Sink, ...]) -> tuple[str, ...]:
    """Bring the sinks up to date, one copier at a time. What failed, in words (logged, too)."""
    lock = redis.lock(LOCK, timeout=LOCK_SECONDS, blocking=False)
    if not lock.acquire():
        return ()
    failures: list[str] = []
    until = time.monotonic() + SECONDS
    try:
        for sink in sinks:
            try:
                while time.monotonic() < until:
                    entries = ledger.since(ledger.kept(sink.name), BATCH)
                    if not entries:
                        break
                    sink.write(entries)
                    ledger.keep(sink.name, entries[-1].id)
                    lock.reacquire()
            except SinkFailure as failure:
                log.error("audit trail not copied", sink=sink.name, why=str(failure))
                failures.append(str(failure))
        if failures:
            ledger.pause(time.time() + PAUSE_SECONDS)
    except LockNotOwnedError:
        log.warning("another worker copies the audit trail")
    finally:
        if lock.owned():
            lock.release()
    return tuple(failures)


def _is_before(id: str, last: str) -> bool:
    return not id or order(id) < order(last)
