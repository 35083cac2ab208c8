"""Bad days on purpose: an API that limits, fails, is slow or refuses, for the next calls."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(slots=True)
class Fault:
    """What the next `times` calls of `method` ("*": any) meet."""

    method: str
    times: int
    status: int = 200
    error: str | None = None
    retry_after: int | None = None
    delay: float = 0.0


class Faults:
    """Faults are taken in the order they were added; without one a call goes through.

    https://docs.slack.dev/apis/web-api/rate-limits
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def limit(self, method: str = "*", times: int = 1, retry_after: int = 1) -> None:
        """429 `ratelimited` with Retry-After (whole seconds)."""
        self._add(Fault(method, times, 429, "ratelimited", retry_after))

    def fail(self, method: str = "*", times: int = 1, status: int = 500) -> None:
        """An HTTP error without a JSON body, as an outage gives it."""
        self._add(Fault(method, times, status))

    def refuse(self, method: str, error: str, times: int = 1) -> None:
        """200 with `ok: false` and that error code."""
        self._add(Fault(method, times, 200, error))

    def slow(self, seconds: float, method: str = "*", times: int = 1) -> None:
        """The call succeeds, later."""
        self._add(Fault(method, times, delay=seconds))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, method: str) -> Fault | None:
        """The fault this call meets, used up by one."""
        with self._lock:
            for fault in self._faults:
                if fault.method in ("*", method):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
            return None

    def _add(self, fault: Fault) -> None:
        if fault.times < 1:
            raise ValueError(f"A fault of {fault.method} needs times of at least 1.")
        with self._lock:
            self._faults.append(fault)
