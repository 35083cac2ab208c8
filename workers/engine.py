"""The diagnosis as a job uses it: find the pipeline, read what has a say, decide. No Slack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Protocol

from workers import diagnosis
from workers.aws.calls import Calls, Chain
from workers.aws.pipelines import read_runs
from workers.aws.reader import read_snapshot
from workers.aws.search import Found, find_pipelines, list_pipelines
from workers.aws.sessions import Sessions
from workers.diagnosis.model import Report
from workers.hearing import heard
from workers.pipeline import catalogue, references
from workers.pipeline.catalogue import Catalogue
from workers.settings import Settings
from workers.snapshot.model import Reading, Run, Snapshot

READING_SHARE = 0.6  # of the job's time; the rest is for evaluating and answering

Progress = Callable[[int, int], None]
"""Called with the documents read, and those known to be needed so far."""


@cache
def known() -> Catalogue:
    """The catalogue of action providers; read once per process, before a worker forks."""
    return catalogue.load()


class Engine(Protocol):
    """What answers questions about pipelines. Nothing here raises because of AWS."""

    def find(self, name: str, account: str | None, region: str | None) -> Found: ...

    def search(self, text: str, account: str | None, region: str | None) -> Found: ...

    def diagnose(
        self,
        name: str,
        account: str,
        region: str,
        *,
        caller: str | None = None,
        errors: Iterable[str] = (),
        progress: Progress | None = None,
    ) -> Report: ...

    def runs(self, name: str, account: str, region: str) -> Reading[tuple[Run, ...]]: ...


@contextmanager
def open_engine(settings: Settings, request_id: str) -> Iterator[Engine]:
    """The engine on AWS. `request_id` appears in CloudTrail as the session's name."""
    sessions = Sessions(settings, request_id=request_id)
    with Calls(
        sessions,
        threads=settings.jobs.threads,
        seconds=settings.jobs.timeout_seconds * READING_SHARE,
    ) as calls:
        yield _AwsEngine(settings, sessions, calls)


class _AwsEngine:
    """Finding and reading share their calls: what the one has read the other does not ask again."""

    def __init__(self, settings: Settings, sessions: Sessions, calls: Calls) -> None:
        self._settings = settings
        self._sessions = sessions
        self._calls = calls
        self._began = time.monotonic()

    def find(self, name: str, account: str | None, region: str | None) -> Found:
        return find_pipelines(
            self._settings, self._sessions, name, account, region, calls=self._calls
        )

    def search(self, text: str, account: str | None, region: str | None) -> Found:
        return list_pipelines(
            self._settings, self._sessions, text, account, region, calls=self._calls
        )

    def runs(self, name: str, account: str, region: str) -> Reading[tuple[Run, ...]]:
        return read_runs(Chain(self._calls), name, account, region)

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
        snapshot, _ = read_snapshot(
            self._settings,
            self._sessions,
            name,
            account,
            region,
            caller=caller,
            errors=errors,
            progress=None if progress is None else lambda now: progress(now.done, now.total),
            calls=self._calls,
            wanted=lambda read: references.wanted(read, known()),
        )

        def decide(snapshot: Snapshot) -> Report:
            return diagnosis.diagnose(
                snapshot,
                catalogue=known(),
                settings=self._settings,
                calls=self._calls.counts().total,
                seconds=time.monotonic() - self._began,
                name=name,
                account=account,
                region=region,
            )

        report = decide(snapshot)
        told = heard(report, snapshot, self._calls, region)
        if told != snapshot:
            report, snapshot = decide(told), told
        checked = replace(report.checked, aws_calls=self._calls.counts().total)
        return replace(report, checked=checked, snapshot=snapshot)
