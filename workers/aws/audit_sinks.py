"""Copies of the audit trail in AWS, written under the worker's own credentials.

Both keep each entry once, however often it is given: the bucket by the object's name and a
conditional write, the log group by looking at what stands at the end of the stream.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from workers.aws.models import models
from workers.ledger import audit
from workers.ledger.audit import AuditEntry
from workers.ledger.sinks import SinkFailure

STREAM = "audit-trail"
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
MOST_BYTES = 1_048_576
EVENT_BYTES = 26  # that each event counts for beside its message
LOOKED_AT = 50  # newest events of the stream

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=20
)


class BucketSink:
    """One object for each entry, `<prefix>2026/11/24/<stream id>.json`, written only if there is
    none of that name; with `days`, locked against deletion for so long after it was written.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        days: int | None = None,
        mode: str = "GOVERNANCE",
        region: str | None = None,
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._days = days
        self._mode = mode
        self._client = _client("s3", region)

    @property
    def name(self) -> str:
        return f"s3:{self._bucket}/{self._prefix}"

    def write(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self.key(entry),
                    Body=audit.line(entry).encode(),
                    ContentType="application/json",
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    **self._lock(),
                )
            except ClientError as error:
                if _code(error) != "PreconditionFailed":
                    raise self._failure(error) from None
            except BotoCoreError as error:
                raise self._failure(error) from None

    def key(self, entry: AuditEntry) -> str:
        """The name of an entry's object; in the order of the trail within one day."""
        milliseconds, sequence = audit.order(entry.id)
        day = datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y/%m/%d")
        return f"{self._prefix}{day}/{milliseconds:013d}-{sequence:06d}.json"

    def _lock(self) -> Mapping[str, Any]:
        if self._days is None:
            return {}
        until = datetime.now(UTC) + timedelta(days=self._days)
        return {"ObjectLockMode": self._mode, "ObjectLockRetainUntilDate": until}

    def _failure(self, error: Exception) -> SinkFailure:
        needed = "s3:PutObject" + (" and s3:PutObjectRetention" if self._days else "")
        lock = "; with audit.retention_days it needs Object Lock" if self._days else ""
        return SinkFailure(
            f"The bucket {self._bucket} did not take the audit trail: {error}. The worker's role "
            f"needs {needed} on {self._bucket}/{self._prefix}*, and the bucket has to exist{lock}."
        )


class LogSink:
    """One event for each entry in the stream `audit-trail` of a log group. The events carry the
    time of copying, for CloudWatch Logs takes none that are older than two weeks or than the
    group's retention; when a thing happened is `at` in the entry."""

    def __init__(self, group: str, *, region: str | None = None) -> None:
        self._group = group
        self._client = _client("logs", region)

    @property
    def name(self) -> str:
        return f"logs:{self._group}"

    def write(self, entries: Sequence[AuditEntry]) -> None:
        try:
            known = self._newest()
            missing = [each for each in entries if audit.order(each.id) > known]
            for batch in _batches([audit.line(each) for each in missing]):
                self._put(batch)
        except (ClientError, BotoCoreError) as error:
            raise self._failure(str(error)) from None

    def _newest(self) -> tuple[int, int]:
        """The order of the newest entry that stands in the stream, which is made if need be."""
        try:
            answer = self._client.get_log_events(
                logGroupName=self._group,
                logStreamName=STREAM,
                startFromHead=False,
                limit=LOOKED_AT,
            )
        except ClientError as error:
            if _code(error) != "ResourceNotFoundException":
                raise
            self._make_stream()
            return (0, 0)
        found = [(0, 0)]
        for event in answer["events"]:
            try:
                found.append(audit.order(audit.parse(event["message"]).id))
            except ValueError:
                continue  # somebody else's line
        return max(found)

    def _make_stream(self) -> None:
        """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html"""
        try:
            self._client.create_log_stream(logGroupName=self._group, logStreamName=STREAM)
        except ClientError as error:
            if _code(error) != "ResourceAlreadyExistsException":
                raise

    def _put(self, lines: Sequence[str]) -> None:
        now = int(time.time() * 1000)
        answer = self._client.put_log_events(
            logGroupName=self._group,
            logStreamName=STREAM,
            logEvents=[{"timestamp": now, "message": each} for each in lines],
        )
        if rejected := answer.get("rejectedLogEventsInfo"):
            raise self._failure(f"events were rejected: {rejected}")

    def _failure(self, why: str) -> SinkFailure:
        return SinkFailure(
            f"The log group {self._group} did not take the audit trail: {why}. It has to exist, "
            "and the worker's role needs logs:CreateLogStream, logs:GetLogEvents and "
            f"logs:PutLogEvents on its stream {STREAM}."
        )


def _batches(lines: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for line in lines:
        bytes_ = len(line.encode()) + EVENT_BYTES
        if batch and size + bytes_ > MOST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += bytes_
    if batch:
        yield batch


def _client(service: str, region: str | None) -> Any:
    return models().base.create_client(
        service, region_name=region or models().home_region(), config=_CONFIG
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
