"""The jobs of fixing. As those of `workers.jobs` they take JSON values and may run twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from rq import Retry, get_current_job

from workers.entrance import may_ask, welcome
from workers.fixing import retry as retrying
from workers.fixing.apply import apply as apply_fix
from workers.fixing.authors import note_authors
from workers.fixing.decisions import NEXT, Decision
from workers.fixing.decisions import decide as decide_fix
from workers.fixing.plan import Later
from workers.fixing.reminders import remind as remind_approvers
from workers.fixing.roll_back import roll_back as roll_back_fix
from workers.fixing.verify import PATIENCE
from workers.fixing.verify import verify as verify_fix
from workers.inquiry import Inquiry, State
from workers.jobs import announce
from workers.ledger import Entry
from workers.ledger import State as FixState
from workers.queue import FIX_JOBS, FOLLOW, enqueue, enqueue_later, open_queue
from workers.room import Room, open_room
from workers.slack import fixes
from workers.slack.people import NotKnown
from workers.telling import failing, tell

TRIES = 6
AGAIN = Retry(max=TRIES, interval=[2, 5, 10, 20, 40, 60])

log = structlog.get_logger(__name__)


def decide(click: dict[str, Any]) -> Retry | None:
    """Approve, reject, withdraw or take back, if this person may."""
    decision = Decision.model_validate(click)
    room = open_room()
    try:
        entry = decide_fix(room, decision)
    except NotKnown as error:
        log.warning("Slack does not say who clicked", request=decision.request, error=str(error))
        return AGAIN
    if entry is not None:
        announce(decision.request)
        _go_on(room, decision.request)
    return None


def apply(request_id: str) -> Retry | None:
    """Write the approved documents."""
    room = open_room()
    try:
        apply_fix(room, request_id, last=_is_last())
    except Later as later:
        log.warning("fix not applied yet", request=request_id, why=str(later))
        return AGAIN
    announce(request_id)
    _go_on(room, request_id)
    return None


def verify(request_id: str, attempt: int = 0) -> None:
    """Diagnose again; later once more, while the change may not have spread yet."""
    room = open_room()
    last = attempt + 1 >= len(PATIENCE)
    if not verify_fix(room, request_id, last=last):
        _later(room, request_id, attempt + 1)
        return
    announce(request_id)


def roll_back(request_id: str) -> Retry | None:
    """Put the documents back."""
    room = open_room()
    try:
        roll_back_fix(room, request_id, last=_is_last())
    except Later as later:
        log.warning("fix not rolled back yet", request=request_id, why=str(later))
        return AGAIN
    entry = room.ledger.entry(request_id)
    if entry is not None and entry.state is FixState.DIVERGED:
        note_authors(room, entry.request)
    announce(request_id)
    return None


def remind(request_id: str, number: int) -> None:
    """Remind those who may approve, or tell those to whom it is escalated."""
    remind_approvers(open_room(), request_id, number)


def retry_stage(click: dict[str, Any]) -> Retry | None:
    """Run the stopped stage again, if this person may, and follow it."""
    room = open_room()
    try:
        retried = retrying.retry(room, retrying.Click.model_validate(click))
    except NotKnown as error:
        log.warning("Slack does not say who clicked", error=str(error))
        return AGAIN
    if retried is not None:
        _follow(room, retried, 0)
    return None


def follow(retried: dict[str, Any], look: int) -> None:
    """See how a retried stage ended; while it runs, look again later."""
    room, again = open_room(), retrying.Retried.model_validate(retried)
    if not retrying.follow(room, again, last=look + 1 >= retrying.LOOKS):
        _follow(room, again, look + 1)


def history(request: dict[str, Any]) -> Retry | None:
    """Tell the asker which fixes a pipeline has seen."""
    inquiry = Inquiry.model_validate(request)
    room = open_room()
    with failing(room, inquiry):
        try:
            if not welcome(room, inquiry):
                return None
            entries = [
                each
                for each in room.ledger.entries()
                if is_about(each, inquiry) and may_ask(room, inquiry, each.request.account)
            ]
        except NotKnown as error:
            log.warning("Slack does not say who asks", inquiry=inquiry.id, error=str(error))
            return AGAIN
        message = fixes.history(inquiry.name, entries, room.settings, room.texts)
        tell(room, inquiry, "history", message, State.ANSWERED)
    return None


def is_about(entry: Entry, inquiry: Inquiry) -> bool:
    """Whether a request belongs to the pipeline that is asked about."""
    request = entry.request
    return (
        request.pipeline == inquiry.name
        and inquiry.account in (None, request.account)
        and inquiry.region in (None, request.region)
    )


def _follow(room: Room, retried: retrying.Retried, look: int) -> None:
    queue = open_queue(room.redis, room.settings.jobs)
    pause = timedelta(seconds=retrying.PAUSE_SECONDS)
    job = f"follow-{retried.stopped.id}-{retried.execution}-{look}"
    enqueue_later(queue, pause, FOLLOW, retried.model_dump(mode="json"), look, id=job)


def _go_on(room: Room, request_id: str) -> None:
    """Put the job in that the request's state calls for. The workers' rounds do so, too."""
    entry = room.ledger.entry(request_id)
    if entry is None or (name := NEXT.get(entry.state)) is None:
        return
    if name == "verify":
        _later(room, request_id, 0)
        return
    queue = open_queue(room.redis, room.settings.jobs)
    enqueue(queue, FIX_JOBS[name], request_id, id=f"{name}-{request_id}-{entry.revision}")


def _later(room: Room, request_id: str, attempt: int) -> None:
    queue = open_queue(room.redis, room.settings.jobs)
    seconds = timedelta(seconds=PATIENCE[min(attempt, len(PATIENCE) - 1)])
    job = f"verify-{request_id}-{attempt}"
    enqueue_later(queue, seconds, FIX_JOBS["verify"], request_id, attempt, id=job)


def _is_last() -> bool:
    job = get_current_job()
    return job is not None and (job.number_of_retries or 0) >= TRIES
