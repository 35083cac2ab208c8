"""Nothing is left behind: no process, no port, no file, however and whenever the demo ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.demo.runs import ROOT, Demo, running

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="finds processes through /proc"
)

# Moments of the start, each as early as it can be seen from outside.
MOMENTS: dict[str, Callable[[Demo], bool]] = {
    "first word": lambda demo: demo.says("Starting"),
    "folder": lambda demo: demo.has(""),
    "Valkey": lambda demo: demo.has("valkey.log"),
    "worker": lambda demo: demo.has("worker-1.log"),
    "accounts": lambda demo: demo.has("credentials"),
}


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("first word", signal.SIGINT),
        ("folder", signal.SIGKILL),
        ("Valkey", signal.SIGTERM),
        ("worker", signal.SIGINT),
        ("worker", signal.SIGKILL),
        ("accounts", signal.SIGHUP),
    ],
)
def test_it_can_be_ended_while_it_starts(
    moment: str, number: signal.Signals, tmp_path: Path
) -> None:
    with running(Demo(tmp_path)) as (demo,):
        demo.until(lambda: MOMENTS[moment](demo))
        demo.send(number)
        status = demo.wait()
        assert demo.left_behind() == []
    if number is signal.SIGKILL:
        assert status == -signal.SIGKILL
    else:
        assert (status, demo.said().splitlines()[-1]) == (0, "Ended; nothing was left behind.")
        assert "Traceback" not in demo.said()


def test_it_can_be_ended_while_the_accounts_are_made(tmp_path: Path) -> None:
    with running(Demo(tmp_path)) as (demo,):
        demo.until(lambda: demo.has("worker-1.log"))
        time.sleep(1.5)
        demo.send(signal.SIGINT)
        assert demo.wait() == 0
        assert demo.left_behind() == []
        assert "Traceback" not in demo.said()


def test_two_run_side_by_side_and_each_takes_only_its_own_along(tmp_path: Path) -> None:
    demos = Demo(tmp_path / "one", background=True), Demo(tmp_path / "other")
    with running(*demos) as (one, other):
        for demo in (one, other):
            demo.until(lambda demo=demo: demo.says("Ctrl-C"))  # type: ignore[misc]
        assert page(one) != page(other)
        one.send(signal.SIGINT)
        assert one.wait() == 0
        assert one.left_behind() == []
        assert not listens(page(one))
        with urllib.request.urlopen(page(other), timeout=5) as answer:
            assert answer.status == 200
        other.send(signal.SIGKILL)
        other.wait()
        assert other.left_behind() == []
        assert not listens(page(other))


def test_it_runs_from_a_path_with_a_space_and_writes_nowhere_else(tmp_path: Path) -> None:
    """A copy of what the demo needs of a checkout; the home may not be written at all."""
    checkout = tmp_path / "my checkouts" / "pipeline access"
    for package in ("bot", "workers", "demo", "deploy"):
        shutil.copytree(
            ROOT / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    before = contents(checkout)
    with running(Demo(tmp_path / "at home", "--once", "docs-site", checkout=checkout)) as (demo,):
        demo.home.chmod(0o500)
        status = demo.wait()
        demo.home.chmod(0o700)
        assert "1 of 1 threads name the true cause." in demo.said()
        assert status == 0
        assert demo.left_behind() == []
    assert contents(checkout) == before


def test_a_part_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    with running(Demo(tmp_path)) as (demo,):
        demo.until(lambda: demo.says("Ctrl-C"))
        os.kill(demo.child("gunicorn"), signal.SIGKILL)
        assert demo.wait() == 1
        assert "bot ended:" in demo.said()
        assert demo.left_behind() == []


def page(demo: Demo) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+/", demo.said())
    assert found is not None, demo.said()
    return found.group()


def listens(url: str) -> bool:
    port = int(url.rsplit(":", 1)[1].strip("/"))
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def contents(folder: Path) -> dict[str, float]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path): path.stat().st_mtime for path in files}
