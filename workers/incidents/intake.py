"""Failure events as they come in: each counted once, in whatever order, none lost. Kept in Redis.

An event is written down before its message is deleted from the queue; what is to be done about it
is a list per pipeline, and the pipelines are worked off one after the other (`workers.incidents.
jobs`). A message that is no event is set aside, where people can see it.

    events:seen:<id>      the event was taken: deliveries may come twice
    events:latest:<arn>   hash: at, state of the newest execution that ended
    events:pending:<arn>  list of events as JSON that nobody has looked at yet
    events:due            sorted set: pipelines with pending events, by the time of the first
    events:execution:<id> set of pipelines (ARNs) of which an execution with that id failed; it is
                          cut to what people quote of it
    events:counts         hash: how many were received, failed, succeeded, doubled …
    events:unknown        hash: account that is not configured -> how many events
    events:aside          list of messages that could not be read, newest first

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-delivery.html (at least once)
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, cast

from redis import Redis

from workers.incidents.events import Ended, ExecutionEnded
from workers.logs import masked

PREFIX = "pipeline-access:events:"
DUE = f"{PREFIX}due"
COUNTS = f"{PREFIX}counts"
ASIDE = f"{PREFIX}aside"
UNKNOWN = f"{PREFIX}unknown"
EXECUTION = f"{PREFIX}execution:"
ALERTS_OF = "pipeline-access:alerts:of:"

ID_CHARACTERS = 8  # of an execution's id: as findings and the console's lists show it
SEEN_SECONDS = 15 * 24 * 3600  # a queue keeps a message for 14 days at most
LATEST_SECONDS = 30 * 24 * 3600
MOST_FAULTS = 3
FAULT_SECONDS = 30
MOST_ASIDE = 1_000
ASIDE_CHARACTERS = 4_000


class Taken(StrEnum):
    """What became of an event."""

    FAILED = "failed"
    SUCCEEDED = "succeeded"  # and somebody waits for it
    QUIET = "quiet"  # succeeded, and nothing was wrong before
    STALE = "stale"  # something newer of the same pipeline was known
    DOUBLED = "doubled"
    UNKNOWN = "unknown_account"


# Takes an event once and decides what it is worth.
# KEYS[1] = seen, KEYS[2] = latest, KEYS[3] = pending, KEYS[4] = due, KEYS[5] = counts,
# KEYS[6] = alerts of the pipeline
# ARGV[1] = state, ARGV[2] = time, ARGV[3] = event, ARGV[4] = ARN, ARGV[5] = now,
# ARGV[6] = seconds to remember the event, ARGV[7] = seconds to remember the pipeline
_TAKE = """
local function count(what) redis.call("HINCRBY", KEYS[5], what, 1); return what end
count("received")
if not redis.call("SET", KEYS[1], 1, "NX", "EX", ARGV[6]) then return count("doubled") end
local at, known = tonumber(ARGV[2]), redis.call("HMGET", KEYS[2], "at", "state")
local last, state = tonumber(known[1] or -1), known[2]
if last > at and state ~= ARGV[1] then return count("stale") end
if at >= last then redis.call("HSET", KEYS[2], "at", ARGV[2], "state", ARGV[1]) end
redis.call("EXPIRE", KEYS[2], ARGV[7])
if ARGV[1] == "SUCCEEDED" then
  if redis.call("EXISTS", KEYS[3]) == 0 and redis.call("EXISTS", KEYS[6]) == 0 then
    return count("quiet")
  end
end
redis.call("RPUSH", KEYS[3], ARGV[3])
redis.call("ZADD", KEYS[4], "NX", ARGV[5], ARGV[4])
return count(ARGV[1] == "FAILED" and "failed" or "succeeded")
"""

# Forgets pending events that were looked at; the pipeline stays due while there are others.
# KEYS[1] = pending, KEYS[2] = due; ARGV[1] = how many, ARGV[2] = ARN, ARGV[3] = now
_SETTLE = """
redis.call("LTRIM", KEYS[1], ARGV[1], -1)
if redis.call("EXISTS", KEYS[1]) == 0 then redis.call("ZREM", KEYS[2], ARGV[2])
else redis.call("ZADD", KEYS[2], ARGV[3], ARGV[2]) end
"""


@dataclass(frozen=True, slots=True)
class Aside:
    """A message that could not be read: its id, why, what it said (cut), when it came."""

    id: str
    why: str
    body: str
    at: float


class Intake:
    """The store. Raises redis.RedisError; nothing was taken then."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(_TAKE)
        self._settle = redis.register_script(_SETTLE)

    def take(self, event: ExecutionEnded) -> Taken:
        """Write an event down, once."""
        if event.ended is Ended.FAILED:
            self._remember(event)
        keys = [
            f"{PREFIX}seen:{event.id}",
            f"{PREFIX}latest:{event.arn}",
            f"{PREFIX}pending:{event.arn}",
            DUE,
            COUNTS,
            f"{ALERTS_OF}{event.arn}",
        ]
        taken = self._take(
            keys=keys,
            args=[
                event.ended,
                event.at,
                json.dumps(asdict(event), separators=(",", ":")),
                event.arn,
                time.time(),
                SEEN_SECONDS,
                LATEST_SECONDS,
            ],
        )
        return Taken(_text(taken))

    def whose(self, execution: str) -> tuple[str, ...]:
        """The pipelines (ARNs) of which an execution failed whose id is, or begins with, this."""
        key = f"{EXECUTION}{execution[:ID_CHARACTERS].lower()}"
        found = cast("set[bytes]", self._redis.smembers(key))
        return tuple(sorted(map(_text, found)))

    def _remember(self, event: ExecutionEnded) -> None:
        key = f"{EXECUTION}{event.execution[:ID_CHARACTERS].lower()}"
        with self._redis.pipeline() as pipeline:
            pipeline.sadd(key, event.arn)
            pipeline.expire(key, SEEN_SECONDS)
            pipeline.execute()

    def of_unknown_account(self, event: ExecutionEnded) -> Taken:
        """Count an event of an account that is not configured: it can only be shown, not read."""
        with self._redis.pipeline() as pipeline:
            pipeline.set(f"{PREFIX}seen:{event.id}", 1, nx=True, ex=SEEN_SECONDS)
            pipeline.hincrby(COUNTS, "received", 1)
            (new, _) = pipeline.execute()
        if not new:
            self.count(Taken.DOUBLED)
            return Taken.DOUBLED
        with self._redis.pipeline() as pipeline:
            pipeline.hincrby(COUNTS, Taken.UNKNOWN, 1)
            pipeline.hincrby(UNKNOWN, event.account, 1)
            pipeline.execute()
        return Taken.UNKNOWN

    def set_aside(self, message_id: str, why: str, body: str) -> None:
        """Keep a message that is no event where people can see it, without secrets."""
        aside = Aside(message_id, why, masked(body[:ASIDE_CHARACTERS]), time.time())
        with self._redis.pipeline() as pipeline:
            pipeline.lpush(ASIDE, json.dumps(asdict(aside)))
            pipeline.ltrim(ASIDE, 0, MOST_ASIDE - 1)
            pipeline.hincrby(COUNTS, "set_aside", 1)
            pipeline.execute()

    def count(self, what: str, number: int = 1) -> None:
        self._redis.hincrby(COUNTS, what, number)

    # --- working off ----------------------------------------------------------------------------

    def due(self, most: int = 100) -> tuple[str, ...]:
        """ARNs of pipelines with events that nobody has looked at, the longest waiting first."""
        now = time.time()
        found = cast("list[bytes]", self._redis.zrangebyscore(DUE, 0, now, start=0, num=most))
        return tuple(_text(each) for each in found)

    def pending(self, arn: str) -> tuple[ExecutionEnded, ...]:
        """The pipeline's events that nobody has looked at, in the order in which they came."""
        found = cast("list[bytes]", self._redis.lrange(f"{PREFIX}pending:{arn}", 0, -1))
        return tuple(_event(json.loads(each)) for each in found)

    def settle(self, arn: str, number: int) -> None:
        """The first `number` pending events of the pipeline were dealt with."""
        keys = [f"{PREFIX}pending:{arn}", DUE]
        self._settle(keys=keys, args=[number, arn, time.time()])

    def fault(self, arn: str, why: str) -> None:
        """Dealing with the pipeline failed, by a fault of ours: try again later, a few times, then
        set its events aside where people see them."""
        key = f"{PREFIX}faults:{arn}"
        with self._redis.pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 24 * 3600)
            attempts, _ = pipeline.execute()
        if attempts < MOST_FAULTS:
            self._redis.zadd(DUE, {arn: time.time() + FAULT_SECONDS * attempts}, xx=True)
            return
        pending = self.pending(arn)
        for event in pending:
            self.set_aside(event.id, why, json.dumps(asdict(event)))
        self.settle(arn, len(pending))
        self._redis.delete(key)

    # --- looking --------------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        return self._numbers(COUNTS)

    def unknown_accounts(self) -> dict[str, int]:
        """Events by account that is not configured."""
        return self._numbers(UNKNOWN)

    def aside(self, most: int = 100) -> tuple[Aside, ...]:
        """The messages that could not be read, newest first."""
        found = cast("list[bytes]", self._redis.lrange(ASIDE, 0, most - 1))
        return tuple(Aside(**json.loads(each)) for each in found)

    def _numbers(self, key: str) -> dict[str, int]:
        found = cast("Mapping[bytes, bytes]", self._redis.hgetall(key))
        return {_text(name): int(value) for name, value in sorted(found.items())}


def _event(values: dict[str, Any]) -> ExecutionEnded:
    return ExecutionEnded(**{**values, "ended": Ended(values["ended"])})


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
