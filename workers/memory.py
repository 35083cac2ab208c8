"""What a process keeps of memory that it no longer needs. glibc only; elsewhere nothing happens."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any

_M_ARENA_MAX = -8


def share_arenas() -> None:
    """Let all threads of this process take memory from one arena, not from one or more each:
    dozens of threads that take turns need none of their own, whose rests would add up.

    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    _call("mallopt", _M_ARENA_MAX, 1)


def give_back() -> None:
    """Return what was freed to the system, before something large is made.

    https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    gc.collect()
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    function: Any = None
    if sys.platform == "linux":
        function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
