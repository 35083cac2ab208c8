"""Looking at many pipelines for one purpose: kept as it goes, so that it can stop and go on.

A worker that dies has looked at something already; the next one goes on behind it. Whoever presses
Stop ends it at the next pipeline, and what is known until then is told.

    look:<id>           hash: "<account> <region> <name>" -> what was found, compressed JSON
    look:<id>:stopped   who pressed Stop (`workers.incidents.stopping`)
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from redis import Redis

from workers.aws.search import Listed
from workers.diagnosis.findings import blocking
from workers.diagnosis.model import Report
from workers.diagnosis.naming import names
from workers.diagnosis.report_json import from_json, to_json
from workers.diagnosis.texts import texts
from workers.incidents.causes import cause_of
from workers.incidents.stopping import KEEP_SECONDS, PREFIX, stopped_by
from workers.incidents.survey import Survey, Surveyed
from workers.snapshot.model import Run, Snapshot


@dataclass(frozen=True, slots=True)
class FailedRun:
    """An action that failed in an execution; `at` in seconds since the epoch."""

    execution: str
    stage: str
    action: str
    at: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """A pipeline as it was found: its report, what failed lately, when it last went through.

    `labels` are the names that people know of the documents that stop it.
    """

    name: str
    account: str
    region: str
    report: Report
    failures: tuple[FailedRun, ...] = ()
    succeeded: float = 0
    tags: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        return identity(self.name, self.account, self.region)


def identity(name: str, account: str, region: str) -> str:
    return f"{account} {region} {name}"


def looked(surveyed: Surveyed) -> Looked:
    """What is kept of a survey's finding. Pure."""
    pipeline = surveyed.pipeline
    runs = surveyed.snapshot.runs.value or ()
    return Looked(
        name=pipeline.name,
        account=pipeline.account,
        region=pipeline.region,
        report=surveyed.report,
        failures=tuple(
            FailedRun(run.execution, run.stage, run.action, seconds(run.at), run.error_text)
            for run in runs
            if run.status == "Failed" and seconds(run.at)
        ),
        succeeded=went_through(surveyed.snapshot),
        tags=_tags(surveyed.snapshot),
        labels=tuple(sorted(labels(surveyed).items())),
    )


def labels(surveyed: Surveyed) -> dict[str, str]:
    """The names of the documents that stop a pipeline: aliases of keys, names of policies. Pure."""
    known = names(surveyed.snapshot, texts())
    documents = {cause_of(each).document for each in blocking(surveyed.report.findings)}
    return {each: label for each in documents if (label := known.short(each)) != each}


def went_through(snapshot: Snapshot) -> float:
    """When an execution last went through: every action of the last stage succeeded. 0 for never.

    One action may succeed beside another that failed. Pure.
    """
    pipeline = snapshot.pipeline.value
    if pipeline is None or not pipeline.stages:
        return 0
    last = pipeline.stages[-1]
    executions: dict[str, dict[str, Run]] = {}
    for run in snapshot.runs.value or ():  # newest first: a retried action counts as it ended
        if run.stage == last.name and run.execution:
            executions.setdefault(run.execution, {}).setdefault(run.action, run)
    declared = {each.name for each in last.actions}
    return max(
        (
            max(seconds(run.at) for run in runs.values())
            for runs in executions.values()
            if declared <= set(runs) and all(run.status == "Succeeded" for run in runs.values())
        ),
        default=0,
    )


def _tags(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    pipeline = snapshot.pipeline.value
    tags = pipeline.tags.value if pipeline is not None else None
    return tuple(sorted((tags or {}).items()))


def seconds(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 time; 0 for what is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0


class Looks:
    """The store of one look. Raises redis.RedisError."""

    def __init__(self, redis: Redis, id: str) -> None:
        self._redis = redis
        self._id = id
        self._key = f"{PREFIX}{id}"

    @property
    def stopped_by(self) -> str:
        return stopped_by(self._redis, self._id)

    def look(
        self,
        pipelines: Iterable[Listed],
        survey: Survey,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Iterator[Looked]:
        """Every pipeline, those first that were looked at before; ends early when stopped."""
        wanted = tuple(pipelines)
        known = self._known()
        done = 0
        for each in wanted:
            if (raw := known.get(identity(each.name, each.account, each.region))) is not None:
                done += 1
                yield _unpacked(raw)
        progress(done)
        missing = [
            each for each in wanted if identity(each.name, each.account, each.region) not in known
        ]
        for surveyed in survey.look(missing, lambda: bool(self.stopped_by)):
            found = looked(surveyed)
            self._redis.hset(self._key, found.id, _packed(found))
            self._redis.expire(self._key, KEEP_SECONDS)
            done += 1
            progress(done)
            yield found

    def _known(self) -> dict[str, bytes]:
        found = cast("Mapping[bytes, bytes]", self._redis.hgetall(self._key))
        return {name.decode(): value for name, value in found.items()}


def to_values(found: Looked) -> dict[str, Any]:
    """As JSON values."""
    return {
        "name": found.name,
        "account": found.account,
        "region": found.region,
        "report": to_json(found.report),
        "failures": [asdict(each) for each in found.failures],
        "succeeded": found.succeeded,
        "tags": [list(each) for each in found.tags],
        "labels": [list(each) for each in found.labels],
    }


def from_values(values: Mapping[str, Any]) -> Looked:
    return Looked(
        **{
            **values,
            "report": from_json(values["report"]),
            "failures": tuple(FailedRun(**each) for each in values["failures"]),
            "tags": tuple((name, value) for name, value in values["tags"]),
            "labels": tuple((name, value) for name, value in values.get("labels", ())),
        }
    )


def _packed(found: Looked) -> bytes:
    return zlib.compress(json.dumps(to_values(found), separators=(",", ":")).encode(), 3)


def _unpacked(raw: bytes) -> Looked:
    return from_values(json.loads(zlib.decompress(raw)))
