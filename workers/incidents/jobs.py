"""The jobs of incidents: what the worker does about failures, watches and sweeps.

As those of `workers.jobs` they take JSON values, may run twice, and speak through outboxes.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from rq import Retry

from workers.freshness import outdate
from workers.incidents import investigating, recovery, threads, watching
from workers.incidents import sweep as sweeping
from workers.incidents.health import Health, of_look
from workers.incidents.intake import Intake
from workers.incidents.looks import identity, looked
from workers.incidents.survey import open_survey
from workers.incidents.triage import Triage, alerts_of
from workers.incidents.watches import Kind, Target
from workers.inquiry import Inquiry, new_id
from workers.queue import TAKE_STOCK, enqueue, open_queue
from workers.room import Room, open_room
from workers.slack.people import NotKnown
from workers.telling import SLACK_AWAY, answered

BATCH = 100  # pipelines looked at together
LOOKING = 0.8  # of a sweep's time; the rest is for CloudTrail and for telling
FRESH_SECONDS = 3600  # what was looked at so lately is known
STOCK_SECONDS = 15.0  # for which what is newly watched keeps a worker busy at a time
SHARE = 0.5  # of the job's time after which the rest is left to the next job

log = structlog.get_logger(__name__)


def alerts() -> None:
    """Look at pipelines that failed or succeeded again, and at those of which nobody has heard for
    a while, and show what that means in threads.

    One job at a time does it (its id is unique). What it leaves, the next round finds.
    """
    room, began = open_room(), time.monotonic()
    seconds = room.settings.jobs.timeout_seconds
    intake = Intake(room.redis)
    try:
        while time.monotonic() - began < seconds * SHARE and (due := intake.due(BATCH)):
            with open_survey(room.settings, f"alerts-{new_id()}", seconds * SHARE) as survey:
                Triage(room, intake, survey).work_off(due)
            threads.show_changed(room)
    except NotKnown as error:
        log.warning("Slack does not say who may be told", error=str(error))
    known = alerts_of(room)
    if time.monotonic() - began < seconds * SHARE and (down := known.to_check(time.time())):
        with open_survey(room.settings, f"alerts-{new_id()}", seconds * (1 - SHARE)) as survey:
            recovery.check(known, Health(room.redis), survey, down)
    threads.show_changed(room)


def watch(request: dict[str, Any], target: dict[str, Any]) -> Retry | None:
    """Let a channel watch pipelines, if the person may ask about them."""
    wanted = Target.model_validate(target)
    return answered(request, lambda room, inquiry: watching.watch(room, inquiry, wanted))


def take_stock(target: dict[str, Any]) -> None:
    """Look at what somebody has begun to watch, so that App Home can say how it is.

    An account may have hundreds: a job looks at some and leaves the rest to another, behind what
    people wait for meanwhile. What was looked at lately is not looked at again.
    """
    room, wanted, began = open_room(), Target.model_validate(target), time.monotonic()
    account = wanted.value if wanted.kind is Kind.ACCOUNT else wanted.account
    health, looks = Health(room.redis), 0
    fresh = {each.id for each in health.all() if each.seen > time.time() - FRESH_SECONDS}
    with open_survey(room.settings, f"stock-{new_id()}", STOCK_SECONDS * 5) as survey:
        there = survey.pipelines(account, wanted.region).matches
        missing = [
            each
            for each in investigating.chosen(there, [wanted])
            if identity(each.name, each.account, each.region) not in fresh
        ]
        for surveyed in survey.look(missing, lambda: time.monotonic() - began > STOCK_SECONDS):
            health.note(of_look(looked(surveyed), time.time()))
            looks += 1
    outdate(room)
    if 0 < looks < len(missing):
        queue = open_queue(room.redis, room.settings.jobs)
        enqueue(queue, TAKE_STOCK, target, id=f"stock-{new_id()}")


def unwatch(request: dict[str, Any], target: dict[str, Any]) -> Retry | None:
    """Let a channel watch something no longer."""
    wanted = Target.model_validate(target)
    return answered(request, lambda room, inquiry: watching.unwatch(room, inquiry, wanted))


def list_watches(request: dict[str, Any]) -> Retry | None:
    """Tell the asker what the channel watches."""
    return answered(request, watching.watching)


def investigate(
    request: dict[str, Any], seconds: int, targets: list[dict[str, Any]]
) -> Retry | None:
    """Look at pipelines, find what they fail of in common and who changed what, and tell it."""
    wanted = [Target.model_validate(each) for each in targets]

    def answer(room: Room, inquiry: Inquiry) -> None:
        limit = room.settings.sweeps.timeout_seconds * LOOKING
        with open_survey(room.settings, inquiry.id, limit) as survey:
            investigating.run(room, inquiry, survey, time.time() - seconds, wanted)

    return answered(request, answer)


def sweep(sweep_id: str) -> Retry | None:
    """Look at every pipeline by the clock, and tell the digests' channels what changed."""
    room = open_room()
    limit = room.settings.sweeps.timeout_seconds * LOOKING
    try:
        with open_survey(room.settings, sweep_id, limit) as survey:
            sweeping.run(room, sweep_id, survey)
    except NotKnown as error:
        log.warning("Slack does not say who may be told", error=str(error))
        return SLACK_AWAY
    return None


def export_timeline(inquiry_id: str, user: str, channel: str, thread: str) -> Retry | None:
    """Share the timeline of an investigation in its thread, for the post-mortem."""
    try:
        investigating.export(open_room(), inquiry_id, user, channel, thread)
    except NotKnown as error:
        log.warning("Slack does not say who asks", error=str(error))
        return SLACK_AWAY
    return None
