"""Events as AWS delivers them: read, told apart, and refused with the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.incidents.world import NOON, PROD, REGION, denial, denied, event
from workers.incidents.events import (
    Ended,
    ExecutionEnded,
    Malformed,
    NotForUs,
    Said,
    read_event,
)


def read(value: Any) -> ExecutionEnded:
    found = read_event(json.dumps(value))
    assert isinstance(found, ExecutionEnded)
    return found


def test_a_failed_execution_with_its_action_and_error() -> None:
    found = read(denied("cart", 1))
    assert (found.pipeline, found.account, found.region) == ("cart", PROD, REGION)
    assert found.ended is Ended.FAILED
    assert (found.stage, found.action) == ("Build", "Compile")
    assert found.at == NOON
    assert found.said is Said.DENIED
    assert found.arn == f"arn:aws:codepipeline:{REGION}:{PROD}:cart"


def test_a_succeeded_execution() -> None:
    found = read(event(1, state="SUCCEEDED"))
    assert found.ended is Ended.SUCCEEDED
    assert found.said is Said.NOTHING


def test_an_event_that_came_through_a_topic() -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""
    wrapped = {"Type": "Notification", "MessageId": "m", "Message": json.dumps(denied("cart", 7))}
    assert read(wrapped).pipeline == "cart"


def test_other_text_does_not_say_that_it_was_no_denial() -> None:
    assert read(event(1, text="Build terminated with state: FAILED")).said is Said.SOMETHING_ELSE


def test_text_that_is_known_to_be_no_question_of_access() -> None:
    text = "Exception while trying to read the task definition artifact file from: Build"
    assert read(event(1, text=text)).said is Said.SOMETHING_ELSE


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_the_partition_is_that_of_the_event(partition: str) -> None:
    arn = f"arn:{partition}:codepipeline:{REGION}:{PROD}:cart"
    assert read(event(1, resources=[arn])).arn == arn


@pytest.mark.parametrize(
    "value",
    [
        event(1, state="STARTED"),
        event(1, state="RESUMED"),
        event(1, state="SUPERSEDED"),
        event(1) | {"detail-type": "CodePipeline Stage Execution State Change"},
        event(1, source="aws.codebuild"),
    ],
)
def test_other_events_are_not_for_us(value: dict[str, Any]) -> None:
    assert isinstance(read_event(json.dumps(value)), NotForUs)


def without(name: str) -> dict[str, Any]:
    value = event(1)
    del value[name]
    return value


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("null", "no JSON object"),
        ("[]", "no JSON object"),
        ('{"hello": "world"}', "source and detail-type"),
        (json.dumps(without("id")), "id"),
        (json.dumps(without("time")), "time"),
        (json.dumps(without("detail")), "detail"),
        (json.dumps(event(1, account="prod")), "account"),
        (json.dumps(event(1, region="everywhere")), "region"),
        (json.dumps(event(1, time="yesterday")), "time"),
        (json.dumps(event(1, time="2026-11-24T12:00:00")), "timezone"),
        (json.dumps(event(1, detail={"pipeline": "a b", "execution-id": "1"})), "detail"),
        (json.dumps(event(1, id="")), "id"),
        (json.dumps({"Message": "no event"}), "no JSON"),
    ],
)
def test_what_is_no_event_says_what_is_wrong(body: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read_event(body)


def test_the_reason_does_not_repeat_what_was_given() -> None:
    with pytest.raises(Malformed) as told:
        read_event(json.dumps(event(1, account="xoxb-a-secret")))
    assert "xoxb" not in str(told.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.text(max_size=200) | ANYTHING.map(json.dumps))
def test_any_text_is_an_event_or_says_why_not(body: str) -> None:
    assert outcome(body)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.integers() | st.text(max_size=8) | st.lists(st.none(), max_size=2)
            for name in ("id", "account", "region", "time", "detail", "additionalAttributes")
        },
    )
)
def test_any_field_may_be_wrong(changes: dict[str, Any]) -> None:
    assert outcome(json.dumps({**denied("cart", 1), **changes}))


def outcome(body: str) -> object:
    """The event, or the words that say what is wrong."""
    try:
        return read_event(body)
    except Malformed as why:
        return str(why)


def test_denials_of_every_kind_are_denials() -> None:
    for text in (
        denial("cart-build"),
        "The service role or action role doesn’t have the permissions required to access the "
        "Amazon S3 bucket named artifacts. Update the IAM role permissions, and then try again. "
        "Error: Amazon S3:AccessDenied:Access Denied",
        "Unable to use Connection: arn:aws:codestar-connections:eu-west-1:111111111111:"
        "connection/1. The provided role does not have sufficient permissions.",
    ):
        assert read(event(1, text=text)).said is Said.DENIED, text
