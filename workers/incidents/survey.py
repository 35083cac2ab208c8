"""Many pipelines at once as a job uses them: listed, read through shared answers, diagnosed."""

from __future__ import annotations

import datetime as dt
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Protocol

import structlog

from workers import diagnosis
from workers.aws import history
from workers.aws.calls import Calls, Chain, Place
from workers.aws.history import Change
from workers.aws.search import Found, Listed, list_pipelines
from workers.aws.sessions import Sessions
from workers.aws.sweep import read_pipelines
from workers.diagnosis.model import Outcome, Report, UnreadDocument
from workers.incidents.causes import Cause
from workers.pipeline import catalogue
from workers.pipeline.arn import parse
from workers.pipeline.catalogue import Catalogue
from workers.settings import Settings
from workers.snapshot.model import Reading, Snapshot, unreadable

AT_ONCE = 8  # pipelines read at the same time
_SHARE = 0.9  # of the job's time; diagnosing goes on meanwhile
# Components whose documents change by the same events.
_KINDS = {
    "service_role": "role",
    "action_role": "role",
    "build_role": "role",
    "scp": "organisation",
    "rcp": "organisation",
}
# Where events of IAM and Organizations are recorded.
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html
_GLOBAL = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}

log = structlog.get_logger(__name__)


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

    def changes(
        self, cause: Cause, account: str, region: str, since: float, until: float
    ) -> Reading[tuple[Change, ...]]:
        """What changed the document that decides, newest first, as far as CloudTrail tells.

        `account` and `region` are those of a pipeline that has the cause; times are seconds.
        """
        ...

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
            yield Surveyed(one, snapshot, self._diagnosed(one, snapshot, known))

    def _diagnosed(self, one: Listed, snapshot: Snapshot, known: Catalogue) -> Report:
        """A fault of ours with one pipeline must not silence all the others: it is unknown then."""
        try:
            return diagnosis.diagnose(
                snapshot,
                catalogue=known,
                settings=self._settings,
                name=one.name,
                account=one.account,
                region=one.region,
            )
        except Exception as error:
            log.exception("diagnosis failed", pipeline=one.name, account=one.account)
            return undiagnosed(one, snapshot, type(error).__name__)

    def changes(
        self, cause: Cause, account: str, region: str, since: float, until: float
    ) -> Reading[tuple[Change, ...]]:
        kind = _KINDS.get(cause.component, cause.component)
        known = _events().get(kind)
        if known is None:
            return unreadable(f"CloudTrail records no changes of a {kind}")
        place = self._place(known["where"], cause, account, region)
        if not (self._sessions.configured(place.account) or self._manages(place.account)):
            return unreadable(f"account {place.account} is not configured")
        return history.changes(
            Chain(self._calls),
            place,
            known["events"],
            {cause.document, cause.id},
            dt.datetime.fromtimestamp(since, dt.UTC),
            dt.datetime.fromtimestamp(until, dt.UTC),
        )

    def _place(self, where: str, cause: Cause, account: str, region: str) -> Place:
        arn = parse(cause.document)
        own = (arn.account if arn else "") or account
        main = _GLOBAL.get(self._sessions.partition(region), "us-east-1")
        match where:
            case "global":
                return Place("cloudtrail", own, main)
            case "organisation":
                organisation = self._settings.organisation
                return Place("cloudtrail", organisation.account if organisation else own, main)
            case "document":
                return Place("cloudtrail", own, (arn.region if arn else "") or region)
            case _:
                return Place("cloudtrail", account, region)

    def _manages(self, account: str) -> bool:
        """Whether it is the organisation's account, which has a role of its own."""
        organisation = self._settings.organisation
        return organisation is not None and organisation.account == account

    def cost(self) -> Cost:
        return Cost(self._calls.counts().total, time.monotonic() - self._began)


def undiagnosed(one: Listed, snapshot: Snapshot, fault: str) -> Report:
    """What is known of a pipeline whose diagnosis failed: nothing, and why."""
    pipeline = snapshot.pipeline.value
    return Report(
        name=one.name,
        account=one.account,
        region=one.region,
        arn=pipeline.arn if pipeline is not None else "",
        outcome=Outcome.UNKNOWN,
        unreadable=(UnreadDocument("the diagnosis", f"an error on our side, logged: {fault}"),),
        taken_at=snapshot.taken_at,
    )


@cache
def _events() -> dict[str, dict[str, Any]]:
    text = resources.files(__package__).joinpath("changes.toml").read_text("utf-8")
    return tomllib.loads(text)
