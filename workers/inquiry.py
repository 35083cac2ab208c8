"""Inquiries: who asked about which pipeline where, and how far the answer is. Kept in Redis.

An inquiry is *reserved* by the bot, *queued* together with its job, and ends as *answered*,
*choosing* (a menu was shown), *refused* or *failed*. What is still open is watched by the
workers, so that no thread stays silent (`workers.worker`).

    inquiry:<id>             hash: request, state, opened, job, channel, root, permalink, arn
    inquiry:<id>:report      the report as JSON
    inquiry:<id>:latest      the report of the latest verification, while a fix stands
    inquiry:<id>:waiting     set of "<channel> <user>" who joined before there was a thread
    inquiries:open           sorted set: id by the time it was opened
    inquiries:of:<user>      list: the ids of what a person asked last
    join:<scope>:<question>  the inquiry that a second asker of the same question joins
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict
from redis import Redis
from redis.client import Pipeline

PREFIX = "pipeline-access:"
OPEN = f"{PREFIX}inquiries:open"
KEEP_SECONDS = 7 * 24 * 3600
RESERVATION_SECONDS = 15
RECENT = 20  # inquiries remembered per person

# Joins the inquiry that holds the question, or reserves the question for a new one.
# KEYS[1] = join key, KEYS[2] = inquiry hash, KEYS[3] = open inquiries
# ARGV[1] = id, ARGV[2] = request, ARGV[3] = now, ARGV[4] = seconds of reservation (0 = no joining),
# ARGV[5] = seconds to keep the hash
_RESERVE = """
if tonumber(ARGV[4]) > 0 then
  local holder = redis.call("GET", KEYS[1])
  if holder then return holder end
  redis.call("SET", KEYS[1], ARGV[1], "EX", ARGV[4])
end
redis.call("HSET", KEYS[2], "request", ARGV[2], "state", "reserved", "opened", ARGV[3])
redis.call("EXPIRE", KEYS[2], ARGV[5])
redis.call("ZADD", KEYS[3], ARGV[3], ARGV[1])
return ARGV[1]
"""

# Ends an inquiry once, and keeps its question joinable for what is left of the time to join.
# KEYS[1] = inquiry hash, KEYS[2] = open inquiries, KEYS[3] = join key
# ARGV[1] = id, ARGV[2] = new state, ARGV[3] = now, ARGV[4] = seconds to join after the opening
# (0 = do not keep); returns 1 when this call ended it
_CLOSE = """
redis.call("ZREM", KEYS[2], ARGV[1])
if redis.call("GET", KEYS[3]) == ARGV[1] then
  local opened = tonumber(redis.call("HGET", KEYS[1], "opened") or ARGV[3])
  local left = math.floor(opened + tonumber(ARGV[4]) - tonumber(ARGV[3]))
  if left > 0 then redis.call("EXPIRE", KEYS[3], left) else redis.call("DEL", KEYS[3]) end
end
local state = redis.call("HGET", KEYS[1], "state")
if state ~= "reserved" and state ~= "queued" then return 0 end
redis.call("HSET", KEYS[1], "state", ARGV[2])
return 1
"""


class State(StrEnum):
    RESERVED = "reserved"
    QUEUED = "queued"
    ANSWERED = "answered"
    CHOOSING = "choosing"
    REFUSED = "refused"
    FAILED = "failed"


class Inquiry(BaseModel):
    """One question. Holds ids and what was typed, nothing secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    account: str | None = None  # id
    region: str | None = None
    caller: str | None = None  # ARN of the user or role after `as`
    user: str
    team: str = ""
    channel: str
    visibility: Literal["public", "private", "direct"] = "public"
    thread: str | None = None  # asked inside a thread: answer there
    errors: tuple[str, ...] = ()  # error texts that were pasted or forwarded
    understood: tuple[str, ...] = ()  # what was read out of a mention, in words

    @property
    def question(self) -> str:
        """What must be equal for two askers to share one answer."""
        return "|".join((self.name, self.account or "", self.region or "", self.caller or ""))

    @property
    def scope(self) -> str:
        """Where the answer may be shown: a public channel's is shared, others' stay theirs."""
        place = "public" if self.visibility == "public" else self.channel
        return f"{self.team}:{place if self.thread is None else self.channel + self.thread}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an inquiry now. `root` is the timestamp of the thread's first message."""

    inquiry: Inquiry
    state: State
    opened: float
    channel: str = ""
    root: str = ""
    permalink: str = ""
    arn: str = ""
    job: str = ""
    shared: bool = False  # its thread is known to stand in a public channel


class Inquiries:
    """The store. Every method is one round trip to Redis; raises redis.RedisError."""

    def __init__(self, redis: Redis, join_seconds: int) -> None:
        self._redis = redis
        self._join_seconds = join_seconds
        self._reserve = redis.register_script(_RESERVE)
        self._close = redis.register_script(_CLOSE)

    def reserve(self, inquiry: Inquiry) -> str:
        """The id of the inquiry that answers this question: its own, or one to join."""
        seconds = min(RESERVATION_SECONDS, self._join_seconds) if inquiry.name else 0
        holder = self._reserve(
            keys=[_join_key(inquiry), _key(inquiry.id), OPEN],
            args=[inquiry.id, inquiry.model_dump_json(), time.time(), seconds, KEEP_SECONDS],
        )
        return _text(holder)

    def open(self, inquiry: Inquiry) -> None:
        """Write an inquiry down that nobody joins: it is about this channel alone."""
        self._reserve(
            keys=[_join_key(inquiry), _key(inquiry.id), OPEN],
            args=[inquiry.id, inquiry.model_dump_json(), time.time(), 0, KEEP_SECONDS],
        )

    def queued(self, inquiry: Inquiry, job_id: str, pipeline: Pipeline) -> None:
        """Add to the transaction that enqueues the job: from now on the inquiry is watched."""
        mapping = {"state": State.QUEUED.value, "job": job_id}
        pipeline.hset(_key(inquiry.id), mapping=cast(Any, mapping))
        recent = f"{PREFIX}inquiries:of:{inquiry.user}"
        pipeline.lpush(recent, inquiry.id)
        pipeline.ltrim(recent, 0, RECENT - 1)
        pipeline.expire(recent, KEEP_SECONDS)
        if self._join_seconds and inquiry.name:
            # As long as it runs, however slow: `close` shortens it.
            pipeline.set(_join_key(inquiry), inquiry.id, ex=max(self._join_seconds, 3600))

    def close(self, inquiry: Inquiry, state: State) -> bool:
        """End the inquiry. False when it had ended before."""
        seconds = self._join_seconds if state is State.ANSWERED else 0
        keys = [_key(inquiry.id), OPEN, _join_key(inquiry)]
        return bool(self._close(keys=keys, args=[inquiry.id, state, time.time(), seconds]))

    def understood(self, inquiry: Inquiry) -> None:
        """What a mention means was found out: from now on that is the question."""
        self._redis.hset(_key(inquiry.id), "request", inquiry.model_dump_json())

    def recent(self, user: str) -> tuple[Standing, ...]:
        """What a person asked last, newest first."""
        ids = cast("list[bytes]", self._redis.lrange(f"{PREFIX}inquiries:of:{user}", 0, -1))
        found = (self.standing(_text(each)) for each in ids)
        return tuple(each for each in found if each is not None)

    def release(self, inquiry: Inquiry) -> None:
        """Let nobody join an earlier answer to this question: it is to be asked anew."""
        self._redis.delete(_join_key(inquiry))

    def forget(self, inquiry_id: str) -> None:
        """Drop a reservation whose job was never queued; the asker was told so."""
        self._redis.zrem(OPEN, inquiry_id)
        self._redis.delete(_key(inquiry_id))

    def settled(self, inquiry_id: str) -> None:
        """Nothing is left to watch."""
        self._redis.zrem(OPEN, inquiry_id)

    def standing(self, inquiry_id: str) -> Standing | None:
        fields = cast("Mapping[bytes, bytes]", self._redis.hgetall(_key(inquiry_id)))
        values = {_text(name): _text(value) for name, value in fields.items()}
        if "request" not in values:
            return None
        return Standing(
            inquiry=Inquiry.model_validate_json(values["request"]),
            state=State(values["state"]),
            opened=float(values.get("opened", 0)),
            channel=values.get("channel", ""),
            root=values.get("root", ""),
            permalink=values.get("permalink", ""),
            arn=values.get("arn", ""),
            job=values.get("job", ""),
            shared=values.get("shared") == "1",
        )

    def opened_before(self, moment: float) -> tuple[str, ...]:
        """The ids that are open since before that time, oldest first."""
        found = cast("list[bytes]", self._redis.zrangebyscore(OPEN, 0, moment, start=0, num=100))
        return tuple(_text(each) for each in found)

    def posted(self, inquiry_id: str, channel: str, root: str, permalink: str = "") -> None:
        """The thread exists; those who joined before can be given its link."""
        mapping = {"channel": channel, "root": root, "permalink": permalink}
        self._redis.hset(_key(inquiry_id), mapping=cast(Any, mapping))

    def share(self, inquiry_id: str) -> None:
        """Its thread stands in a public channel: people elsewhere may be sent there."""
        self._redis.hset(_key(inquiry_id), "shared", 1)

    def found(self, inquiry_id: str, arn: str) -> None:
        self._redis.hset(_key(inquiry_id), "arn", arn)

    def wait(self, inquiry_id: str, channel: str, user: str) -> None:
        """Somebody joined and is to be told the link of the thread as soon as there is one."""
        key = f"{_key(inquiry_id)}:waiting"
        with self._redis.pipeline() as pipeline:
            pipeline.sadd(key, f"{channel} {user}")
            pipeline.expire(key, KEEP_SECONDS)
            pipeline.execute()

    def waiting(self, inquiry_id: str) -> tuple[tuple[str, str], ...]:
        """Takes those who wait: (channel, user), each handed out once."""
        key = f"{_key(inquiry_id)}:waiting"
        taken = cast("list[bytes] | None", self._redis.spop(key, 1000))
        pairs = [_text(each).split(" ", 1) for each in taken or []]
        return tuple((channel, user) for channel, user in pairs)

    def save_report(self, inquiry_id: str, report: Mapping[str, Any]) -> None:
        text = json.dumps(report, separators=(",", ":"))
        self._redis.set(f"{_key(inquiry_id)}:report", text, ex=KEEP_SECONDS)

    def save_latest(self, inquiry_id: str, report: Mapping[str, Any] | None) -> None:
        """What the pipeline looks like since a fix was applied; None when it was taken back."""
        if report is None:
            self._redis.delete(latest_key(inquiry_id))
        else:
            text = json.dumps(report, separators=(",", ":"))
            self._redis.set(latest_key(inquiry_id), text, ex=KEEP_SECONDS)

    def latest(self, inquiry_id: str) -> dict[str, Any] | None:
        text = cast("bytes | None", self._redis.get(latest_key(inquiry_id)))
        return None if text is None else cast("dict[str, Any]", json.loads(text))

    def report(self, inquiry_id: str) -> dict[str, Any] | None:
        """The report as JSON values, or None when there is none (any more)."""
        text = cast("bytes | None", self._redis.get(f"{_key(inquiry_id)}:report"))
        return None if text is None else cast("dict[str, Any]", json.loads(text))


def latest_key(inquiry_id: str) -> str:
    """The report of the latest verification of a fix, while the fix stands."""
    return f"{_key(inquiry_id)}:latest"


def new_id() -> str:
    """An id that nobody guesses: it travels in buttons."""
    return secrets.token_hex(8)


def _key(inquiry_id: str) -> str:
    return f"{PREFIX}inquiry:{inquiry_id}"


def _join_key(inquiry: Inquiry) -> str:
    return f"{PREFIX}join:{inquiry.scope}:{inquiry.question}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
