"""Slack's rate limits, where a workspace enforces them.

Tiers allow a number of calls a minute per method; chat.postMessage about one a second and channel,
with short bursts. https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

TIER_1, TIER_2, TIER_3, TIER_4 = 1, 20, 50, 100
POST_BURST = 10

_PER_MINUTE = {
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "chat.postEphemeral": TIER_4,
    "conversations.history": TIER_3,
    "conversations.replies": TIER_3,
    "conversations.info": TIER_3,
    "conversations.list": TIER_2,
    "conversations.members": TIER_4,
    "conversations.open": TIER_3,
    "conversations.join": TIER_3,
    "reactions.add": TIER_3,
    "reactions.remove": TIER_2,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "users.lookupByEmail": TIER_3,
    "views.open": TIER_4,
    "views.publish": TIER_4,
    "views.push": TIER_4,
    "views.update": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.completeUploadExternal": TIER_4,
    "files.info": TIER_4,
    "canvases.create": TIER_2,
    "team.info": TIER_3,
    "bots.info": TIER_3,
}


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rates:
    """Counts calls per method, and posts per channel."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def retry_after(self, method: str, channel: str) -> int | None:
        """None if the call may pass, and is counted; else the whole seconds to wait."""
        if method == "chat.postMessage":
            return self._take((method, channel), size=POST_BURST, per_second=1.0)
        limit = _PER_MINUTE.get(method)
        if limit is None:
            return None
        return self._take((method, ""), size=limit, per_second=limit / 60)

    def _take(self, key: tuple[str, str], *, size: int, per_second: float) -> int | None:
        now = self._clock()
        with self._lock:
            bucket = self._buckets.setdefault(key, _Bucket(size, now))
            bucket.left = min(size, bucket.left + (now - bucket.at) * per_second)
            bucket.at = now
            if bucket.left >= 1:
                bucket.left -= 1
                return None
            return max(1, math.ceil((1 - bucket.left) / per_second))
