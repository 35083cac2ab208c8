"""Alerts: one thread per channel, cause and hour; what came later joins it, with a count.

An alert is written down first and shown afterwards, as often as something changed and as fast as
the channel's rate allows. So a burst of failures becomes one thread whose numbers move, and a
worker that dies in between leaves nothing out and says nothing twice.

    alert:<id>                      hash: channel, user, cause, opened, last, failures, …
    alert:<id>:pipelines            hash: ARN -> how the pipeline fares, as JSON
    alert:<id>:events               set of the events that were counted
    alert:open:<channel>:<cause>    the alert that further failures of that cause join
    alerts:of:<arn>                 set of alerts in which the pipeline is not healthy yet
    alerts:check                    sorted set: pipelines that are not healthy yet, by the time at
                                    which somebody is to look whether they are
    alerts:changed                  sorted set: alerts to show, by the time from which they may be
    alerts:sent:<channel>:<minute>  messages posted unasked in that minute
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from redis import Redis

from workers.incidents.causes import Cause
from workers.incidents.events import ExecutionEnded
from workers.inquiry import new_id

PREFIX = "pipeline-access:alert:"
OF = "pipeline-access:alerts:of:"
CHANGED = "pipeline-access:alerts:changed"
CHECK = "pipeline-access:alerts:check"
SENT = "pipeline-access:alerts:sent:"
KEEP_SECONDS = 30 * 24 * 3600
# An event that says "healthy again" may be lost; somebody looks then. The longer it lasts, the
# less often: after half of the time that has passed, between these.
CHECK_SOONEST, CHECK_LATEST = 300, 6 * 3600
CHECK_SOON = 60  # after a sign that the cause is gone

# Counts a pipeline's failures in an alert, each event once.
# KEYS[1] = alert, KEYS[2] = pipelines, KEYS[3] = events, KEYS[4] = alerts of the pipeline,
# KEYS[5] = changed
# ARGV[1] = alert's id, ARGV[2] = ARN, ARGV[3] = pipeline as JSON, ARGV[4] = now,
# ARGV[5] = seconds to keep, ARGV[6..] = event id, time, event id, time, …
_COUNT = """
local new, first, last = 0, nil, nil
for index = 6, #ARGV, 2 do
  if redis.call("SADD", KEYS[3], ARGV[index]) == 1 then
    local at = tonumber(ARGV[index + 1])
    new = new + 1
    if not first or at < first then first = at end
    if not last or at > last then last = at end
  end
end
redis.call("EXPIRE", KEYS[3], ARGV[5])
if new == 0 then return 0 end
local raw = redis.call("HGET", KEYS[2], ARGV[2])
local pipeline = cjson.decode(raw or ARGV[3])
pipeline.failures = pipeline.failures + new
if pipeline.first == 0 or first < pipeline.first then pipeline.first = first end
if last > pipeline.last then pipeline.last = last end
if pipeline.healthy > 0 and last >= pipeline.healthy then pipeline.healthy = 0 end
pipeline.cured = 0
redis.call("HSET", KEYS[2], ARGV[2], cjson.encode(pipeline))
redis.call("EXPIRE", KEYS[2], ARGV[5])
redis.call("HINCRBY", KEYS[1], "failures", new)
redis.call("EXPIRE", KEYS[1], ARGV[5])
if pipeline.healthy == 0 then
  redis.call("SADD", KEYS[4], ARGV[1])
  redis.call("EXPIRE", KEYS[4], ARGV[5])
end
redis.call("ZADD", KEYS[5], "NX", ARGV[4], ARGV[1])
return new
"""

# Notes that a pipeline of an alert succeeded again; 1 when that was news.
# KEYS[1] = pipelines, KEYS[2] = alerts of the pipeline, KEYS[3] = changed
# ARGV[1] = alert's id, ARGV[2] = ARN, ARGV[3] = time of the success, ARGV[4] = now
_HEAL = """
local raw = redis.call("HGET", KEYS[1], ARGV[2])
if not raw then redis.call("SREM", KEYS[2], ARGV[1]) return 0 end
local pipeline, at = cjson.decode(raw), tonumber(ARGV[3])
if pipeline.healthy > 0 or at < pipeline.last then return 0 end
pipeline.healthy = at
redis.call("HSET", KEYS[1], ARGV[2], cjson.encode(pipeline))
redis.call("SREM", KEYS[2], ARGV[1])
redis.call("ZADD", KEYS[3], "NX", ARGV[4], ARGV[1])
return 1
"""

# Notes that what stopped a pipeline is proven to be gone, or is there again; 1 when that was news.
# KEYS[1] = pipelines, KEYS[2] = changed
# ARGV[1] = alert's id, ARGV[2] = ARN, ARGV[3] = when it was proven or 0, ARGV[4] = now
_CURE = """
local raw = redis.call("HGET", KEYS[1], ARGV[2])
if not raw then return 0 end
local pipeline, at = cjson.decode(raw), tonumber(ARGV[3])
local known = pipeline.cured or 0
if pipeline.healthy > 0 or (known > 0) == (at > 0) then return 0 end
pipeline.cured = at
redis.call("HSET", KEYS[1], ARGV[2], cjson.encode(pipeline))
redis.call("ZADD", KEYS[2], "NX", ARGV[4], ARGV[1])
return 1
"""

# Takes a number of messages out of a channel's minute; 0 when they do not fit any more.
# KEYS[1] = the minute's count; ARGV[1] = how many, ARGV[2] = limit
_SPEND = """
local sent = tonumber(redis.call("GET", KEYS[1]) or 0)
if sent > 0 and sent + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return 0 end
redis.call("INCRBY", KEYS[1], ARGV[1])
redis.call("EXPIRE", KEYS[1], 120)
return 1
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A pipeline in an alert. Times are seconds since the epoch, 0 where there is none yet.

    *Healthy*: an execution went through after the last failure. *Cured*: what stopped it is proven
    to be gone, but nothing has run since.
    """

    name: str
    account: str
    region: str
    failures: int = 0
    first: float = 0
    last: float = 0
    healthy: float = 0
    cured: float = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """What is known of an alert. `shown` is the state that the thread shows, as `state` has it."""

    id: str
    channel: str
    user: str  # who set the watch
    cause: Cause
    members: tuple[Member, ...]
    opened: float
    failures: int
    finding: str = ""  # of the report that is kept under the alert's id
    shown: str = ""
    counted: bool = False  # the thread has its message with the numbers
    requested: int = 0  # fixes that were asked for in the thread and stand

    @property
    def healthy(self) -> bool:
        return bool(self.members) and all(each.healthy for each in self.members)

    @property
    def cured(self) -> bool:
        """Whether nothing stops any of the pipelines any more, though not all have run since."""
        return not self.healthy and all(each.healthy or each.cured for each in self.members)

    @property
    def first(self) -> float:
        return min((each.first for each in self.members if each.first), default=self.opened)

    @property
    def recovered(self) -> float:
        """When the last of the pipelines succeeded again; 0 while one has not."""
        return max(each.healthy for each in self.members) if self.healthy else 0

    @property
    def state(self) -> str:
        """What the thread has to show; equal states look alike."""
        parts = [
            f"{each.name} {each.account} {each.region} {each.failures} {each.healthy} {each.cured}"
            for each in sorted(self.members, key=lambda member: (member.name, member.account))
        ]
        return "|".join((*parts, str(self.requested)))


class Alerts:
    """The store. Raises redis.RedisError."""

    def __init__(self, redis: Redis, quiet_seconds: int, per_minute: int) -> None:
        self._redis = redis
        self._quiet = quiet_seconds
        self._per_minute = per_minute
        self._count = redis.register_script(_COUNT)
        self._heal = redis.register_script(_HEAL)
        self._cure = redis.register_script(_CURE)
        self._spend = redis.register_script(_SPEND)

    def join(self, channel: str, user: str, cause: Cause, events: Iterable[ExecutionEnded]) -> str:
        """Count failures of one pipeline in the alert of that cause, opening it if need be.

        Returns the alert's id.
        """
        told = tuple(events)
        key = f"{PREFIX}open:{channel}:{cause.key}"
        fresh = new_id()
        opened = self._redis.set(key, fresh, nx=True, ex=self._quiet)
        held = fresh if opened else _text(cast("bytes | None", self._redis.get(key)) or fresh)
        with self._redis.pipeline() as pipeline:
            for name, value in (
                ("opened", str(time.time())),
                ("channel", channel),
                ("user", user),
                ("cause", json.dumps(asdict(cause))),
            ):
                pipeline.hsetnx(f"{PREFIX}{held}", name, value)
            pipeline.execute()
        first = told[0]
        args: list[Any] = [
            held,
            first.arn,
            json.dumps(asdict(Member(first.pipeline, first.account, first.region))),
            time.time(),
            KEEP_SECONDS,
        ]
        for event in told:
            args += [event.id, event.at]
        keys = [
            f"{PREFIX}{held}",
            f"{PREFIX}{held}:pipelines",
            f"{PREFIX}{held}:events",
            f"{OF}{first.arn}",
            CHANGED,
        ]
        if self._count(keys=keys, args=args):
            self._redis.expire(key, self._quiet)  # an hour of silence ends it, not its age
        self._redis.zadd(CHECK, {first.arn: time.time() + CHECK_SOONEST}, nx=True)
        return held

    def explain(self, alert_id: str, finding: str) -> None:
        """Which finding of the kept report the alert is about."""
        self._redis.hsetnx(f"{PREFIX}{alert_id}", "finding", finding)

    def concern(self, arn: str) -> bool:
        """Whether an alert waits for the pipeline to be healthy again."""
        return bool(self._redis.exists(f"{OF}{arn}"))

    def heal(self, arn: str, at: float) -> tuple[str, ...]:
        """An execution of the pipeline succeeded: the alerts for which that is news."""
        healed: list[str] = []
        for alert_id in self.of(arn):
            keys = [f"{PREFIX}{alert_id}:pipelines", f"{OF}{arn}", CHANGED]
            if self._heal(keys=keys, args=[alert_id, arn, at, time.time()]):
                healed.append(alert_id)
        if not self.concern(arn):
            self._redis.zrem(CHECK, arn)
        for alert_id in healed:  # what stopped this one may have stopped the others
            self._check_soon(alert_id)
        return tuple(healed)

    def of(self, arn: str) -> tuple[str, ...]:
        """The alerts in which the pipeline is not healthy yet."""
        return tuple(map(_text, sorted(cast("set[bytes]", self._redis.smembers(f"{OF}{arn}")))))

    def cure(self, alert_id: str, arn: str, at: float) -> bool:
        """What stopped the pipeline is proven to be gone since `at`, or (0) is there. Whether that
        was news."""
        keys = [f"{PREFIX}{alert_id}:pipelines", CHANGED]
        return bool(self._cure(keys=keys, args=[alert_id, arn, at, time.time()]))

    def to_check(self, now: float, most: int = 50) -> tuple[str, ...]:
        """ARNs of pipelines at which somebody is to look whether they are healthy again."""
        found = cast("list[bytes]", self._redis.zrangebyscore(CHECK, 0, now, start=0, num=most))
        return tuple(_text(each) for each in found)

    def checked(self, arn: str) -> None:
        """Somebody looked. The next look comes later, the longer the pipeline is down."""
        alerts = [found for each in self.of(arn) if (found := self.alert(each)) is not None]
        if not alerts:
            self._redis.zrem(CHECK, arn)
            return
        now = time.time()
        age = now - max(each.opened for each in alerts)
        wait = min(max(age / 2, CHECK_SOONEST), CHECK_LATEST)
        self._redis.zadd(CHECK, {arn: now + wait}, xx=True)

    def check_soon(self, arn: str) -> None:
        """There is a sign that what stopped the pipeline is gone."""
        self._redis.zadd(CHECK, {arn: time.time() + CHECK_SOON}, xx=True, lt=True)

    def _check_soon(self, alert_id: str) -> None:
        members = cast("list[bytes]", self._redis.hkeys(f"{PREFIX}{alert_id}:pipelines"))
        for each in members:
            self.check_soon(_text(each))

    def requested(self, alert_id: str, number: int) -> None:
        """So many fixes that were asked for in the thread stand."""
        self._redis.hset(f"{PREFIX}{alert_id}", "requested", number)
        self._redis.zadd(CHANGED, {alert_id: time.time()}, nx=True)
        self._check_soon(alert_id)

    def changed(self, now: float, most: int = 50) -> tuple[str, ...]:
        """Alerts whose thread does not show what is known."""
        found = cast("list[bytes]", self._redis.zrangebyscore(CHANGED, 0, now, start=0, num=most))
        return tuple(_text(each) for each in found)

    def alert(self, alert_id: str) -> Alert | None:
        with self._redis.pipeline() as pipeline:
            pipeline.hgetall(f"{PREFIX}{alert_id}")
            pipeline.hvals(f"{PREFIX}{alert_id}:pipelines")
            found, members = pipeline.execute()
        fields = {_text(name): _text(value) for name, value in found.items()}
        if "cause" not in fields or not members:
            return None
        return Alert(
            id=alert_id,
            channel=fields["channel"],
            user=fields["user"],
            cause=Cause(**json.loads(fields["cause"])),
            members=tuple(sorted((_member(each) for each in members), key=lambda one: one.first)),
            opened=float(fields["opened"]),
            failures=int(fields.get("failures", 0)),
            finding=fields.get("finding", ""),
            shown=fields.get("shown", ""),
            counted=bool(fields.get("counted")),
            requested=int(fields.get("requested", 0)),
        )

    def may_say(self, channel: str, messages: int) -> bool:
        """Whether so many new messages fit into the channel's minute; they are counted then."""
        key = f"{SENT}{channel}:{int(time.time() // 60)}"
        return bool(self._spend(keys=[key], args=[messages, self._per_minute]))

    def later(self, alert_id: str) -> None:
        """Show the alert when the channel's next minute begins."""
        self._redis.zadd(CHANGED, {alert_id: (time.time() // 60 + 1) * 60})

    def shown(self, alert: Alert, *, counted: bool) -> None:
        """The thread shows this state; if it changed meanwhile, the alert stays to be shown."""
        with self._redis.pipeline() as pipeline:
            pipeline.hset(f"{PREFIX}{alert.id}", "shown", alert.state)
            if counted:
                pipeline.hset(f"{PREFIX}{alert.id}", "counted", 1)
            pipeline.zrem(CHANGED, alert.id)
            pipeline.execute()
        now = self.alert(alert.id)
        if now is not None and now.state != alert.state:
            self._redis.zadd(CHANGED, {alert.id: time.time()})

    def refused(self, alert: Alert, word: str) -> None:
        """The channel takes no messages: nothing of this alert can be shown there."""
        self._redis.hset(f"{PREFIX}{alert.id}", "refused", word)
        self.drop(alert.id)
        self._redis.delete(f"{PREFIX}open:{alert.channel}:{alert.cause.key}")

    def drop(self, alert_id: str) -> None:
        """There is nothing to show of it."""
        self._redis.zrem(CHANGED, alert_id)


def waiting(redis: Redis, now: float) -> bool:
    """Whether an alert is to be shown, or one of its pipelines to be looked at, now."""
    return bool(redis.zcount(CHANGED, 0, now) or redis.zcount(CHECK, 0, now))


def _member(raw: bytes) -> Member:
    values: Mapping[str, Any] = json.loads(raw)
    return Member(**values)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
