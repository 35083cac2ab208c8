"""Nothing is left behind: not after stop, not after the death of whoever started it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from demo.aws.cloud import Cloud, CloudError

ROOT = Path(__file__).parents[2]
PARENT = """
import json, os, sys, time
from demo.aws.cloud import Cloud
cloud = Cloud()
cloud.start()
sibling = os.fork() if "fork" in sys.argv else 0
if sibling or "fork" not in sys.argv:
    started = {"endpoint": cloud.endpoint, "pid": cloud.pid, "sibling": sibling}
    print(json.dumps(started), flush=True)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def is_listening(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address.hostname, address.port)) == 0


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return holds()


def test_it_listens_on_this_machine_only_and_ends_with_stop() -> None:
    cloud = Cloud()
    endpoint = cloud.start()
    pid = cloud.pid
    assert endpoint.startswith("http://127.0.0.1:")
    assert is_listening(endpoint)
    cloud.stop()
    assert not is_alive(pid)
    assert not is_listening(endpoint)
    cloud.stop()
    with pytest.raises(CloudError):
        _ = cloud.pid


def test_two_run_side_by_side_and_know_nothing_of_each_other() -> None:
    with Cloud() as one, Cloud() as other:
        assert one.endpoint != other.endpoint
        one.client("iam", "111111111111").create_user(UserName="only-here")
        assert other.client("iam", "111111111111").list_users()["Users"] == []


@pytest.mark.parametrize("siblings", [[], ["fork"]], ids=["alone", "with a forked sibling"])
def test_it_ends_when_its_parent_is_killed(siblings: list[str]) -> None:
    """A forked sibling holds the pipe to the server open, as a work horse of RQ would."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *siblings],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert parent.stdout is not None
    started = json.loads(parent.stdout.readline())
    try:
        assert is_listening(started["endpoint"])
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert within(5, lambda: not is_alive(started["pid"]))
        # A process counts as gone while its last threads still hold the socket.
        assert within(5, lambda: not is_listening(started["endpoint"]))
    finally:
        parent.stdout.close()
        if started["sibling"]:
            os.kill(started["sibling"], signal.SIGKILL)
