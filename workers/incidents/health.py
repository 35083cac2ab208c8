"""How pipelines are, as far as anybody has looked: what diagnoses, alerts and sweeps found last.

health    hash: "<account> <region> <name>" -> what is known, as JSON
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, cast

from redis import Redis

from workers.diagnosis.findings import blocking
from workers.diagnosis.model import Outcome, Report
from workers.incidents.events import ExecutionEnded
from workers.incidents.looks import Looked, identity

KEY = "pipeline-access:health"


class Condition(StrEnum):
    HEALTHY = "healthy"
    DENIED = "denied"  # an execution was stopped
    AHEAD = "ahead"  # the next execution will be stopped
    UNKNOWN = "unknown"


_CONDITIONS = {Outcome.CLEAR: Condition.HEALTHY, Outcome.UNKNOWN: Condition.UNKNOWN}

# Notes what was found. A condition that lasts keeps its beginning; what was found earlier, or is
# not known of the pipeline this time (its tags), does not replace what is known.
# KEYS[1] = health; ARGV = field, JSON, field, JSON, …
_NOTE = """
for index = 1, #ARGV, 2 do
  local new, raw = cjson.decode(ARGV[index + 1]), redis.call("HGET", KEYS[1], ARGV[index])
  local old = raw and cjson.decode(raw)
  if not old or old.seen <= new.seen then
    if old then
      if old.condition == new.condition and old.since < new.since then new.since = old.since end
      if new.tags == cjson.null then new.tags = old.tags end
    end
    redis.call("HSET", KEYS[1], ARGV[index], cjson.encode(new))
  end
end
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A pipeline as it was found. `since` and `seen` in seconds: since when it is in that
    condition, and when somebody looked last. `tags` are None when nobody read them."""

    name: str
    account: str
    region: str
    arn: str
    condition: Condition
    since: float
    seen: float
    cause: str = ""  # the headline of what stops it
    tags: Mapping[str, str] | None = None

    @property
    def id(self) -> str:
        return identity(self.name, self.account, self.region)


class Health:
    """The store. Raises redis.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._note = redis.register_script(_NOTE)

    def note(self, *found: Known) -> None:
        """Remember what was found of pipelines."""
        if found:
            self._note(keys=[KEY], args=[text for each in found for text in _packed(each)])

    def all(self) -> tuple[Known, ...]:
        """Every pipeline of which anything is known, by name."""
        found = cast("list[bytes]", self._redis.hvals(KEY))
        return tuple(sorted(map(_unpacked, found), key=lambda each: (each.name, each.id)))

    def keep_only(self, ids: Iterable[str]) -> None:
        """Forget pipelines that are not there any more."""
        fields = cast("list[bytes]", self._redis.hkeys(KEY))
        gone = {each.decode() for each in fields} - set(ids)
        if gone:
            self._redis.hdel(KEY, *gone)


def of_report(report: Report, now: float, tags: Mapping[str, str] | None = None) -> Known:
    """What a diagnosis says of its pipeline. Pure."""
    found = blocking(report.findings)
    stopped = any(each.stopped for each in found)
    blocked = Condition.DENIED if stopped else Condition.AHEAD
    return Known(
        name=report.name,
        account=report.account,
        region=report.region,
        arn=report.arn,
        condition=_CONDITIONS.get(report.outcome, blocked),
        since=now,
        seen=now,
        cause=found[0].headline if found and report.outcome is Outcome.BLOCKED else "",
        tags=None if tags is None else dict(tags),
    )


def of_look(looked: Looked, now: float) -> Known:
    """What a look at many pipelines says of one of them. Pure."""
    return of_report(looked.report, now, dict(looked.tags))


def of_failures(events: Iterable[ExecutionEnded], cause: str, now: float) -> Known:
    """What failures of one pipeline say of it. Pure."""
    first = min(events, key=lambda each: each.at)
    return _ended(first, Condition.DENIED, first.at, now, cause)


def of_success(event: ExecutionEnded, now: float) -> Known:
    """What an execution that succeeded says of its pipeline. Pure."""
    return _ended(event, Condition.HEALTHY, event.at, now)


def _ended(
    event: ExecutionEnded, condition: Condition, since: float, now: float, cause: str = ""
) -> Known:
    return Known(
        event.pipeline, event.account, event.region, event.arn, condition, since, now, cause
    )


def _packed(known: Known) -> tuple[str, str]:
    return known.id, json.dumps(asdict(known), separators=(",", ":"))


def _unpacked(raw: bytes) -> Known:
    values: dict[str, Any] = json.loads(raw)
    return Known(**{**values, "condition": Condition(values["condition"])})
