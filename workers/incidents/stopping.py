"""Ending what looks at many pipelines before it is through, from a button of its thread."""

from __future__ import annotations

from typing import cast

from redis import Redis

STOP = "stop_look"
EXPORT = "export_timeline"

PREFIX = "pipeline-access:look:"
KEEP_SECONDS = 24 * 3600


def stop(redis: Redis, look_id: str, user: str) -> None:
    """End it at the next pipeline; what is known until then is told."""
    redis.set(_key(look_id), user, ex=KEEP_SECONDS)


def stopped_by(redis: Redis, look_id: str) -> str:
    """Who ended it; nothing while nobody did."""
    found = cast("bytes | None", redis.get(_key(look_id)))
    return "" if found is None else found.decode()


def _key(look_id: str) -> str:
    return f"{PREFIX}{look_id}:stopped"
