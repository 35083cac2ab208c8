"""What AWS itself says of the denials: CloudTrail's events, decoded messages, authorizations.

All of it is a second source. What is refused here is noted and takes nothing else away.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from workers.aws import trail
from workers.aws.arns import parse
from workers.aws.calls import Chain, Place
from workers.aws.documents import Home, plain
from workers.diagnosis.denials import Denial, parse_denial
from workers.snapshot.model import (
    Pipeline,
    Reading,
    Run,
    Snapshot,
    State,
    TrailEvent,
    present,
    unreadable,
)

NOTHING_FAILED = "nothing failed lately, so CloudTrail was not asked"
NOT_ASKED = "CloudTrail is not asked about each of many pipelines"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The fields `events` and `decoded` of a snapshot.

    `decoded` has the answer for each encoded authorization message, and for each authorization
    id the JSON of GetRequestAuthorizationDetails.
    """

    events: Reading[tuple[TrailEvent, ...]]
    decoded: Mapping[str, str]


def read(chain: Chain, snapshot: Snapshot, home: Home) -> Evidence:
    """The evidence for the newest failure and for the error texts that a person gave."""
    failed = _failed(snapshot)
    denials = [
        denial
        for text in (*snapshot.errors, *(run.error_text for run in failed))
        for denial in parse_denial(text)
    ]
    decoded = chain.fork(lambda side: _decoded(side, denials, home))
    events = _events(chain, snapshot, failed, denials)
    return Evidence(events, decoded.join())


def useful(snapshot: Snapshot) -> bool:
    """Whether there is a failure or an error text to find evidence for."""
    return bool(snapshot.errors or _failed(snapshot))


def _failed(snapshot: Snapshot) -> list[Run]:
    """The failures of the newest execution that failed."""
    failed = [run for run in snapshot.runs.value or () if run.status == "Failed"]
    return [run for run in failed if run.execution == failed[0].execution]


def _decoded(chain: Chain, denials: Iterable[Denial], home: Home) -> Mapping[str, str]:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html
    """
    jobs = dict.fromkeys(
        (value, _account(denial, home), bool(denial.encoded_message))
        for denial in denials
        if (value := denial.encoded_message or denial.authorization_id)
    )

    def decode(side: Chain, job: tuple[str, str, bool]) -> tuple[str, str]:
        value, account, encoded = job
        if encoded:
            answer = side.read(
                Place("sts", account, home.region),
                "DecodeAuthorizationMessage",
                EncodedMessage=value,
            )
            return value, str(answer.require()["DecodedMessage"]) if answer.value else ""
        pages = side.pages(
            Place("iam-toolbox", account, home.region),
            "GetRequestAuthorizationDetails",
            "evaluations",
            subject=value,
            authorizationId=value,
        )
        return value, json.dumps({"evaluations": plain(pages.value)}) if pages.value else ""

    answers = chain.each(decode, jobs)
    return MappingProxyType({value: answer for value, answer in answers if answer})


def _events(
    chain: Chain, snapshot: Snapshot, failed: list[Run], denials: list[Denial]
) -> Reading[tuple[TrailEvent, ...]]:
    moments = [when for run in failed if (when := _moment(run.at)) is not None]
    if not moments or snapshot.pipeline.state is not State.PRESENT:
        return unreadable(NOTHING_FAILED)
    roles: dict[Place, set[str]] = {}
    for arn, region in _principals(snapshot.pipeline.require(), failed):
        account = arn.split(":")[4]
        if chain.calls.sessions.configured(account):
            roles.setdefault(Place("cloudtrail", account, region), set()).add(arn)
    sessions = {denial.account: _session(denial) for denial in denials}
    answers = chain.each(
        lambda side, place: trail.denials(
            side, place, roles[place], sessions.get(place.account, ""), max(moments)
        ),
        sorted(roles),
    )
    if answers and not any(answer.known for answer in answers):
        return unreadable(answers[0].why)
    events = {event.id: event for answer in answers for event in answer.value or ()}
    return present(tuple(sorted(events.values(), key=lambda event: event.at, reverse=True)))


def _principals(pipeline: Pipeline, failed: list[Run]) -> Iterator[tuple[str, str]]:
    """The roles under which the failed actions ran, each with the region it worked in."""
    names = {(run.stage, run.action) for run in failed}
    for action in pipeline.actions:
        if (action.stage, action.name) in names:
            arn = action.role_arn or pipeline.role_arn
            if arn and parse(arn) is not None:
                yield arn, action.region or pipeline.region


def _session(denial: Denial) -> str:
    """The session's name in …:assumed-role/role/session, by which CloudTrail lists its events."""
    _, _, session = denial.principal.partition(":assumed-role/")[2].partition("/")
    return session


def _account(denial: Denial, home: Home) -> str:
    return denial.account or home.account


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None
