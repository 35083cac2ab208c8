"""Who changed a document after a fix had been written, as far as CloudTrail tells.

Looked up only to be told to people: nothing is decided by it. CloudTrail shows an event some
minutes late. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType

import structlog

from workers.aws.history import Change
from workers.aws.sessions import session_name
from workers.diagnosis.model import TargetKind
from workers.incidents.causes import Cause
from workers.incidents.survey import Survey, open_survey
from workers.ledger import FixRequest
from workers.ledger.journal import made
from workers.room import Room

SECONDS = 30.0

# What CloudTrail's events are looked up for, by the kind of document (incidents/changes.toml).
_COMPONENTS: Mapping[TargetKind, str] = MappingProxyType(
    {
        TargetKind.KEY_POLICY: "kms",
        TargetKind.BUCKET_POLICY: "bucket",
        TargetKind.BUCKET_OWNERSHIP: "bucket",
        TargetKind.ROLE_POLICY: "service_role",
        TargetKind.TRUST_POLICY: "trust",
    }
)

log = structlog.get_logger(__name__)


def note_authors(room: Room, request: FixRequest) -> None:
    """Note in the journal who changed each diverged document last. What is not found, or cannot
    be read, is left open."""
    known = made(room.ledger.records(request.id), len(request.documents))
    wanted = [number for number, each in enumerate(known) if each.diverged and not each.author]
    if not wanted:
        return
    with open_survey(room.settings, request.id, SECONDS) as survey:
        for number in wanted:
            change = _last_change(survey, request, number)
            if change is not None:
                record = {
                    "step": number,
                    "what": "author",
                    "name": change.name,
                    "who": change.person or change.actor,
                    "at": change.at,
                }
                room.ledger.journal(request.id, record)


def _last_change(survey: Survey, request: FixRequest, number: int) -> Change | None:
    document = request.documents[number]
    component = _COMPONENTS.get(TargetKind(document.kind))
    if component is None:
        return None
    found = survey.changes(
        Cause(component, document.id),
        document.account,
        document.region or request.region,
        request.requested_at,
        time.time(),
    )
    if found.value is None:
        log.info("who changed it is not known", document=document.id, why=found.why)
        return None
    # The newest one after our own write, which stands in the trail under the request's session.
    own = session_name(request.id)
    ours = [each.at for each in found.value if each.person == own]
    others = [each for each in found.value if each.person != own]
    return next((each for each in others if not ours or each.at >= ours[0]), None)
