"""What tests and benchmarks need of the cloud: counts, latency, bad luck, a gate before writes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from demo.aws.cloud import Cloud, CloudError

ADMIN = "arn:aws:iam::111111111111:role/PlatformAdmin"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
        ],
    }
)


@pytest.fixture
def clean(scratch: Cloud) -> Iterator[Cloud]:
    scratch.clear_calls()
    yield scratch
    scratch.clear_faults()
    scratch.release_write()
    scratch.set_latency(0)


@pytest.fixture
def iam(clean: Cloud) -> Any:
    """IAM as a person who signed in, without retries."""
    return clean.client_as(clean.role_session(ADMIN, "sam"), "iam")


def put(iam: Any, name: str) -> None:
    iam.put_role_policy(RoleName="CheckoutStack", PolicyName=name, PolicyDocument=POLICY)


def policies(cloud: Cloud) -> list[str]:
    iam = cloud.client("iam", "111111111111")
    names: list[str] = iam.list_role_policies(RoleName="CheckoutStack")["PolicyNames"]
    return names


def test_every_call_is_counted_with_who_where_and_what(clean: Cloud, iam: Any) -> None:
    with clean.counted() as calls:
        iam.get_role(RoleName="CheckoutStack")
        iam.get_role(RoleName="CheckoutStack")
        with pytest.raises(ClientError):
            iam.get_role(RoleName="nobody")
    assert [(c.service, c.operation, c.account, c.status) for c in calls] == [
        ("iam", "GetRole", "111111111111", 200),
        ("iam", "GetRole", "111111111111", 200),
        ("iam", "GetRole", "111111111111", 404),
    ]
    assert calls[0].resource == "arn:aws:iam::111111111111:role/CheckoutStack"
    assert calls[0].caller == "arn:aws:sts::111111111111:assumed-role/PlatformAdmin/sam"
    clean.clear_calls()
    assert clean.calls == []


def test_latency_is_added_to_every_call(clean: Cloud, iam: Any) -> None:
    iam.get_role(RoleName="CheckoutStack")
    clean.set_latency(150)
    began = time.monotonic()
    iam.get_role(RoleName="CheckoutStack")
    assert time.monotonic() - began >= 0.15


def test_latency_of_calls_side_by_side_is_not_added_up(clean: Cloud, iam: Any) -> None:
    """One after the other these would take 16 seconds; a busy machine takes a few."""
    clean.set_latency(2_000)
    threads = [
        threading.Thread(target=iam.get_role, kwargs={"RoleName": "CheckoutStack"})
        for _ in range(8)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 8 * 2


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttle", "ThrottlingException"),
        ("denied", "AccessDenied"),
        ("error", "InternalFailure"),
    ],
)
def test_the_next_calls_fail_as_asked_and_then_no_more(
    clean: Cloud, iam: Any, kind: str, code: str
) -> None:
    clean.fail("iam:ListRolePolicies", kind, times=2)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            iam.list_role_policies(RoleName="CheckoutStack")
        assert caught.value.response["Error"]["Code"] == code
    assert iam.list_role_policies(RoleName="CheckoutStack")


def test_a_fault_strikes_the_account_it_is_meant_for(clean: Cloud) -> None:
    clean.fail("iam:*", "denied", times=5, account="222222222222")
    assert clean.client("iam", "111111111111").list_account_aliases()
    with pytest.raises(ClientError):
        clean.client("iam", "222222222222").list_account_aliases()


def test_throttled_calls_get_through_with_adaptive_retries(clean: Cloud) -> None:
    clean.fail("kms:ListAliases", "throttle", times=2)
    session = clean.role_session(ADMIN, "sam")
    client = clean.client_as(
        session, "kms", config=Config(retries={"mode": "adaptive", "max_attempts": 8})
    )
    assert client.list_aliases()["Aliases"]


def test_a_hang_is_as_long_as_asked(clean: Cloud, iam: Any) -> None:
    clean.fail("iam:GetRole", "hang", seconds=0.4)
    began = time.monotonic()
    with pytest.raises(ClientError):
        iam.get_role(RoleName="CheckoutStack")
    assert time.monotonic() - began >= 0.4


def test_nonsense_on_the_back_door_is_refused_with_a_sentence(clean: Cloud) -> None:
    with pytest.raises(CloudError, match="'sometimes' is not a valid Kind"):
        clean.fail("iam:GetRole", "sometimes")
    with pytest.raises(CloudError, match="There is no POST /_demo/nothing"):
        clean.post("nothing", {})


def held(cloud: Cloud) -> bool:
    until = time.monotonic() + 5
    while not cloud.gate["held"] and time.monotonic() < until:
        time.sleep(0.02)
    return bool(cloud.gate["held"])


def in_the_background(iam: Any, names: list[str]) -> threading.Thread:
    def work() -> None:
        for name in names:
            try:
                put(iam, name)
            except ClientError:
                return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_the_gate_stops_before_the_second_write(clean: Cloud, iam: Any) -> None:
    clean.hold_write(2, "before")
    worker = in_the_background(iam, ["gate-1", "gate-2", "gate-3"])
    assert held(clean)
    assert "gate-1" in policies(clean)
    assert "gate-2" not in policies(clean)
    clean.release_write()
    worker.join(5)
    assert {"gate-1", "gate-2", "gate-3"} <= set(policies(clean))


def test_a_dropped_write_never_happened(clean: Cloud, iam: Any) -> None:
    clean.hold_write(1, "before")
    worker = in_the_background(iam, ["dropped"])
    assert held(clean)
    clean.release_write(drop=True)
    worker.join(5)
    assert "dropped" not in policies(clean)


def test_the_gate_stops_after_a_write_that_nobody_hears_of(clean: Cloud, iam: Any) -> None:
    clean.hold_write(1, "after")
    worker = in_the_background(iam, ["done-unheard"])
    assert held(clean)
    assert "done-unheard" in policies(clean)
    clean.release_write()
    worker.join(5)


# --- the trail -----------------------------------------------------------------------------------


def test_writes_are_recorded_with_author_time_and_parameters(clean: Cloud, iam: Any) -> None:
    put(iam, "recorded")
    events = clean.client("cloudtrail", "111111111111").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutRolePolicy"}]
    )["Events"]
    newest = json.loads(events[0]["CloudTrailEvent"])
    assert events[0]["Username"] == "sam"
    assert newest["requestParameters"]["roleName"] == "CheckoutStack"
    assert newest["requestParameters"]["policyName"] == "recorded"
    assert newest["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == ADMIN
    assert abs(events[0]["EventTime"].timestamp() - time.time()) < 60


def test_reads_and_the_building_of_the_world_are_not(clean: Cloud, iam: Any) -> None:
    iam.get_role(RoleName="CheckoutStack")
    trail = clean.client("cloudtrail", "111111111111")
    for name in ("GetRole", "CreatePipeline"):
        attribute = {"AttributeKey": "EventName", "AttributeValue": name}
        assert trail.lookup_events(LookupAttributes=[attribute])["Events"] == []


def test_the_trail_comes_in_pages_newest_first(clean: Cloud, iam: Any) -> None:
    for number in range(55):
        put(iam, f"page-{number}")
    pages = list(
        clean.client("cloudtrail", "111111111111")
        .get_paginator("lookup_events")
        .paginate(
            LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": "sam"}],
        )
    )
    assert len(pages) >= 2
    assert len(pages[0]["Events"]) == 50
    times = [each["EventTime"] for page in pages for each in page["Events"]]
    assert times == sorted(times, reverse=True)
