"""Slack's requests to the app: signed, timed, and events sent again when not answered.

https://docs.slack.dev/authentication/verifying-requests-from-slack
https://docs.slack.dev/apis/events-api#retries
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import urllib3

from demo.workspace.state import Json, Log

ANSWER_SECONDS = 3.0
RETRY_DELAYS = (0.0, 60.0, 300.0)
EVENTS_PATH = "/slack/events"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the app answered. `error` is Slack's word for why there was no good answer."""

    status: int | None
    ms: float
    body: str = ""
    error: str | None = None
    headers: Mapping[str, str] | None = None

    @property
    def ok(self) -> bool:
        return self.error is None

    def json(self) -> Json:
        """The body as an object; {} where it is empty or something else."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to the app, for tests and benchmarks."""

    kind: str
    retry: int
    reply: Reply


def sign(secret: str, timestamp: str, body: str) -> str:
    """The X-Slack-Signature of a request body, version v0."""
    base = f"v0:{timestamp}:{body}".encode()
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Sender:
    """Posts to the app's one URL. Events are posted from threads of their own."""

    def __init__(
        self,
        secret: str,
        clock: Callable[[], float],
        retry_delays: Sequence[float] = RETRY_DELAYS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.url: str | None = None
        self.deliveries: Log[Delivery] = Log()
        self._secret = secret
        self._clock = clock
        self._retry_delays = tuple(retry_delays)
        self._seconds = answer_seconds
        self._stopped = threading.Event()
        self._http = urllib3.PoolManager(maxsize=16, retries=False)

    def connect(self, url: str) -> None:
        base = url.rstrip("/")
        self.url = base if base.endswith(EVENTS_PATH) else base + EVENTS_PATH

    def stop(self) -> None:
        self._stopped.set()
        self._http.clear()

    def command(self, fields: Mapping[str, str]) -> Reply:
        return self._post("command", urlencode(fields), "application/x-www-form-urlencoded")

    def interaction(self, payload: Json) -> Reply:
        body = urlencode({"payload": json.dumps(payload)})
        return self._post(str(payload["type"]), body, "application/x-www-form-urlencoded")

    def event(self, envelope: Json) -> None:
        """Deliver in the background, at most once more per retry delay."""
        if self.url is not None:
            threading.Thread(target=self._deliver, args=(envelope,), daemon=True).start()

    def _deliver(self, envelope: Json) -> None:
        body = json.dumps(envelope)
        reason = ""
        for number, delay in enumerate((0.0, *self._retry_delays)):
            if self._stopped.wait(delay):
                return
            retried = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
            kind = str(envelope["event"]["type"])
            reply = self._post(kind, body, "application/json", retried if number else {}, number)
            if reply.ok or (reply.headers or {}).get("X-Slack-No-Retry") == "1":
                return
            reason = {"operation_timeout": "http_timeout", "dispatch_failed": "http_error"}.get(
                str(reply.error), "http_error"
            )
            if reply.status is None and reply.error != "operation_timeout":
                reason = "connection_failed"

    def _post(
        self,
        kind: str,
        body: str,
        content_type: str,
        extra: Mapping[str, str] | None = None,
        retry: int = 0,
    ) -> Reply:
        reply = self._reply(body, content_type, extra or {})
        self.deliveries.append(Delivery(kind, retry, reply))
        return reply

    def _reply(self, body: str, content_type: str, extra: Mapping[str, str]) -> Reply:
        if self.url is None:
            return Reply(None, 0.0, error="dispatch_failed")
        timestamp = str(int(self._clock()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(self._secret, timestamp, body),
            **extra,
        }
        began = time.perf_counter()
        limit = urllib3.Timeout(total=self._seconds)
        try:
            answer = self._http.request(
                "POST", self.url, body=body.encode(), headers=headers, timeout=limit
            )
        except urllib3.exceptions.NewConnectionError:  # counts as a timeout to urllib3
            return Reply(None, _ms(began), error="dispatch_failed")
        except urllib3.exceptions.TimeoutError:
            return Reply(None, _ms(began), error="operation_timeout")
        except urllib3.exceptions.HTTPError:
            return Reply(None, _ms(began), error="dispatch_failed")
        ms = _ms(began)
        error = None if 200 <= answer.status < 300 else "dispatch_failed"
        if ms > self._seconds * 1000:
            error = "operation_timeout"
        text = answer.data.decode("utf-8", errors="replace")
        return Reply(answer.status, ms, text, error, dict(answer.headers))


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000
