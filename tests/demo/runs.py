"""`pipeline-access demo` as a person runs it, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 90.0  # more than any machine needs


class Demo:
    """A demo of its own session, with a temporary folder and a home of its own under `place`.

    background: with SIGINT ignored, as a script's `command &` starts it.
    """

    def __init__(
        self, place: Path, *arguments: str, checkout: Path = ROOT, background: bool = False
    ) -> None:
        self.place = place
        self.temporary, self.home = place / "tmp", place / "home"
        for folder in (self.temporary, self.home):
            folder.mkdir(parents=True)
        self.output = place / "output"
        with self.output.open("wb") as output, _ignoring(*[signal.SIGINT] * background):
            self._child = subprocess.Popen(
                [sys.executable, "-m", "workers.cli", "demo", *arguments],
                cwd=checkout,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(checkout),
                    "PYTHONUNBUFFERED": "1",
                    "HOME": str(self.home),
                    "TMPDIR": str(self.temporary),
                    "COLUMNS": "200",
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def send(self, number: int) -> None:
        self._child.send_signal(number)

    def wait(self) -> int:
        """Its status, once it has ended."""
        return self._child.wait(SECONDS)

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def says(self, word: str) -> bool:
        return word in self.said()

    def has(self, name: str) -> bool:
        """Whether the demo's folder has that file."""
        return any(self.temporary.glob(f"pipeline-access-demo-*/{name}"))

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that comes while it runs."""
        end = time.monotonic() + SECONDS
        while not holds():
            assert self._child.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.01)

    def child(self, word: str) -> int:
        """The id of the process that it started with this word on its command line."""
        for entry in _processes():
            parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            if int(parent) == self._child.pid and word in _command(entry):
                return int(entry.name)
        raise LookupError(f"The demo has no child {word}.")

    def left_behind(self) -> list[str]:
        """Processes, files and folders that are still there. Waits a moment for the last ones to
        go, whom nobody waits for when the demo itself was killed."""
        end = time.monotonic() + 10
        while (left := [*self._processes(), *self._files()]) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    def _files(self) -> Iterator[str]:
        for folder in (self.temporary, self.home):
            yield from (str(path) for path in folder.rglob("*"))

    def _processes(self) -> Iterator[str]:
        """All that have this demo's folder in their environment: every child inherits it."""
        mark = str(self.place).encode()
        for entry in _processes():
            with suppress(OSError):  # gone meanwhile, or somebody else's
                if mark in (entry / "environ").read_bytes():
                    yield f"{entry.name} {_command(entry)}"


def _processes() -> Iterator[Path]:
    """Of all processes but this one, the folder in /proc."""
    own = str(os.getpid())
    return (
        entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and entry.name != own
    )


def _command(entry: Path) -> str:
    return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


@contextmanager
def _ignoring(*numbers: int) -> Iterator[None]:
    before = {each: signal.signal(each, signal.SIG_IGN) for each in numbers}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def running(*demos: Demo) -> Iterator[Sequence[Demo]]:
    """Whatever a test does, its demos end with it."""
    try:
        yield demos
    finally:
        for demo in demos:
            if demo._child.poll() is None:
                demo._child.kill()
                demo._child.wait()
