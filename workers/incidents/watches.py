"""Who wants to be told of what: channels that watch pipelines, by name, tag or account.

    watches:<channel>   hash: target -> watch as JSON
    watches:channels    set of channels that watch anything

`parse_target` and `matches` are pure.
"""

from __future__ import annotations

import fnmatch
import re
import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import cast

from pydantic import BaseModel, ConfigDict
from redis import Redis

from workers.settings import Settings

PREFIX = "pipeline-access:watches:"
CHANNELS = f"{PREFIX}channels"
MOST = 200  # watches of one channel

# A pipeline's name, of which `*` and `?` may stand for parts (no name has them).
_NAME = re.compile(r"[A-Za-z0-9.@\-_*?]{1,100}")
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_Tag.html
_TAG = re.compile(r"tag:(?P<key>[^=]{1,128})=(?P<value>.{0,256})", re.IGNORECASE)
_ACCOUNT = re.compile(r"(?:account:)(?P<account>[A-Za-z0-9-]{1,64})", re.IGNORECASE)


class Kind(StrEnum):
    NAME = "name"
    TAG = "tag"
    ACCOUNT = "account"


class Target(BaseModel):
    """What is watched. `account` (id) and `region` narrow a name or tag down."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    value: str  # name or pattern, `key=value`, account id
    account: str | None = None
    region: str | None = None

    @property
    def id(self) -> str:
        """The same for the same target."""
        return "|".join((self.kind, self.value, self.account or "", self.region or ""))


class Watch(BaseModel):
    """A channel's wish. `paused` is Slack's word for why the channel took no message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Target
    channel: str
    user: str
    at: float
    paused: str = ""


class NoTarget(ValueError):
    """The words name nothing that can be watched; `word` is the one that was not understood."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def parse_target(word: str, account: str | None, region: str | None, settings: Settings) -> Target:
    """A target as typed: `payments-*`, `tag:team=payments`, `account:prod`, or an account alone.

    Raises NoTarget.
    """
    if tag := _TAG.fullmatch(word):
        return Target(
            kind=Kind.TAG,
            value=f"{tag['key'].strip()}={tag['value'].strip()}",
            account=account,
            region=region,
        )
    named = _ACCOUNT.fullmatch(word)
    known = settings.account(named["account"] if named else word)
    if known is not None:
        return Target(kind=Kind.ACCOUNT, value=known.id, region=region)
    if named or not _NAME.fullmatch(word) or set(word) <= set(".@-_"):
        raise NoTarget(word)
    return Target(kind=Kind.NAME, value=word, account=account, region=region)


def matches(
    target: Target,
    name: str,
    account: str,
    region: str,
    tags: Mapping[str, str] | None,
) -> bool | None:
    """Whether a pipeline is meant; None when its tags, which nobody read, would decide."""
    if target.region not in (None, region) or target.account not in (None, account):
        return False
    match target.kind:
        case Kind.ACCOUNT:
            return target.value == account
        case Kind.NAME:
            return fnmatch.fnmatchcase(name, target.value.replace("[", "[[]"))
        case Kind.TAG:
            if tags is None:
                return None
            key, _, value = target.value.partition("=")
            return tags.get(key) == value


def tags_of(account: str, tags: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """A pipeline's tags together with those that the configuration gives its account."""
    known = settings.account(account)
    return {**(known.tags if known is not None else {}), **tags}


class Watches:
    """The store. Raises redis.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def add(self, target: Target, channel: str, user: str) -> bool:
        """Watch; also a watch that was paused, anew. False when the channel has too many."""
        key = f"{PREFIX}{channel}"
        if self._redis.hlen(key) >= MOST and not self._redis.hexists(key, target.id):
            return False
        watch = Watch(target=target, channel=channel, user=user, at=time.time())
        with self._redis.pipeline() as pipeline:
            pipeline.hset(key, target.id, watch.model_dump_json())
            pipeline.sadd(CHANNELS, channel)
            pipeline.execute()
        return True

    def remove(self, target: Target, channel: str) -> bool:
        """Stop watching. False when it was not watched there."""
        key = f"{PREFIX}{channel}"
        removed = bool(self._redis.hdel(key, target.id))
        if not self._redis.exists(key):
            self._redis.srem(CHANNELS, channel)
        return removed

    def pause(self, channel: str, why: str) -> tuple[Watch, ...]:
        """Ask nothing of a channel that takes no messages, until somebody watches there again.

        Returns those that were active until now.
        """
        active = tuple(each for each in self.of(channel) if not each.paused)
        for each in active:
            paused = each.model_copy(update={"paused": why})
            self._redis.hset(f"{PREFIX}{channel}", each.target.id, paused.model_dump_json())
        return active

    def of(self, channel: str) -> tuple[Watch, ...]:
        """What a channel watches, the oldest first."""
        found = cast("Iterable[bytes]", self._redis.hvals(f"{PREFIX}{channel}"))
        return tuple(
            sorted((Watch.model_validate_json(each) for each in found), key=lambda each: each.at)
        )

    def all(self) -> tuple[Watch, ...]:
        """Every watch of every channel."""
        channels = cast("Iterable[bytes]", self._redis.smembers(CHANNELS))
        return tuple(watch for each in sorted(channels) for watch in self.of(each.decode()))
