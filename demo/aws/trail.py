"""A CloudTrail of management events: every write that the gateway lets through, and what the
world was seeded with. Simulated: moto has no LookupEvents."""

from __future__ import annotations

import datetime as dt
import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import uuid4

from demo.aws.identity import Caller

# Global services write their events to this region
# (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html).
_GLOBAL_REGION = "us-east-1"
_GLOBAL_SERVICES = frozenset({"iam", "organizations", "sts"})
_PAGE = 50
_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Event:
    """One management event. `record` is the CloudTrail record as a client parses it."""

    id: str
    name: str
    source: str
    at: dt.datetime
    user: str
    account: str
    region: str
    read_only: bool
    access_key: str
    resources: tuple[str, ...]
    record: Mapping[str, Any]


@dataclass(slots=True)
class Trail:
    """Events, newest first on reading. Thread-safe."""

    _events: deque[Event] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _lock: Lock = field(default_factory=Lock)

    def record(
        self,
        *,
        service: str,
        operation: str,
        caller: Caller,
        account: str,
        region: str,
        params: Mapping[str, Any],
        resources: tuple[str, ...] = (),
        error: tuple[str, str] | None = None,
        at: dt.datetime | None = None,
        read_only: bool = False,
        source_ip: str = "127.0.0.1",
        invoked_by: str | None = None,
    ) -> None:
        """Write one event. `error` is (code, message) of a call that was refused."""
        at = at or dt.datetime.now(dt.UTC)
        region = _GLOBAL_REGION if service in _GLOBAL_SERVICES else region
        source = f"{service}.amazonaws.com"
        body: dict[str, Any] = {
            "eventVersion": "1.11",
            "eventID": str(uuid4()),
            "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": source,
            "eventName": operation,
            "awsRegion": region,
            "sourceIPAddress": invoked_by or source_ip,
            "userIdentity": _identity(caller, invoked_by),
            "requestParameters": _lower(params),
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": account,
            "resources": [{"ARN": arn, "accountId": account} for arn in resources],
        }
        if error is not None:
            body["errorCode"], body["errorMessage"] = error
        event = Event(
            id=body["eventID"],
            name=operation,
            source=source,
            at=at,
            user=caller.session_name or caller.identity.rsplit("/", 1)[-1],
            account=account,
            region=region,
            read_only=read_only,
            access_key=caller.access_key,
            resources=resources,
            record=body,
        )
        with self._lock:
            self._events.append(event)

    def look_up(self, account: str, region: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """LookupEvents: newest first, at most 50 a page, one attribute at most
        (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html)."""
        since, until = params.get("StartTime"), params.get("EndTime")
        found = [
            event
            for event in self._all()
            if event.account == account
            and event.region == region
            and (since is None or event.at >= since.replace(tzinfo=dt.UTC))
            and (until is None or event.at <= until.replace(tzinfo=dt.UTC))
            and all(_has(event, each) for each in params.get("LookupAttributes") or ())
        ]
        start = int(params.get("NextToken") or 0)
        end = start + min(int(params.get("MaxResults") or _PAGE), _PAGE)
        answer: dict[str, Any] = {"Events": [_summary(event) for event in found[start:end]]}
        if end < len(found):
            answer["NextToken"] = str(end)
        return answer

    def _all(self) -> Iterable[Event]:
        with self._lock:
            events = list(self._events)
        return sorted(events, key=lambda event: event.at, reverse=True)


def _has(event: Event, attribute: Mapping[str, str]) -> bool:
    value = attribute["AttributeValue"]
    match attribute["AttributeKey"]:
        case "EventId":
            return event.id == value
        case "EventName":
            return event.name == value
        case "EventSource":
            return event.source == value
        case "Username":
            return event.user == value
        case "ReadOnly":
            return str(event.read_only).lower() == value
        case "AccessKeyId":
            return event.access_key == value
        case "ResourceName":
            return any(value in (arn, arn.rsplit("/", 1)[-1]) for arn in event.resources)
        case "ResourceType":
            return False
    return False


def _summary(event: Event) -> dict[str, Any]:
    return {
        "EventId": event.id,
        "EventName": event.name,
        "ReadOnly": str(event.read_only).lower(),
        "AccessKeyId": event.access_key,
        "EventTime": event.at.replace(tzinfo=None),
        "EventSource": event.source,
        "Username": event.user,
        "Resources": [{"ResourceName": arn} for arn in event.resources],
        "CloudTrailEvent": json.dumps(event.record),
    }


def _identity(caller: Caller, invoked_by: str | None) -> dict[str, Any]:
    identity: dict[str, Any] = {
        "type": "Root" if caller.is_root else "IAMUser",
        "principalId": caller.unique_id,
        "arn": caller.arn,
        "accountId": caller.account,
        "accessKeyId": caller.access_key,
    }
    if ":assumed-role/" in caller.arn:
        identity["type"] = "AssumedRole"
        identity["sessionContext"] = {
            "sessionIssuer": {
                "type": "Role",
                "arn": caller.identity,
                "accountId": caller.account,
                "userName": caller.identity.rsplit("/", 1)[-1],
            }
        }
        if caller.source_identity:
            identity["sessionContext"]["sourceIdentity"] = caller.source_identity
    if invoked_by:
        identity["invokedBy"] = invoked_by
    return identity


def _lower(value: Any) -> Any:
    """Parameter names as CloudTrail writes them (lower camel case), values JSON can hold."""
    if isinstance(value, Mapping):
        return {str(k)[:1].lower() + str(k)[1:]: _lower(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lower(each) for each in value]
    if isinstance(value, (bytes, dt.datetime)):
        return str(value)
    return value
