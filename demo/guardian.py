"""Ends what a killed demo would leave behind: `python -m demo.guardian FOLDER`.

Whoever starts it writes the id of each process that leads a session to its standard input, one a
line. When that input ends, which the kernel sees to however the writer died, all processes of
these sessions are killed and FOLDER is removed. Standard library only, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Container, Iterator
from pathlib import Path


def main() -> None:
    folder = Path(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the end of the input is the only word it takes
    leaders = {int(line) for line in sys.stdin if line.strip()}
    kill_sessions(leaders)
    shutil.rmtree(folder, ignore_errors=True)


def kill_sessions(leaders: Container[int]) -> None:
    """SIGKILL to every process whose session has one of these leaders, dead or alive.

    A work horse of RQ leaves its worker's process group but stays in the session.
    """
    for pid in _of_sessions(leaders):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _of_sessions(leaders: Container[int]) -> Iterator[int]:
    for pid in _pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) in leaders:
                yield pid


def _pids() -> list[int]:
    proc = Path("/proc")
    if proc.is_dir():
        return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True)
    return [int(line) for line in listed.stdout.split()]


if __name__ == "__main__":
    main()
