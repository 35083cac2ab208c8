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
from workers.diagnosis.report_json import from_json
from workers.engine import open_engine
from workers.fixing.clicks import clicker, explain
from workers.ledger import Entitled
from workers.ledger.rules import Matter, may_retry
from workers.room import Room
from workers.slack import blocks, findings, markup
from workers.slack.markup import Mrkdwn, code
from workers.snapshot.model import Reading, Run
from workers.telling import reply

RETRY = "retry_stage"  # in the audit trail
LOOKS = 60  # at the execution, before it is left alone
PAUSE_SECONDS = 15

log = structlog.get_logger(__name__)


class Click(BaseModel):
    """Somebody pressed `Retry stage`, of a cured `request` or of a `finding` that has passed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str = ""
    inquiry: str = ""
    finding: str = ""
    user: str
    team: str = ""
    channel: str = ""
    click: str


class Stopped(BaseModel):
    """A stage that a denial had stopped. `id` is the request's, else the inquiry's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    inquiry: str
    pipeline: str
    account: str
    region: str
    arn: str
    stage: str


class Retried(BaseModel):
    """A stage that runs again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stopped: Stopped
    execution: str
    user: str
    at: float


def retry(room: Room, click: Click) -> Retried | None:
    """Run the failed actions again if this person may. None when nothing was started; the
    person, or the thread, was told why. Raises NotKnown."""
    meant = _of_request(room, click) if click.request else _of_finding(room, click)
    if meant is None:
        log.warning("retry of what is not there", request=click.request, inquiry=click.inquiry)
        return None
    stopped, matter = meant
    who = clicker(room, matter, click.user, click.team, click.channel)
    allowed = may_retry(matter, who)
    if not allowed.allows:
        room.ledger.refused(stopped.id, click.user, RETRY, allowed, click.click)
        explain(room, matter, allowed, user=click.user, channel=click.channel, click=click.click)
        return None
    execution = failed_execution(_runs(room, stopped), stopped.stage)
    if not execution:
        values = {"stage": code(stopped.stage), "name": code(stopped.pipeline)}
        _say(room, stopped, f"retry:{click.click}", room.texts("retry.nothing", **values))
        return None
    if not room.ledger.once(stopped.id, f"retry:{execution}"):
        return None
    return _start(room, stopped, matter, click, execution)


def follow(room: Room, retried: Retried, *, last: bool) -> bool:
    """Say how the stage ended. False while it still runs."""
    stopped = retried.stopped
    runs = _runs(room, stopped)
    outcome = outcome_of(runs, stopped.stage, retried.execution, retried.at)
    if not outcome and not last:
        return False
    text = room.texts(
        f"retry.{outcome or 'unfinished'}", stage=code(stopped.stage), name=stopped.pipeline
    )
    _say(room, stopped, f"retried:{retried.execution}", text)
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


def _start(
    room: Room, stopped: Stopped, matter: Matter, click: Click, execution: str
) -> Retried | None:
    people = Mandate(
        stopped.id,
        room.directory.name(matter.requester or click.user),
        (room.directory.name(click.user),),
    )
    sessions = Sessions(room.settings, request_id=stopped.id)
    stage = code(stopped.stage)
    try:
        aws_request = retry_stage(sessions, stopped.arn, stopped.stage, execution, people)
    except (CannotChange, CannotAssume) as error:
        text = room.texts("retry.refused", stage=stage, why=markup.escape(str(error)))
        _say(room, stopped, f"retry:{click.click}", text)
        return None
    details = {"stage": stopped.stage, "execution": execution, "aws_requests": [aws_request]}
    room.ledger.note(
        {
            "event": RETRY,
            "request": stopped.id,
            "actor": click.user,
            "click": click.click,
            "at": time.time(),
            "details": {"pipeline": stopped.arn, **details},
        }
    )
    text = room.texts("retry.started", stage=stage, user=markup.user(click.user))
    _say(room, stopped, f"retry:{click.click}", text)
    return Retried(stopped=stopped, execution=execution, user=click.user, at=time.time())


def _of_request(room: Room, click: Click) -> tuple[Stopped, Matter] | None:
    entry = room.ledger.entry(click.request)
    if entry is None:
        return None
    request = entry.request
    stopped = Stopped(
        id=request.id,
        inquiry=request.inquiry,
        pipeline=request.pipeline,
        account=request.account,
        region=request.region,
        arn=request.pipeline_arn,
        stage=request.stage,
    )
    return stopped, Matter.of(entry)


def _of_finding(room: Room, click: Click) -> tuple[Stopped, Matter] | None:
    """A denial that has passed by itself: nobody asked for anything, so only those who decide in
    the pipeline's account may."""
    known, standing = room.inquiries.report(click.inquiry), room.inquiries.standing(click.inquiry)
    if known is None or standing is None:
        return None
    report = from_json(known)
    found = next((each for each in report.findings if each.id == click.finding), None)
    if found is None or not findings.retriable(found):
        return None
    stopped = Stopped(
        id=click.inquiry,
        inquiry=click.inquiry,
        pipeline=report.name,
        account=report.account,
        region=report.region,
        arn=report.arn,
        stage=found.stage,
    )
    inquiry = standing.inquiry
    channel = standing.channel or inquiry.channel
    entitled = (Entitled.now(report.account, room.settings),)
    return stopped, Matter(click.inquiry, inquiry.team, channel, "", entitled)


def _runs(room: Room, stopped: Stopped) -> Reading[tuple[Run, ...]]:
    with open_engine(room.settings, stopped.inquiry) as engine:
        return engine.runs(stopped.pipeline, stopped.account, stopped.region)


def _say(room: Room, stopped: Stopped, step: str, text: Mrkdwn) -> None:
    standing = room.inquiries.standing(stopped.inquiry)
    if standing is None:
        return
    room.outbox.add(stopped.inquiry, reply(standing.inquiry, step, blocks.message(text)))
    room.outbox.deliver(stopped.inquiry)


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except ValueError:
        return 0.0
