"""Each request of Slack is handled once, however often it arrives.

Slack delivers events again when the answer was slow, and anybody who recorded a signed request
can send it again for five minutes. A request is known by the id that Slack gave it.
https://docs.slack.dev/apis/events-api/#retries
https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import structlog
from redis import Redis, RedisError
from slack_bolt import BoltRequest, BoltResponse

PREFIX = "pipeline-access:seen:"
SECONDS = 3_600  # Slack's last redelivery of an event comes after about an hour

log = structlog.get_logger(__name__)


class Dedupe:
    """Bolt middleware. When Redis is down it lets everything through: the listener says so."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def __call__(
        self, req: BoltRequest, resp: BoltResponse, next: Callable[[], BoltResponse]
    ) -> BoltResponse:
        key = identity(req)
        if key is None:
            return next()
        try:
            if not self._redis.set(PREFIX + key, 1, nx=True, ex=SECONDS):
                log.info("request seen before", key=key)
                return BoltResponse(status=200, body="")
        except RedisError:
            return next()
        answer = next()
        if answer is not None and answer.status >= 500:
            self._forget(key)  # nothing was done: Slack may try again
        return answer

    def _forget(self, key: str) -> None:
        try:
            self._redis.delete(PREFIX + key)
        except RedisError as error:
            log.warning("request not forgotten", key=key, error=type(error).__name__)


def identity(request: BoltRequest) -> str | None:
    """What makes two deliveries the same request; None when nothing tells."""
    body: dict[str, Any] = request.body
    if event_id := body.get("event_id"):
        return f"event:{event_id}"
    if trigger_id := body.get("trigger_id"):
        # A modal's submissions may share the trigger of its opening: tell them apart by kind.
        kind = body.get("type") or "command"
        action = (body.get("actions") or [{}])[0]
        stamp = action.get("action_ts", "") if isinstance(action, dict) else ""
        return f"{kind}:{trigger_id}:{stamp}"
    if signature := request.headers.get("x-slack-signature"):
        return f"signature:{hashlib.sha256(signature[0].encode()).hexdigest()}"
    return None
