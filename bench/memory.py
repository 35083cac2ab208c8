"""What the worker weighs: its parent process, and what one job adds to it.

``python -m bench.memory [pipeline …]``: the local world with its real worker. While it diagnoses,
the private memory of its children is read a hundred times a second: pages that a child shares
with its parent cost nothing twice, so the private ones are what a job adds.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo.local import LocalWorld
from demo.rounds import ask_all

PARENT_MB, JOB_MB = 150.0, 40.0
PIPELINES = ("payments-deploy", "checkout-deploy", "warehouse-deploy", "web-frontend")
PAUSE_SECONDS = 0.01


class Scales:
    """Weighs the children of a process from a thread, until told to stop."""

    def __init__(self, parent: int) -> None:
        self.peak = 0.0
        self.jobs: set[int] = set()
        self._parent = parent
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Scales:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            for pid in _children(self._parent):
                self.jobs.add(pid)
                self.peak = max(self.peak, _private_mb(pid))


def main() -> int:
    names = sys.argv[1:] or PIPELINES
    with LocalWorld() as world:
        (worker,) = world.workers
        pid = worker.pid
        fresh = _resident_mb(pid)
        with Scales(pid) as scales:
            threads = list(ask_all(world.workspace, world.world, names))
        parent = _resident_mb(pid)
    table = Table(title=f"Memory of a worker (MB), {len(threads)} diagnoses")
    for heading in ("scenario", "ours", "limit", "ratio"):
        table.add_column(heading, justify="left" if heading == "scenario" else "right")
    rows = [
        ("worker parent, preloaded", fresh, PARENT_MB),
        ("worker parent, afterwards", parent, PARENT_MB),
        (f"a job adds, at most ({len(scales.jobs)} jobs seen)", scales.peak, JOB_MB),
    ]
    for scenario, ours, limit in rows:
        table.add_row(scenario, f"{ours:.1f}", f"{limit:.0f}", f"{ours / limit:.2f}")
    Console().print(table)
    return 0 if all(ours <= limit for _, ours, limit in rows) else 1


def _children(pid: int) -> Iterator[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    except OSError:
        return
    yield from map(int, listed.split())


def _resident_mb(pid: int) -> float:
    return _field(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), "VmRSS:")


def _private_mb(pid: int) -> float:
    """0 for a process that has ended meanwhile."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return _field(rollup, "Private_Dirty:") + _field(rollup, "Private_Clean:")


def _field(text: str, name: str) -> float:
    for line in text.splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1_024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
