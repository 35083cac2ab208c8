"""Who changed what: CloudTrail's events about one document, with the person and the change itself.

LookupEvents answers twice a second per account and region, so names are asked one after the other.
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workers.aws.calls import Chain, Place
from workers.aws.trail import RATE, parse_event
from workers.snapshot.model import Reading, State, TrailEvent, present, unreadable

_PAGE = 50
_PAGES = 4
_DAYS = 90  # what LookupEvents reaches back
_DOCUMENTS = (
    "policy",
    "policyDocument",
    "bucketPolicy",
    "assumeRolePolicyDocument",
    "content",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A change that succeeded. `at` in seconds since the epoch; `person` is the name under which
    somebody signed in, `actor` the ARN of the role or user.

    `after` is the document as it was written, `before` the one that an earlier change wrote: both
    only where the trail has them.
    """

    id: str
    name: str
    at: float
    actor: str
    person: str
    account: str
    region: str
    after: str = ""
    before: str = ""


def changes(
    chain: Chain,
    place: Place,
    names: Iterable[str],
    subjects: Iterable[str],
    since: dt.datetime,
    until: dt.datetime,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Reading[tuple[Change, ...]]:
    """The successful events of these names about one of the subjects, newest first.

    `subjects` are names under which the document goes: its ARN, id or name. The newest change is
    compared with the one before it. Unreadable when a name could not be looked up: a change that
    nobody saw is not "nobody changed anything".
    """
    meant = frozenset(subjects)
    found: list[Change] = []
    for number, name in enumerate(dict.fromkeys(names)):
        if number:
            sleep(1 / RATE)
        listed = _lookup(chain, place, name, since, until)
        if listed.state is not State.PRESENT:
            return unreadable(listed.why)
        found += [
            _change(event, item)
            for item, event in listed.require()
            if not event.error_code and _about(event, item, meant)
        ]
    ordered = sorted(found, key=lambda each: each.at, reverse=True)
    if ordered and ordered[0].after:
        sleep(1 / RATE)
        ordered[0] = _compared(chain, place, ordered[0], meant)
    return present(tuple(ordered))


def _lookup(
    chain: Chain,
    place: Place,
    name: str,
    since: dt.datetime,
    until: dt.datetime,
    pages: int = _PAGES,
) -> Reading[tuple[tuple[Mapping[str, Any], TrailEvent], ...]]:
    listed = chain.pages(
        place._replace(service="cloudtrail"),
        "LookupEvents",
        "Events",
        at_most=pages,
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
        StartTime=since,
        EndTime=until,
        PaginationConfig={"PageSize": _PAGE},
    )
    if listed.state is not State.PRESENT:
        return unreadable(listed.why)
    return present(
        tuple((each, parse_event(each, place.account, place.region)) for each in listed.require())
    )


def _about(event: TrailEvent, item: Mapping[str, Any], subjects: frozenset[str]) -> bool:
    """Whether an event speaks of the document, by its resources or by its parameters."""
    named = {*event.resources, *(str(each) for each in _parameters(item).values())}
    named |= {name.rsplit("/", 1)[-1] for name in named}
    return bool(named & subjects)


def _change(event: TrailEvent, item: Mapping[str, Any]) -> Change:
    parameters = _parameters(item)
    document = next((parameters[name] for name in _DOCUMENTS if parameters.get(name)), "")
    return Change(
        id=event.id,
        name=event.name,
        at=_seconds(event.at),
        actor=event.actor,
        person=str(item.get("Username") or ""),
        account=event.account,
        region=event.region,
        after=_text(document),
    )


def _compared(chain: Chain, place: Place, change: Change, subjects: frozenset[str]) -> Change:
    """The change with what an earlier one of the same kind had written."""
    until = dt.datetime.fromtimestamp(change.at, dt.UTC)
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=_DAYS - 1)
    earlier = _lookup(chain, place, change.name, start, until, pages=1)
    for item, event in earlier.value or ():
        if event.id != change.id and not event.error_code and _about(event, item, subjects):
            before = _change(event, item).after
            return replace(change, before=before)
    return change


def _parameters(item: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        record = json.loads(item.get("CloudTrailEvent") or "{}")
    except ValueError:
        return {}
    found = record.get("requestParameters") if isinstance(record, dict) else None
    return found if isinstance(found, Mapping) else {}


def _text(document: object) -> str:
    """A policy with indentation, whether the trail has it as text or as JSON."""
    try:
        value = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return str(document)
    return json.dumps(value, indent=2) if value else ""


def _seconds(text: str) -> float:
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0
