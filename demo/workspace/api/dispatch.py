"""One call of the Web API: who asks, what for, and whether it is a bad day."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from demo.workspace.api import app, chat, conversations, files, reactions, users, views
from demo.workspace.api.method import METHODS, Arguments, Context, Method
from demo.workspace.failure import SlackError
from demo.workspace.faults import Faults
from demo.workspace.rates import Rates
from demo.workspace.state import Json, Log

# Importing a family of methods registers it.
_FAMILIES = (app, chat, conversations, files, reactions, users, views)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was made and answered; without the token."""

    method: str
    arguments: Json
    status: int
    answer: Json
    at: float
    ms: float

    @property
    def ok(self) -> bool:
        return bool(self.answer.get("ok"))

    @property
    def error(self) -> str | None:
        return self.answer.get("error")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Json
    headers: Mapping[str, str]


class WebApi:
    """Answers calls of the methods in METHODS; keeps a log of them."""

    def __init__(self, context: Context, token: str, rates: Rates | None = None) -> None:
        self.context = context
        self.faults = Faults()
        self.calls: Log[Call] = Log()
        self._token = token
        self._rates = rates
        self._lock = threading.Lock()

    def call(self, name: str, values: Json, token: str | None) -> Answer:
        """Never raises for what callers do wrong: that is `ok: false`.

        https://docs.slack.dev/apis/web-api
        """
        began, at = time.perf_counter(), self.context.state.clock()
        answer = self._answer(name, values, token)
        ms = (time.perf_counter() - began) * 1000
        logged = {key: value for key, value in values.items() if key != "token"}
        with self._lock:
            self.calls.append(Call(name, logged, answer.status, answer.body, at, ms))
        self.context.state.notify({"kind": "call"}, only="")
        return answer

    def _answer(self, name: str, values: Json, token: str | None) -> Answer:
        fault = self.faults.take(name)
        if fault is not None:
            time.sleep(fault.delay)
            if fault.status != 200 or fault.error is not None:
                retry = fault.retry_after
                headers = {} if retry is None else {"Retry-After": str(retry)}
                body = {"ok": False, "error": fault.error} if fault.error else {}
                return Answer(fault.status, body, headers)
        if self._rates is not None:
            wait = self._rates.retry_after(name, str(values.get("channel", "")))
            if wait is not None:
                body = {"ok": False, "error": "ratelimited"}
                return Answer(429, body, {"Retry-After": str(wait)})
        try:
            method = self._allowed(name, token)
            with self.context.state.locked():
                body = method.handler(self.context, Arguments(values))
        except SlackError as error:
            return Answer(200, error.body(), {})
        return Answer(200, {"ok": True, **body}, {})

    def _allowed(self, name: str, token: str | None) -> Method:
        if not token:
            raise SlackError("not_authed")
        if token != self._token:
            raise SlackError("invalid_auth")
        method = METHODS.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        granted = self.context.directory.app.scopes
        if granted is not None and method.scopes and not granted.intersection(method.scopes):
            raise SlackError(
                "missing_scope", needed=",".join(method.scopes), provided=",".join(sorted(granted))
            )
        return method
