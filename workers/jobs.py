"""The jobs: the whole contract between the bot and the workers.

Every function takes plain JSON values, is known to the queue by its name (`workers.queue`), and
may run twice: what it says goes through the outbox of its thread, where each step is said once.
A job that raises is not tried again, for that is a fault of ours; a job whose worker died is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from rq import Retry

from workers import homes, mentions, pictures
from workers.aws.search import Found, Listed
from workers.diagnosis.model import Report
from workers.diagnosis.report_json import from_json, to_json
from workers.engine import Engine, open_engine
from workers.entrance import may_ask, refuse_person, welcome
from workers.fixing import notices
from workers.freshness import outdate
from workers.incidents import threads
from workers.incidents.health import Health, of_report
from workers.inquiry import Inquiry, State, new_id
from workers.ledger import Entry, FixRequest
from workers.ledger import State as FixState
from workers.ledger.journal import made
from workers.ledger.states import OPEN
from workers.room import Room, open_room
from workers.slack import answers, delivery, differences, findings, fixes, markup, report
from workers.slack.blocks import Message
from workers.slack.delivery import ROOT, Item
from workers.telling import answered, deliver_now, fail, reply, tell

PROGRESS_SECONDS = 1.5  # between two updates of one message: chat.update is limited per minute

log = structlog.get_logger(__name__)


def diagnose(request: dict[str, Any]) -> Retry | None:
    """Answer an inquiry (`workers.inquiry.Inquiry` as JSON values) in a thread of its own."""
    return answered(request, _diagnose)


def ask(request: dict[str, Any], text: str) -> Retry | None:
    """Find out what a mention or a message speaks of, and answer in its thread."""

    def answer(room: Room, inquiry: Inquiry) -> None:
        standing = room.inquiries.standing(inquiry.id)
        if standing is not None and standing.inquiry.name:
            _diagnose(room, standing.inquiry)  # a worker died after it had understood
            return
        with open_engine(room.settings, inquiry.id) as engine:
            found = mentions.understand(room, inquiry, text, engine)
        if found.mention.pipeline:
            _diagnose(room, mentions.specified(room, inquiry, found.mention))
        else:
            mentions.ask_back(room, inquiry, found)

    return answered(request, answer)


def show_home(user: str) -> None:
    """Publish App Home for a person who opened it."""
    homes.opened(open_room(), user)


def show_homes() -> None:
    """Publish App Home for everybody on whose page something has changed."""
    homes.refresh(open_room())


def list_pipelines(request: dict[str, Any]) -> Retry | None:
    """Tell the asker the pipelines whose name contains `name`; only the asker sees the list."""

    def answer(room: Room, inquiry: Inquiry) -> None:
        if not welcome(room, inquiry):
            return
        with open_engine(room.settings, inquiry.id) as engine:
            found = engine.search(inquiry.name, inquiry.account, inquiry.region)
        seen = [each for each in found.matches if may_ask(room, inquiry, each.account)]
        message = answers.listing(
            seen, found.unseen, inquiry.name, _narrowed(room, inquiry), room.settings, room.texts
        )
        tell(room, inquiry, "list", message, State.ANSWERED)

    return answered(request, answer)


def deliver(thread: str) -> None:
    """Send what waits in a thread's outbox; what cannot be sent now stays due."""
    room = open_room()
    deliver_now(room, thread)


def give_up(inquiry_id: str, why: str) -> None:
    """Say honestly that a diagnosis failed whose worker died under it or whose job is gone."""
    room = open_room()
    standing = room.inquiries.standing(inquiry_id)
    if standing is not None and standing.state in (State.RESERVED, State.QUEUED):
        fail(room, standing.inquiry, room.texts(f"answer.failed_{why}"))
        outdate(room)


def announce(request_id: str) -> None:
    """Show a requested fix, or its latest state, wherever it is shown."""
    room = open_room()
    entry = room.ledger.entry(request_id)
    if entry is None:
        return
    request = entry.request
    inquiry = request.inquiry
    message = fixes.posted(entry, room.settings, room.texts)
    known = room.inquiries.report(inquiry)
    standing = room.inquiries.standing(inquiry)
    items = [
        delivery.post(f"fix:{request_id}", request.channel, message, _thread_of(room, request))
    ]
    if entry.revision:
        step = f"fix:{request_id}:{entry.revision}"
        items.append(delivery.update(step, f"fix:{request_id}", message))
    if entry.state is FixState.DIVERGED:
        documents = made(room.ledger.records(request_id), len(request.documents))
        shown = differences.posted(request, documents, room.settings, room.texts)
        items.append(
            delivery.post(
                f"difference:{request_id}", request.channel, shown, _thread_of(room, request)
            )
        )
    if known is not None and standing is not None:
        items += _marked(room, entry, from_json(known), standing.inquiry)
    room.outbox.add(inquiry, *items)
    deliver_now(room, inquiry)
    if notices.notify(room, entry):
        room.ledger.announced(request_id, entry.revision)
    if entry.state is FixState.VERIFIED and (latest := room.inquiries.latest(inquiry)) is not None:
        Health(room.redis).note(of_report(from_json(latest), time.time()))
    outdate(room)


# --- a diagnosis, step by step ------------------------------------------------------------------


def _diagnose(room: Room, inquiry: Inquiry) -> None:
    if not welcome(room, inquiry):
        return
    known = room.inquiries.report(inquiry.id)
    if known is not None:  # a worker died between having the answer and giving it
        _answer(room, inquiry, from_json(known))
        return
    with open_engine(room.settings, inquiry.id) as engine:
        listed = _locate(room, inquiry, engine)
        if listed is None or not _open_thread(room, inquiry, listed):
            return
        found = engine.diagnose(
            listed.name,
            listed.account,
            listed.region,
            caller=inquiry.caller,
            errors=inquiry.errors,
            progress=_teller(room, inquiry, listed),
        )
    del engine  # with all its clients, before the picture needs room
    room.inquiries.save_report(inquiry.id, to_json(found))
    if inquiry.caller is None:  # what a person may do says nothing about the pipeline
        Health(room.redis).note(of_report(found, time.time()))
    _answer(room, inquiry, found)
    pictures.share_map(room, inquiry, found)


def _locate(room: Room, inquiry: Inquiry, engine: Engine) -> Listed | None:
    """The one pipeline that is meant; None when the asker was told why there is not one."""
    if inquiry.account and inquiry.region:
        # Given exactly: the report says so if it cannot be read.
        if not may_ask(room, inquiry, inquiry.account):
            refuse_person(room, inquiry, inquiry.account)
            return None
        found = engine.find(inquiry.name, inquiry.account, inquiry.region)
        if not found.matches and found.unseen:
            return Listed(inquiry.name, inquiry.account, inquiry.region)
    else:
        found = engine.find(inquiry.name, inquiry.account, inquiry.region)
    matches = [each for each in found.matches if may_ask(room, inquiry, each.account)]
    if len(matches) == 1:
        return matches[0]
    if not matches and found.matches:
        refuse_person(room, inquiry, found.matches[0].account)
    elif matches:
        message = answers.several(inquiry.name, matches, inquiry.id, room.settings, room.texts)
        tell(room, inquiry, f"choose:{new_id()}", message, State.CHOOSING)
    else:
        tell(room, inquiry, f"none:{new_id()}", _none(room, inquiry, found), State.CHOOSING)
    return None


def _none(room: Room, inquiry: Inquiry, found: Found) -> Message:
    nearest = [each for each in found.nearest if may_ask(room, inquiry, each.account)]
    return answers.nothing(
        inquiry.name,
        _narrowed(room, inquiry),
        nearest,
        found.unseen,
        inquiry.id,
        room.settings,
        room.texts,
    )


def _open_thread(room: Room, inquiry: Inquiry, listed: Listed) -> bool:
    """Post the root message. False when nobody may post there, and the asker was told."""
    again = room.outbox.posted(inquiry.id, ROOT) is not None
    message = _progress(room, inquiry, listed, "progress.again" if again else "progress.reading")
    direct = inquiry.visibility == "direct" and not inquiry.thread
    channel = inquiry.user if direct else inquiry.channel
    root = delivery.post(ROOT, channel, message, inquiry.thread or "")
    room.outbox.add(inquiry.id, root)
    room.inquiries.found(inquiry.id, _arn(listed))
    delivered = deliver_now(room, inquiry.id)
    if again:
        room.outbox.refresh(inquiry.id, ROOT, message)
    return not delivered.refused


def _answer(room: Room, inquiry: Inquiry, found: Report) -> None:
    """The findings as replies, and the outcome in the root message."""
    items = [
        reply(inquiry, each.step, each.message)
        for each in report.replies(found, inquiry.id, room.texts)
    ]
    outcome = report.root(found, inquiry.user, room.texts, understood=inquiry.understood)
    room.outbox.add(inquiry.id, *items, delivery.update("outcome", ROOT, outcome))
    room.inquiries.close(inquiry, State.ANSWERED)
    deliver_now(room, inquiry.id)


def _teller(room: Room, inquiry: Inquiry, listed: Listed) -> Callable[[int, int], None]:
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told < PROGRESS_SECONDS:
            return
        told = time.monotonic()
        message = _progress(room, inquiry, listed, "progress.read", done=done, total=total)
        room.outbox.refresh(inquiry.id, ROOT, message)

    return tell


def _progress(room: Room, inquiry: Inquiry, listed: Listed, key: str, **values: object) -> Message:
    where = answers.place(listed.account, listed.region, room.settings)
    return report.progress(
        room.texts,
        key,
        listed.name,
        markup.escape(where, 200),
        inquiry.user,
        inquiry.understood,
        **values,
    )


def _marked(room: Room, entry: Entry, found: Report, inquiry: Inquiry) -> list[Item]:
    """The finding's message and the root line, both saying that the fix is requested.

    The root line of an alert is about many pipelines: `threads` keeps it.
    """
    request, items = entry.request, []
    cured = {each.finding for each in request.cures}
    mark = f"{request.id}:{entry.revision}"
    for position, each in enumerate(found.findings[: report.MOST_FINDINGS], start=1):
        if each.id in cured:
            message = findings.finding(
                each,
                position,
                len(found.findings),
                inquiry.id,
                room.texts,
                fixes.requested(entry),
            )
            items.append(
                delivery.update(f"marked:{each.id}:{mark}", findings.step_of(each), message)
            )
    open_ones = [each for each in room.ledger.of_inquiry(inquiry.id) if each.state in OPEN]
    if threads.mark_requested(room, inquiry.id, len(open_ones)):
        return items
    latest = room.inquiries.latest(inquiry.id)
    shown = found if latest is None else from_json(latest)
    root = report.root(shown, inquiry.user, room.texts, len(open_ones), inquiry.understood)
    items.append(delivery.update(f"outcome:{mark}", ROOT, root))
    return items


def _thread_of(room: Room, request: FixRequest) -> str:
    standing = room.inquiries.standing(request.inquiry)
    if standing is not None and standing.inquiry.thread:
        return standing.inquiry.thread
    posted = room.outbox.posted(request.inquiry, ROOT)
    return posted.ts if posted is not None else ""


def _narrowed(room: Room, inquiry: Inquiry) -> str:
    return answers.where(inquiry.account, inquiry.region, room.settings)


def _arn(listed: Listed) -> str:
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
    prefix = next((p for p in partition if listed.region.startswith(f"{p}-")), "")
    name = partition.get(prefix, "aws")
    return f"arn:{name}:codepipeline:{listed.region}:{listed.account}:{listed.name}"
