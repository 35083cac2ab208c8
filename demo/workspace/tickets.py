"""Short-lived rights: trigger ids and response URLs.

A trigger id opens one view and lives 3 seconds; a response URL takes 5 answers in 30 minutes.
https://docs.slack.dev/interactivity/handling-user-interaction
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from demo.workspace.failure import SlackError

T = TypeVar("T")

TRIGGER_SECONDS = 3.0
RESPONSE_USES = 5
RESPONSE_SECONDS = 30 * 60.0


@dataclass(frozen=True, slots=True)
class Trigger:
    id: str
    user: str
    expires: float
    view_id: str | None = None  # the view it was given in, for views.push


@dataclass(slots=True)
class ResponseUrl:
    """Where answers to one command, click or shortcut go."""

    ticket: str
    user: str
    channel: str
    expires: float
    message_ts: str | None = None
    thread_ts: str | None = None
    uses: int = 0


class Tickets:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._triggers: dict[str, Trigger] = {}
        self._spent: dict[str, None] = {}
        self._responses: dict[str, ResponseUrl] = {}

    def trigger(self, user: str, view_id: str | None = None) -> Trigger:
        now = self._clock()
        trigger = Trigger(
            f"{int(now * 1000)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}",
            user,
            now + TRIGGER_SECONDS,
            view_id,
        )
        with self._lock:
            self._triggers[trigger.id] = trigger
            _bound(self._triggers)
        return trigger

    def exchange(self, trigger_id: str) -> Trigger:
        """Use a trigger id up. Raises SlackError with Slack's own codes."""
        with self._lock:
            if trigger_id in self._spent:
                raise SlackError("exchanged_trigger_id")
            trigger = self._triggers.pop(trigger_id, None)
            if trigger is None:
                raise SlackError("invalid_trigger_id")
            if self._clock() > trigger.expires:
                self._triggers[trigger_id] = trigger
                raise SlackError("expired_trigger_id")
            self._spent[trigger_id] = None
            _bound(self._spent)
            return trigger

    def response(
        self,
        user: str,
        channel: str,
        *,
        message_ts: str | None = None,
        thread_ts: str | None = None,
    ) -> ResponseUrl:
        ticket = (
            f"{secrets.token_hex(6).upper()}/{secrets.randbelow(10**13)}/{secrets.token_hex(12)}"
        )
        expires = self._clock() + RESPONSE_SECONDS
        response = ResponseUrl(ticket, user, channel, expires, message_ts, thread_ts)
        with self._lock:
            self._responses[ticket] = response
            _bound(self._responses)
        return response

    def respond(self, ticket: str) -> ResponseUrl:
        """Count one use of a response URL. Raises SlackError `expired_url` or `used_url`."""
        with self._lock:
            response = self._responses.get(ticket)
            if response is None or self._clock() > response.expires:
                raise SlackError("expired_url")
            if response.uses >= RESPONSE_USES:
                raise SlackError("used_url")
            response.uses += 1
            return response


def _bound(kept: dict[str, T]) -> None:
    while len(kept) > 10_000:
        kept.pop(next(iter(kept)))
