"""Many pipelines at once as a job uses them: listed, read through shared answers, diagnosed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from workers import diagnosis
from workers.aws.calls import Calls
from workers.aws.search import Found, Listed, list_pipelines
from workers.aws.sessions import Sessions
from workers.aws.sweep import read_pipelines
from workers.diagnosis.model import Report
from workers.pipeline import catalogue
from workers.settings import Settings
from workers.snapshot.model import Snapshot

AT_ONCE = 8  # pipelines read at the same time
_SHARE = 0.9  # of the job's time; diagnosing goes on meanwhile


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A pipeline, what was read of it and what that means."""

    pipeline: Listed
    snapshot: Snapshot
    report: Report


@dataclass(frozen=True, slots=True)
class Cost:
    """What a survey cost so far."""

    calls: int
    seconds: float


class Survey(Protocol):
    """What looks at many pipelines. Nothing here raises because of AWS."""

    def pipelines(self, account: str | None = None, region: str | None = None) -> Found: ...

    def look(
        self, pipelines: Iterable[Listed], stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Surveyed]: ...

    def cost(self) -> Cost: ...


@contextmanager
def open_survey(settings: Settings, request_id: str, seconds: float) -> Iterator[Survey]:
    """A survey on AWS; after `seconds` what is still wanted becomes unreadable."""
    sessions = Sessions(settings, request_id=request_id)
    with Calls(sessions, threads=settings.jobs.threads, seconds=seconds * _SHARE) as calls:
        yield _AwsSurvey(settings, sessions, calls)


class _AwsSurvey:
    def __init__(self, settings: Settings, sessions: Sessions, calls: Calls) -> None:
        self._settings = settings
        self._sessions = sessions
        self._calls = calls
        self._began = time.monotonic()

    def pipelines(self, account: str | None = None, region: str | None = None) -> Found:
        return list_pipelines(
            self._settings, self._sessions, "", account, region, calls=self._calls
        )

    def look(
        self, pipelines: Iterable[Listed], stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Surveyed]:
        known = catalogue.load()
        for one, snapshot in read_pipelines(
            self._settings, self._sessions, pipelines, self._calls, at_once=AT_ONCE, stop=stop
        ):
            report = diagnosis.diagnose(
                snapshot,
                catalogue=known,
                settings=self._settings,
                name=one.name,
                account=one.account,
                region=one.region,
            )
            yield Surveyed(one, snapshot, report)

    def cost(self) -> Cost:
        return Cost(self._calls.counts().total, time.monotonic() - self._began)
