"""CloudTrail: denials of the principals involved. Who changed what is `workers.aws.history`.

LookupEvents answers twice a second per account and region, for everybody together:
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
So a diagnosis asks at most twice in each place and never tries again. Events of S3 objects are data
events, which LookupEvents does not know.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from workers.aws.arns import parse
from workers.aws.calls import Chain, Place
from workers.aws.documents import moment, plain
from workers.snapshot.model import EMPTY, Reading, State, TrailEvent, present, unreadable

RATE = 2
"""Lookups per second, account and region."""

_PAGE = 50
_BEFORE, _AFTER = dt.timedelta(minutes=15), dt.timedelta(minutes=5)
# Of a request's parameters only these say who may do what; the others may hold anything.
_TELLING = frozenset(
    {
        "assumeRolePolicyDocument",
        "bucketName",
        "bucketPolicy",
        "grantId",
        "granteePrincipal",
        "groupName",
        "keyId",
        "operations",
        "policy",
        "policyArn",
        "policyDocument",
        "policyId",
        "policyName",
        "roleArn",
        "roleName",
        "roleSessionName",
        "targetId",
        "userName",
        "versionId",
    }
)


def denials(
    chain: Chain, place: Place, roles: Iterable[str], session: str, at: dt.datetime
) -> Reading[tuple[TrailEvent, ...]]:
    """The denials of these roles around a moment, in one account and region.

    With the name of the session that was denied the trail is asked for exactly that; otherwise
    for the newest page of events around the moment.
    """
    if session:
        attributes = [{"AttributeKey": "Username", "AttributeValue": session}]
        named = _lookup(chain, place, at - _BEFORE, at + _AFTER, attributes)
        if named.state is State.PRESENT and any(event.error_code for event in named.require()):
            return _denied(named, frozenset(roles))
    return _denied(_lookup(chain, place, at - _BEFORE, at + _AFTER), frozenset(roles))


def parse_event(item: Mapping[str, Any], account: str, region: str) -> TrailEvent:
    """An event as LookupEvents returns it (the record itself is JSON in a string).

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """
    try:
        record = json.loads(item.get("CloudTrailEvent") or "{}")
    except ValueError:
        record = {}
    identity = record.get("userIdentity") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    listed = [
        *(each.get("ARN", "") for each in record.get("resources") or ()),
        *(each.get("ResourceName", "") for each in item.get("Resources", ())),
    ]
    return TrailEvent(
        id=item.get("EventId", record.get("eventID", "")),
        name=item.get("EventName", record.get("eventName", "")),
        source=item.get("EventSource", record.get("eventSource", "")),
        at=moment(item.get("EventTime")) or record.get("eventTime", ""),
        actor=issuer.get("arn")
        or identity.get("arn")
        or identity.get("invokedBy")
        or item.get("Username", ""),
        account=record.get("recipientAccountId", account),
        region=record.get("awsRegion", region),
        error_code=record.get("errorCode", ""),
        error_message=record.get("errorMessage", ""),
        request=_telling(record.get("requestParameters")),
        resources=tuple(dict.fromkeys(name for name in listed if name)),
    )


def _lookup(
    chain: Chain,
    place: Place,
    since: dt.datetime,
    until: dt.datetime,
    attributes: Iterable[Mapping[str, str]] = (),
) -> Reading[tuple[TrailEvent, ...]]:
    given: dict[str, Any] = {"LookupAttributes": list(attributes)} if attributes else {}
    listed = chain.pages(
        place._replace(service="cloudtrail"),
        "LookupEvents",
        "Events",
        at_most=1,
        StartTime=since,
        EndTime=until,
        PaginationConfig={"PageSize": _PAGE},
        **given,
    )
    if listed.state is not State.PRESENT:
        return unreadable(listed.why)
    return present(
        tuple(parse_event(item, place.account, place.region) for item in listed.require())
    )


def _denied(
    events: Reading[tuple[TrailEvent, ...]], roles: frozenset[str]
) -> Reading[tuple[TrailEvent, ...]]:
    if events.state is not State.PRESENT:
        return events
    names = {arn.name for arn in map(parse, roles) if arn is not None}
    return present(
        tuple(
            event
            for event in events.require()
            if event.error_code and (event.actor in roles or _role_name(event.actor) in names)
        )
    )


def _role_name(actor: str) -> str:
    """The role of a session's ARN (…:assumed-role/name/session) or of a role's own."""
    arn = parse(actor)
    if arn is None:
        return ""
    if arn.resource.startswith("assumed-role/"):
        return arn.resource.split("/")[1]
    return arn.name


def _telling(parameters: object) -> Mapping[str, Any]:
    if not isinstance(parameters, Mapping):
        return EMPTY
    return MappingProxyType(
        {name: plain(value) for name, value in parameters.items() if name in _TELLING}
    )
