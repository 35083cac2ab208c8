"""Is the finding cured? Diagnosed anew, after IAM had time to spread the change.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html (eventual consistency)
"""

from __future__ import annotations

import structlog

from workers.diagnosis.model import Certainty, Report
from workers.diagnosis.report_json import to_json
from workers.engine import open_engine
from workers.ledger import FixRequest, Move, State
from workers.room import Room
from workers.slack import report
from workers.telling import reply

# Seconds before the first look and between the later ones.
PATIENCE = (5, 10, 20, 40, 60)

log = structlog.get_logger(__name__)


def verify(room: Room, request_id: str, *, last: bool) -> bool:
    """Diagnose again and record what came of it. False when it is too early to say *not cured*."""
    entry = room.ledger.entry(request_id)
    if entry is None or entry.state is not State.APPLIED:
        return True
    request = entry.request
    with open_engine(room.settings, request.inquiry) as engine:
        found = engine.diagnose(request.pipeline, request.account, request.region)
    cured = is_cured(request, found)
    if not cured and not last:
        return False
    move = Move.FIND_CURED if cured else Move.FIND_NOT_CURED
    details = {"verdict": found.outcome.value, "findings": [each.id for each in found.findings]}
    room.ledger.step(
        request_id, move, click=f"verify-{entry.revision}", actor="worker", details=details
    )
    room.inquiries.save_latest(request.inquiry, to_json(found))
    standing = room.inquiries.standing(request.inquiry)
    if standing is not None:
        message = report.root(found, standing.inquiry.user, room.texts)
        step = f"verified:{request.id}:{entry.revision}"
        room.outbox.add(request.inquiry, reply(standing.inquiry, step, message))
    return True


def is_cured(request: FixRequest, found: Report) -> bool:
    """Whether the requested findings are gone, by their cause, their principal, their action."""
    ids = {each.finding for each in request.cures}
    headlines = {each.headline for each in request.cures}
    return not any(
        each.id in ids or (each.headline in headlines and each.certainty is not Certainty.UNKNOWN)
        for each in found.findings
    )
