"""A request's documents as steps to make, and what the journal says of each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workers.aws.mandate import Mandate
from workers.diagnosis.model import Step, Target, TargetKind
from workers.ledger import Entry, FixRequest
from workers.room import Room


@dataclass(frozen=True, slots=True)
class Made:
    """What the journal knows of one step: whether a write was begun, and what AWS took."""

    intended: bool = False
    written: bool = False
    undone: bool = False
    request_id: str = ""
    document: str | None = None


def steps_of(request: FixRequest) -> tuple[Step, ...]:
    return tuple(
        Step(
            target=Target(
                kind=TargetKind(each.kind),
                id=each.id,
                account=each.account,
                region=each.region,
                name=each.name,
                path=each.path,
            ),
            before=each.before,
            after=each.after,
            diff=each.diff,
        )
        for each in request.documents
    )


def made(records: Iterable[Mapping[str, Any]], steps: int) -> tuple[Made, ...]:
    """The journal folded, one value per step. The last record of a step counts."""
    known = [Made() for _ in range(steps)]
    for record in records:
        number = int(record["step"])
        match record["what"]:
            case "intend":
                known[number] = Made(intended=True)
            case "written":
                known[number] = Made(
                    intended=True,
                    written=True,
                    request_id=str(record.get("request_id", "")),
                    document=record.get("document"),
                )
            case "undone":
                known[number] = Made(intended=True, undone=True)
    return tuple(known)


def mandate(room: Room, entry: Entry) -> Mandate:
    """The people as CloudTrail shall show them: their Slack names beside their ids."""
    return Mandate(
        entry.request.id,
        room.directory.name(entry.request.requester),
        tuple(room.directory.name(user) for user in entry.approvals),
    )
