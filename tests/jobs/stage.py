"""An engine whose answers are staged: it stands where AWS and the diagnosis stand."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.slack import reports
from workers.aws.search import Found, Listed, Unseen
from workers.diagnosis.model import Report
from workers.engine import Progress
from workers.settings import Settings

Act = Callable[[], None]


@dataclass
class Stage:
    """What is found, and what happens while a pipeline is read."""

    reports: dict[tuple[str, str, str], Report] = field(default_factory=dict)
    unseen: tuple[Unseen, ...] = ()
    act: Act | None = None

    def put(self, *each: Report) -> None:
        for report in each:
            self.reports[(report.name, report.account, report.region)] = report

    @contextmanager
    def open_engine(self, settings: Settings, request_id: str) -> Iterator[Stage]:
        yield self

    def find(self, name: str, account: str | None, region: str | None) -> Found:
        there = self._there(account, region)
        matches = tuple(each for each in there if each.name == name)
        near = () if matches else tuple(each for each in there if each.name[:3] == name[:3])
        return Found(matches, near, self.unseen)

    def search(self, text: str, account: str | None, region: str | None) -> Found:
        there = self._there(account, region)
        return Found(tuple(each for each in there if text in each.name), (), self.unseen)

    def diagnose(
        self,
        name: str,
        account: str,
        region: str,
        *,
        caller: str | None = None,
        errors: Iterable[str] = (),
        progress: Progress | None = None,
    ) -> Report:
        if self.act is not None:
            self.act()
        if progress is not None:
            progress(3, 7)
        return self.reports[(name, account, region)]

    def _there(self, account: str | None, region: str | None) -> list[Listed]:
        return [
            Listed(name, where, place)
            for name, where, place in sorted(self.reports)
            if account in (None, where) and region in (None, place)
        ]


def standard() -> Stage:
    stage = Stage()
    stage.put(reports.BLOCKED, reports.CLEAR, reports.UNKNOWN)
    twin = replace(reports.BLOCKED, name="checkout")
    stage.put(twin, replace(twin, account="222222222222", alias="shared"))
    return stage


def kill_worker(marker: Path, times: int) -> Act:
    """Kill this process with SIGKILL, as often as said."""

    def act() -> None:
        killed = len(marker.read_text()) if marker.exists() else 0
        if killed < times:
            with marker.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)

    return act


def wait_for(gate: Path) -> Act:
    """Stay in the middle of the reading until a file is there."""

    def act() -> None:
        gate.with_suffix(".reached").touch()
        while not gate.exists():
            time.sleep(0.02)

    return act
