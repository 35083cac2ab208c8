"""Sweeps: what will be denied next time, and how that compares with the sweep before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from workers.diagnosis.findings import blocking
from workers.diagnosis.model import Outcome
from workers.incidents.causes import Cause, cause_of, common_causes, labelled
from workers.incidents.looks import Looked, identity


@dataclass(frozen=True, slots=True)
class Open:
    """One cause that stops one pipeline. `failed`: it stopped an execution already."""

    cause: Cause
    failed: bool


@dataclass(frozen=True, slots=True)
class Swept:
    """A pipeline as a sweep found it."""

    name: str
    account: str
    region: str
    outcome: Outcome
    open: tuple[Open, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        return identity(self.name, self.account, self.region)


@dataclass(frozen=True, slots=True)
class Stop:
    """A cause at a pipeline, as a digest lists it."""

    pipeline: Swept
    open: Open


@dataclass(frozen=True, slots=True)
class Digest:
    """What changed between two sweeps.

    A pipeline that could not be decided now is *unknown*; what was open of it stays open.
    """

    new: tuple[Stop, ...]
    cured: tuple[Stop, ...]
    still: tuple[Stop, ...]
    unknown: tuple[Swept, ...]
    looked: int
    first: bool = False  # there was no sweep before: nothing is new, all of it is open


def swept(looked: Looked) -> Swept:
    """What a sweep keeps of a pipeline."""
    causes: dict[str, Open] = {}
    for finding in blocking(looked.report.findings):
        cause = labelled(cause_of(finding), dict(looked.labels))
        failed = bool(finding.stopped) or (cause.key in causes and causes[cause.key].failed)
        first = causes[cause.key].cause if cause.key in causes else cause
        causes[cause.key] = Open(first, failed)
    return Swept(
        looked.name,
        looked.account,
        looked.region,
        looked.report.outcome,
        tuple(causes.values()),
        looked.tags,
    )


def digest(before: Mapping[str, Swept] | None, now: Iterable[Swept]) -> Digest:
    """What is new, cured and still open since the sweep before."""
    every = tuple(now)
    if before is None:
        return Digest((), (), _stops(every), _undecided(every), len(every), first=True)
    known = {(pipeline.id, one.cause.key) for pipeline in before.values() for one in pipeline.open}
    current = _stops(every)
    decided = {each.id for each in every if each.outcome is not Outcome.UNKNOWN}
    there = {(each.pipeline.id, each.open.cause.key) for each in current}
    earlier = _stops(before.values())
    gone = [each for each in earlier if (each.pipeline.id, each.open.cause.key) not in there]
    seen = {each.id for each in every}
    return Digest(
        new=tuple(e for e in current if (e.pipeline.id, e.open.cause.key) not in known),
        cured=tuple(each for each in gone if each.pipeline.id in decided),
        still=(
            *(e for e in current if (e.pipeline.id, e.open.cause.key) in known),
            *(e for e in gone if e.pipeline.id in seen and e.pipeline.id not in decided),
        ),
        unknown=_undecided(every),
        looked=len(every),
    )


def narrowed(before: Digest, wanted: Iterable[str]) -> Digest:
    """The part of a digest about these pipelines (`Swept.id`)."""
    ids = frozenset(wanted)

    def of(stops: Iterable[Stop]) -> tuple[Stop, ...]:
        return tuple(each for each in stops if each.pipeline.id in ids)

    unknown = tuple(each for each in before.unknown if each.id in ids)
    return Digest(
        of(before.new), of(before.cured), of(before.still), unknown, len(ids), before.first
    )


def to_json(looked: Iterable[Looked], unseen: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """A sweep as `pipeline-access sweep --json` prints it."""
    every = tuple(looked)
    return {
        "schema": 1,
        "pipelines": [_pipeline(swept(each)) for each in every],
        "causes": [
            {
                **_cause(each.cause),
                "pipelines": [
                    {
                        "name": one.report.name,
                        "account": one.report.account,
                        "region": one.report.region,
                        "failed": one.failed,
                    }
                    for one in each.affected
                ],
            }
            for each in common_causes(one.report for one in every)
        ],
        "unseen": [
            {"account": account, "region": region, "why": why} for account, region, why in unseen
        ],
    }


def to_values(each: Swept) -> dict[str, Any]:
    """As JSON values, to be compared with the next sweep."""
    return asdict(each)


def from_values(values: Mapping[str, Any]) -> Swept:
    return Swept(
        **{
            **values,
            "outcome": Outcome(values["outcome"]),
            "open": tuple(Open(Cause(**one["cause"]), one["failed"]) for one in values["open"]),
            "tags": tuple((name, value) for name, value in values["tags"]),
        }
    )


def _pipeline(each: Swept) -> dict[str, Any]:
    return {
        "name": each.name,
        "account": each.account,
        "region": each.region,
        "outcome": str(each.outcome),
        "causes": [{**_cause(one.cause), "failed": one.failed} for one in each.open],
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "id": cause.key,
        "component": str(cause.component),
        "document": cause.document,
        "statement": cause.statement,
        "headline": cause.headline,
    }


def _stops(pipelines: Iterable[Swept]) -> tuple[Stop, ...]:
    return tuple(Stop(each, one) for each in pipelines for one in each.open)


def _undecided(pipelines: Iterable[Swept]) -> tuple[Swept, ...]:
    return tuple(each for each in pipelines if each.outcome is Outcome.UNKNOWN)
