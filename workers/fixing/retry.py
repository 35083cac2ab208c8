"""Retry the stage that a cured denial had stopped, and watch what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from pydantic import BaseModel, ConfigDict

from workers.aws.changes import CannotChange, retry_stage
from workers.aws.mandate import Mandate
from workers.aws.sessions import CannotAssume, Sessions
from workers.engine import open_engine
from workers.fixing.clicks import clicker, explain
from workers.ledger import Entry
from workers.ledger.rules import may_retry
from workers.room import Room
from workers.slack import blocks, markup
from workers.slack.markup import Mrkdwn, code
from workers.snapshot.model import Reading, Run
from workers.telling import reply

LOOKS = 60  # at the execution, before it is left alone
PAUSE_SECONDS = 15

log = structlog.get_logger(__name__)


class Click(BaseModel):
    """Somebody pressed `Retry stage`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str
    user: str
    team: str = ""
    channel: str = ""
    click: str


class Retried(BaseModel):
    """A stage that runs again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str
    execution: str
    user: str
    at: float


def retry(room: Room, click: Click) -> Retried | None:
    """Run the failed actions again if this person may. None when nothing was started; the
    person, or the thread, was told why. Raises NotKnown."""
    entry = room.ledger.entry(click.request)
    if entry is None:
        return None
    who = clicker(room, entry, click.user, click.team, click.channel)
    allowed = may_retry(entry, who)
    if not allowed.allows:
        explain(room, entry, allowed, user=click.user, channel=click.channel, click=click.click)
        return None
    request = entry.request
    execution = failed_execution(_runs(room, entry), request.stage)
    if not execution:
        text = room.texts("retry.nothing", stage=code(request.stage), name=code(request.pipeline))
        _say(room, entry, f"retry:{click.click}", text)
        return None
    if not room.ledger.once(request.id, f"retry:{execution}"):
        return None
    try:
        aws_request = retry_stage(
            Sessions(room.settings, request_id=request.id),
            request.pipeline_arn,
            request.stage,
            execution,
            Mandate(
                request.id,
                room.directory.name(request.requester),
                (room.directory.name(click.user),),
            ),
        )
    except (CannotChange, CannotAssume) as error:
        text = room.texts("retry.refused", stage=code(request.stage), why=markup.escape(str(error)))
        _say(room, entry, f"retry:{click.click}", text)
        return None
    room.ledger.note(
        {
            "event": "retry_stage",
            "request": request.id,
            "actor": click.user,
            "click": click.click,
            "at": time.time(),
            "details": {
                "stage": request.stage,
                "execution": execution,
                "aws_requests": [aws_request],
            },
        }
    )
    text = room.texts("retry.started", stage=code(request.stage), user=markup.user(click.user))
    _say(room, entry, f"retry:{click.click}", text)
    return Retried(request=request.id, execution=execution, user=click.user, at=time.time())


def follow(room: Room, retried: Retried, *, last: bool) -> bool:
    """Say how the stage ended. False while it still runs."""
    entry = room.ledger.entry(retried.request)
    if entry is None:
        return True
    runs = _runs(room, entry)
    outcome = outcome_of(runs, entry.request.stage, retried.execution, retried.at)
    if not outcome and not last:
        return False
    stage = code(entry.request.stage)
    text = room.texts(f"retry.{outcome or 'unfinished'}", stage=stage, name=entry.request.pipeline)
    _say(room, entry, f"retried:{retried.execution}", text)
    return True


def failed_execution(runs: Reading[tuple[Run, ...]], stage: str) -> str:
    """The execution whose failure is the newest of the stage; nothing if the newest is none."""
    for run in runs.value or ():
        if run.stage == stage:
            return run.execution if run.status == "Failed" else ""
    return ""


def outcome_of(runs: Reading[tuple[Run, ...]], stage: str, execution: str, since: float) -> str:
    """`succeeded`, `failed`, or nothing while it is not decided."""
    again: Sequence[Run] = [
        run
        for run in runs.value or ()
        if run.stage == stage and run.execution == execution and _moment(run.at) >= since - 5
    ]
    statuses = {run.status for run in again}
    if not statuses or "InProgress" in statuses:
        return ""
    return "failed" if statuses - {"Succeeded"} else "succeeded"


def _runs(room: Room, entry: Entry) -> Reading[tuple[Run, ...]]:
    request = entry.request
    with open_engine(room.settings, request.inquiry) as engine:
        return engine.runs(request.pipeline, request.account, request.region)


def _say(room: Room, entry: Entry, step: str, text: Mrkdwn) -> None:
    standing = room.inquiries.standing(entry.request.inquiry)
    if standing is None:
        return
    room.outbox.add(entry.request.inquiry, reply(standing.inquiry, step, blocks.message(text)))
    room.outbox.deliver(entry.request.inquiry)


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except ValueError:
        return 0.0
