"""Who changed what: CloudTrail's events about one document, with the person and the change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.aws.cloud import Cloud
from tests.aws.conftest import PIPELINES, REGION
from workers.aws.calls import Calls, Chain, Place
from workers.aws.history import changes
from workers.aws.sessions import Sessions
from workers.snapshot.model import State

KEY = f"arn:aws:kms:{REGION}:{PIPELINES}:key/90e6f2b4"
OTHER = f"arn:aws:kms:{REGION}:{PIPELINES}:key/11111111"
ROLE = f"arn:aws:iam::{PIPELINES}:role/PlatformAdmin"
HERE = Place("cloudtrail", PIPELINES, REGION)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SINCE, UNTIL = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)


def event(id: str, hour: int, parameters: dict[str, Any], **record: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html"""
    full = {
        "eventID": id,
        "awsRegion": REGION,
        "recipientAccountId": PIPELINES,
        "requestParameters": parameters,
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{PIPELINES}:assumed-role/PlatformAdmin/jordan.lee",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}},
        },
    } | record
    return {
        "EventId": id,
        "EventName": "PutKeyPolicy",
        "EventSource": "kms.amazonaws.com",
        "EventTime": NOON.replace(hour=hour).timestamp(),
        "Username": "jordan.lee",
        "CloudTrailEvent": json.dumps(full),
    }


def put(id: str, hour: int, key: str, users: list[str], **record: Any) -> dict[str, Any]:
    policy = json.dumps({"Statement": [{"Sid": "Use", "Principal": {"AWS": users}}]})
    return event(id, hour, {"keyId": key, "policy": policy}, **record)


@pytest.fixture
def chain(sessions: Sessions) -> Iterator[Chain]:
    with Calls(sessions) as calls:
        yield Chain(calls)


def test_the_person_the_role_and_what_the_document_was_before(cloud: Cloud, chain: Chain) -> None:
    now, earlier = put("2", 12, KEY, ["admin"]), put("1", 9, KEY, ["cart", "email"])

    def answer(call: Any) -> dict[str, Any]:
        asked = json.loads(call.body)
        events = [each for each in (now, earlier) if each["EventTime"] <= asked["EndTime"]]
        return {"Events": [each for each in events if each["EventTime"] >= asked["StartTime"]]}

    cloud.answer("cloudtrail", "LookupEvents", answer)
    since = NOON.replace(hour=11)
    (found,) = changes(
        chain, HERE, ["PutKeyPolicy"], {KEY}, since, UNTIL, sleep=lambda _: None
    ).require()
    assert (found.name, found.person, found.actor) == ("PutKeyPolicy", "jordan.lee", ROLE)
    assert found.at == NOON.timestamp()
    assert json.loads(found.after)["Statement"][0]["Principal"] == {"AWS": ["admin"]}
    assert json.loads(found.before)["Statement"][0]["Principal"] == {"AWS": ["cart", "email"]}


def test_only_what_is_about_the_document_and_succeeded(cloud: Cloud, chain: Chain) -> None:
    denied = put("3", 13, KEY, [], errorCode="AccessDenied")
    events = [denied, put("2", 12, OTHER, []), put("1", 9, "90e6f2b4", [])]
    cloud.answer("cloudtrail", "LookupEvents", {"Events": events})
    found = changes(
        chain, HERE, ["PutKeyPolicy"], {KEY, "90e6f2b4"}, SINCE, UNTIL, sleep=lambda _: None
    ).require()
    assert [each.id for each in found] == ["1"]


def test_a_role_is_known_by_its_name_alone(cloud: Cloud, chain: Chain) -> None:
    changed = event("1", 12, {"roleName": "cart-build", "policyName": "access"})
    cloud.answer("cloudtrail", "LookupEvents", {"Events": [changed]})
    role = f"arn:aws:iam::{PIPELINES}:role/service-role/cart-build"
    found = changes(
        chain,
        HERE,
        ["PutRolePolicy"],
        {role, "cart-build"},
        SINCE,
        UNTIL,
        sleep=lambda _: None,
    ).require()
    assert [each.id for each in found] == ["1"]


def test_names_are_asked_one_after_the_other_within_the_rate(cloud: Cloud, chain: Chain) -> None:
    cloud.answer("cloudtrail", "LookupEvents", {"Events": []})
    slept: list[float] = []
    names = ["PutKeyPolicy", "DisableKey", "ScheduleKeyDeletion"]
    changes(chain, HERE, names, {KEY}, SINCE, UNTIL, sleep=slept.append).require()
    assert slept == [0.5, 0.5]


def test_one_name_that_cannot_be_looked_up_makes_it_unknown(cloud: Cloud, chain: Chain) -> None:
    cloud.refuse("cloudtrail", "LookupEvents", code="AccessDeniedException", status=400)
    found = changes(chain, HERE, ["PutKeyPolicy"], {KEY}, SINCE, UNTIL, sleep=lambda _: None)
    assert found.state is State.UNREADABLE
    assert found.why
