"""Every call that reached the endpoint, for tests and benchmarks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import Lock

_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class CountedCall:
    """One call: what, by whom (account and ARN), where, when (seconds since the epoch), about
    which resource, and the HTTP status it got."""

    service: str
    operation: str
    account: str
    region: str
    caller: str
    resource: str
    at: float
    status: int


@dataclass(slots=True)
class CallLog:
    """The calls since the last `clear`, oldest first. Thread-safe; keeps the last 50,000."""

    _calls: deque[CountedCall] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _lock: Lock = field(default_factory=Lock)

    def add(self, call: CountedCall) -> None:
        with self._lock:
            self._calls.append(call)

    def all(self) -> list[CountedCall]:
        with self._lock:
            return list(self._calls)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
