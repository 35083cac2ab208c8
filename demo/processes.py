"""Child processes that never outlive the world: output in a file, started and ended together."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from demo.guardian import kill_sessions

ROOT = Path(__file__).resolve().parent.parent
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StartError(Exception):
    """A part of the local world did not come up; the text carries the end of its log."""


class Guardian:
    """A process that ends the sessions it was told of, and removes a folder, once we are gone."""

    def __init__(self, folder: Path) -> None:
        with _undisturbed():
            self._child = subprocess.Popen(
                [sys.executable, "-S", "-m", "demo.guardian", str(folder)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def watch(self, leader: int) -> None:
        """Tell it of a process that leads a session."""
        assert self._child.stdin is not None
        self._child.stdin.write(b"%d\n" % leader)
        self._child.stdin.flush()

    def release(self) -> None:
        """Let it do what is left to do, and wait until it has."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()


class Process:
    """One child in a session of its own, so that whatever it forks can be found and ended too.

    Only the main thread may start one.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        guardian: Guardian,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output, _undisturbed():
            self._child = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            guardian.watch(self.pid)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60.0) -> None:
        """Block until `ready()`. Raises StartError when the process ends or the time is up."""
        until = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise StartError(f"{self.name} ended with {self._child.returncode}:\n{self.tail()}")
            if time.monotonic() > until:
                raise StartError(f"{self.name} was not ready in {seconds:.0f} s:\n{self.tail()}")
            time.sleep(0.02)

    def tail(self, lines: int = 20) -> str:
        """The last lines of what the process wrote."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def ask_to_stop(self) -> None:
        """SIGTERM, once: gunicorn and RQ finish what they have in hand."""
        if self.running:
            self._child.send_signal(signal.SIGTERM)

    def stop(self, seconds: float = 3.0) -> None:
        """End it: wait after `ask_to_stop`, then SIGKILL whatever is left of its session."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to it and all that it forked, as a machine that goes away does it."""
        kill_sessions({self.pid})
        self._child.wait()


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now."""
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait until a child is both started and known: one that nobody knows stays behind."""
    waiting: list[int] = []
    before = {
        each: signal.signal(each, lambda number, _: waiting.append(number)) for each in _SIGNALS
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    for number in waiting:
        signal.raise_signal(number)
