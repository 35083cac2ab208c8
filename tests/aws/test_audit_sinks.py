"""Copies of the audit trail in S3 and CloudWatch Logs: each entry once, locked, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.aws.cloud import Cloud
from tests.aws.conftest import REGION
from workers.aws import audit_sinks
from workers.aws.audit_sinks import STREAM, BucketSink, LogSink
from workers.ledger import audit
from workers.ledger.audit import GENESIS, AuditEntry
from workers.ledger.sinks import SinkFailure

MOTO = "123456789012"  # the account of credentials that moto does not know
BUCKET, GROUP = "audit-copies", "/pipeline-access/audit"


def trail(number: int) -> tuple[AuditEntry, ...]:
    previous, found = GENESIS, []
    for index in range(number):
        text, digest = audit.entry(previous, {"event": "refused", "request": f"r{index}"})
        found.append(AuditEntry(f"1790000000000-{index}", json.loads(text), digest))
        previous = digest
    return tuple(found)


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    client = cloud.client("s3", MOTO, REGION)
    place = {"LocationConstraint": REGION}
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True
    )
    return client


@pytest.fixture
def logs(cloud: Cloud) -> Any:
    client = cloud.client("logs", MOTO, REGION)
    client.create_log_group(logGroupName=GROUP)
    return client


def kept(logs: Any) -> Sequence[AuditEntry]:
    answer = logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM, startFromHead=True)
    return [audit.parse(each["message"]) for each in answer["events"]]


def test_each_entry_is_an_object_in_the_order_of_the_trail(s3: Any) -> None:
    entries = trail(12)
    BucketSink(BUCKET, "copies/").write(entries)
    listed = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert listed[0] == "copies/2026/09/21/1790000000000-000000.json"
    bodies = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in listed]
    copies = [audit.parse(each) for each in bodies]
    assert copies == list(entries)
    assert audit.verify(copies, entries[-1].hash) is None


def test_an_object_that_is_there_is_never_written_again(s3: Any) -> None:
    entries = trail(3)
    sink = BucketSink(BUCKET, "copies/", days=30)
    sink.write(entries[:2])
    sink.write(entries)
    versions = s3.list_object_versions(Bucket=BUCKET)["Versions"]
    assert len(versions) == len({each["Key"] for each in versions}) == 3


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_an_object_is_locked_for_the_days_of_the_configuration(s3: Any, mode: str) -> None:
    sink = BucketSink(BUCKET, "", days=400, mode=mode)
    (entry,) = trail(1)
    sink.write([entry])
    held = s3.head_object(Bucket=BUCKET, Key=sink.key(entry))
    assert held["ObjectLockMode"] == mode
    left = held["ObjectLockRetainUntilDate"] - datetime.now(UTC)
    assert timedelta(days=399, hours=23) < left <= timedelta(days=400)


def test_a_bucket_that_is_not_there_is_named_with_what_is_needed(cloud: Cloud) -> None:
    with pytest.raises(SinkFailure, match=r"no-such-bucket.*s3:PutObject on no-such-bucket/x/\*"):
        BucketSink("no-such-bucket", "x/").write(trail(1))


def test_the_log_has_each_entry_once_and_in_order(logs: Any) -> None:
    entries = trail(5)
    sink = LogSink(GROUP)
    sink.write(entries[:3])
    sink.write(entries)  # a worker died before it had noted that the first three are kept
    sink.write(entries)
    assert kept(logs) == list(entries)
    assert audit.verify(kept(logs), entries[-1].hash) is None


def test_lines_of_others_in_the_stream_do_no_harm(logs: Any) -> None:
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    now = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(
        logGroupName=GROUP,
        logStreamName=STREAM,
        logEvents=[{"timestamp": now, "message": "hello"}],
    )
    LogSink(GROUP).write(trail(2))
    answer = logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM, startFromHead=True)
    assert len(answer["events"]) == 3


def test_a_batch_is_no_larger_than_cloudwatch_takes(
    logs: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = trail(6)
    two = 2 * (len(audit.line(entries[0]).encode()) + audit_sinks.EVENT_BYTES)
    monkeypatch.setattr(audit_sinks, "MOST_BYTES", two)
    LogSink(GROUP).write(entries)
    assert len(cloud.made("logs", "PutLogEvents")) == 3
    assert kept(logs) == list(entries)


def test_a_group_that_is_not_there_is_named_with_what_is_needed(cloud: Cloud) -> None:
    with pytest.raises(SinkFailure, match=r"/nowhere did not take .* logs:PutLogEvents"):
        LogSink("/nowhere").write(trail(1))


def test_a_refusal_is_told(logs: Any, cloud: Cloud) -> None:
    cloud.refuse("logs", "PutLogEvents", code="AccessDeniedException")
    with pytest.raises(SinkFailure, match="AccessDeniedException"):
        LogSink(GROUP).write(trail(1))
