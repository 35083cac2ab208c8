"""Bad luck on request: refusals, throttling, errors and hangs, and a gate that stops a caller
before or after its n-th write."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Condition, Lock
from typing import Any

from demo.aws.wire import AwsError, Call

# A held call is let go after this, so that a forgotten gate cannot hold a server thread for ever.
HOLD_SECONDS = 60.0


class Kind(StrEnum):
    """What a fault does to a call."""

    THROTTLE = "throttle"
    DENIED = "denied"
    ERROR = "error"
    HANG = "hang"


class When(StrEnum):
    """On which side of a write the gate stands."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(slots=True)
class _Fault:
    operation: str
    kind: Kind
    times: int
    account: str | None = None
    seconds: float = 30.0

    def hits(self, call: Call, account: str) -> bool:
        service, _, operation = self.operation.partition(":")
        return (
            self.times > 0
            and service in ("*", call.service)
            and operation in ("*", "", call.operation)
            and self.account in (None, account)
        )


@dataclass(slots=True)
class Faults:
    """Faults that wait for their calls. Thread-safe."""

    _faults: list[_Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, wanted: Mapping[str, Any]) -> None:
        """Fail the next `times` calls of `operation` (`service:Operation`, `service:*`, `*`).

        `kind` is a Kind; `account` narrows to one caller's account; `seconds` is how long a hang
        lasts. Raises ValueError for anything else.
        """
        fault = _Fault(
            operation=str(wanted["operation"]),
            kind=Kind(wanted["kind"]),
            times=int(wanted.get("times", 1)),
            account=wanted.get("account"),
            seconds=float(wanted.get("seconds", 30.0)),
        )
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def strike(self, call: Call, account: str, caller_arn: str) -> None:
        """Raise what the first waiting fault wants of this call, if there is one."""
        with self._lock:
            fault = next((each for each in self._faults if each.hits(call, account)), None)
            if fault is None:
                return
            fault.times -= 1
        if fault.kind is Kind.HANG:
            time.sleep(fault.seconds)
            raise AwsError("InternalFailure", "The request timed out.", 500)
        if fault.kind is Kind.THROTTLE:
            code = "SlowDown" if call.service == "s3" else "ThrottlingException"
            raise AwsError(code, "Rate exceeded", 503 if call.service == "s3" else 400)
        if fault.kind is Kind.DENIED:
            raise AwsError(
                "AccessDenied"
                if call.service in ("s3", "iam", "sts")
                else ("AccessDeniedException"),
                f"User: {caller_arn} is not authorized to perform: {call.name}",
                403,
            )
        raise AwsError("InternalFailure", "An internal error has occurred.", 500)


@dataclass(slots=True)
class Gate:
    """Stops the n-th write from now on until it is told to go on. Thread-safe.

    A test sets it, waits until `held`, kills the worker, and opens it: a write held *before*
    and opened with `drop` never happened; one held *after* did, though nobody heard the answer.
    """

    _at: int = 0
    _when: When = When.BEFORE
    _seen: int = 0
    _held: bool = False
    _drop: bool = False
    _condition: Condition = field(default_factory=Condition)

    def set(self, at: int, when: When) -> None:
        with self._condition:
            self._at, self._when, self._seen = at, when, 0
            self._held = self._drop = False

    def open(self, drop: bool = False) -> None:
        with self._condition:
            self._at = 0
            self._held, self._drop = False, drop
            self._condition.notify_all()

    def state(self) -> dict[str, Any]:
        with self._condition:
            return {"held": self._held, "writes": self._seen, "at": self._at, "when": self._when}

    def number(self) -> int:
        """Count a write that is about to happen; its number since the gate was set."""
        with self._condition:
            self._seen += 1
            return self._seen

    def pass_through(self, number: int, when: When) -> None:
        """Wait here if the gate stands here. Raises AwsError if the held write is dropped."""
        with self._condition:
            if self._at != number or self._when is not when:
                return
            self._held = True
            self._condition.wait_for(lambda: not self._held, timeout=HOLD_SECONDS)
            self._held = False
            if self._drop and when is When.BEFORE:
                raise AwsError("ServiceUnavailable", "The connection was cut at the gate.", 503)
