"""Each thing is computed once: whoever asks meanwhile waits for the first."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Remembers the outcome of each key, a value or an exception. Thread-safe."""

    def __init__(self) -> None:
        self._outcomes: dict[Hashable, Future[Any]] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `make()`, called for the first asker of `key` only."""
        with self._lock:
            known = self._outcomes.get(key)
            outcome: Future[T] = known if known is not None else Future()
            self._outcomes[key] = outcome
        if known is None:
            try:
                outcome.set_result(make())
            except BaseException as error:
                outcome.set_exception(error)
        return outcome.result()

    def forget(self, unwanted: Callable[[Any], bool]) -> None:
        """Drop the outcomes of these keys; they are made anew when somebody asks again."""
        with self._lock:
            for key in [key for key in self._outcomes if unwanted(key)]:
                del self._outcomes[key]
