"""The jobs: the whole contract between the bot and the workers.

Every function takes plain JSON values, is known to the queue by its name (`workers.queue`), and
may run twice: what it says goes through the outbox of its thread, where each step is said once.
A job that raises is not tried again, for that is a fault of ours; a job whose worker died is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import structlog
from redis import Redis, RedisError
from rq import Retry, get_current_job
from rq.timeouts import JobTimeoutException
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from workers import settings as configuration
from workers.aws.search import Found, Listed
from workers.diagnosis.model import Report
from workers.diagnosis.report_json import from_json, to_json
from workers.engine import Engine, open_engine
from workers.inquiry import Inquiries, Inquiry, State, new_id
from workers.ledger import Entry, FixRequest, Ledger
from workers.ledger.states import OPEN
from workers.settings import Places, Settings
from workers.slack import answers, blocks, client, delivery, fixes, markup, report
from workers.slack.blocks import Message
from workers.slack.delivery import ROOT, Delivered, Item, Outbox
from workers.slack.markup import Mrkdwn, code
from workers.slack.people import Directory, NotKnown
from workers.slack.texts import Texts, load

PROGRESS_SECONDS = 1.5  # between two updates of one message: chat.update is limited per minute
SLACK_AWAY = Retry(max=60, interval=[5, 10, 20, 40, 60])

log = structlog.get_logger(__name__)


def diagnose(request: dict[str, Any]) -> Retry | None:
    """Answer an inquiry (`workers.inquiry.Inquiry` as JSON values) in a thread of its own."""
    inquiry = Inquiry.model_validate(request)
    room = _room()
    with _failing(room, inquiry):
        standing = room.inquiries.standing(inquiry.id)
        if standing is not None and standing.state not in (State.RESERVED, State.QUEUED):
            return None  # answered, or given up, before this second run
        try:
            _diagnose(room, inquiry)
        except NotKnown as error:
            log.warning("Slack does not say who asks", inquiry=inquiry.id, error=str(error))
            return SLACK_AWAY
    return None


def list_pipelines(request: dict[str, Any]) -> Retry | None:
    """Tell the asker the pipelines whose name contains `name`; only the asker sees the list."""
    inquiry = Inquiry.model_validate(request)
    room = _room()
    with _failing(room, inquiry):
        try:
            if not _welcome(room, inquiry):
                return None
            with open_engine(room.settings, inquiry.id) as engine:
                found = engine.search(inquiry.name, inquiry.account, inquiry.region)
            seen = [each for each in found.matches if _may_ask(room, inquiry, each.account)]
        except NotKnown:
            return SLACK_AWAY
        message = answers.listing(
            seen, found.unseen, inquiry.name, _narrowed(room, inquiry), room.settings, room.texts
        )
        _tell(room, inquiry, "list", message, State.ANSWERED)
    return None


def deliver(thread: str) -> None:
    """Send what waits in a thread's outbox; what cannot be sent now stays due."""
    room = _room()
    _deliver(room, thread)


def give_up(inquiry_id: str, why: str) -> None:
    """Say honestly that a diagnosis failed whose worker died under it or whose job is gone."""
    room = _room()
    standing = room.inquiries.standing(inquiry_id)
    if standing is not None and standing.state in (State.RESERVED, State.QUEUED):
        _fail(room, standing.inquiry, room.texts(f"answer.failed_{why}"))


def announce(request_id: str) -> None:
    """Show a requested fix, or its latest state, wherever it is shown."""
    room = _room()
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
    if known is not None and standing is not None:
        items += _marked(room, entry, from_json(known), standing.inquiry)
    room.outbox.add(inquiry, *items)
    _deliver(room, inquiry)
    room.ledger.announced(request_id, entry.revision)


# --- the room of one job ------------------------------------------------------------------------


@dataclass(frozen=True)
class Room:
    """What a job works with."""

    settings: Settings
    places: Places
    redis: Redis

    @cached_property
    def texts(self) -> Texts:
        return load()

    @cached_property
    def client(self) -> WebClient:
        return client.for_jobs(self.places)

    @cached_property
    def inquiries(self) -> Inquiries:
        return Inquiries(self.redis, self.settings.jobs.join_seconds)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.redis, client.for_posting(self.places), self.client)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.redis)

    @cached_property
    def directory(self) -> Directory:
        return Directory(self.client, self.redis)


def _room() -> Room:
    job = get_current_job()
    assert job is not None, "jobs run in a worker"
    return Room(configuration.load(), Places(), job.connection)


# --- a diagnosis, step by step ------------------------------------------------------------------


def _diagnose(room: Room, inquiry: Inquiry) -> None:
    if not _welcome(room, inquiry):
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
    room.inquiries.save_report(inquiry.id, to_json(found))
    _answer(room, inquiry, found)


def _locate(room: Room, inquiry: Inquiry, engine: Engine) -> Listed | None:
    """The one pipeline that is meant; None when the asker was told why there is not one."""
    if inquiry.account and inquiry.region:
        # Given exactly: the report says so if it cannot be read.
        if not _may_ask(room, inquiry, inquiry.account):
            _refuse_person(room, inquiry, inquiry.account)
            return None
        found = engine.find(inquiry.name, inquiry.account, inquiry.region)
        if not found.matches and found.unseen:
            return Listed(inquiry.name, inquiry.account, inquiry.region)
    else:
        found = engine.find(inquiry.name, inquiry.account, inquiry.region)
    matches = [each for each in found.matches if _may_ask(room, inquiry, each.account)]
    if len(matches) == 1:
        return matches[0]
    if not matches and found.matches:
        _refuse_person(room, inquiry, found.matches[0].account)
    elif matches:
        message = answers.several(inquiry.name, matches, inquiry.id, room.settings, room.texts)
        _tell(room, inquiry, f"choose:{new_id()}", message, State.CHOOSING)
    else:
        _tell(room, inquiry, f"none:{new_id()}", _none(room, inquiry, found), State.CHOOSING)
    return None


def _none(room: Room, inquiry: Inquiry, found: Found) -> Message:
    nearest = [each for each in found.nearest if _may_ask(room, inquiry, each.account)]
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
    channel = inquiry.user if inquiry.visibility == "direct" else inquiry.channel
    root = delivery.post(ROOT, channel, message, inquiry.thread or "")
    room.outbox.add(inquiry.id, root)
    room.inquiries.found(inquiry.id, _arn(listed))
    delivered = _deliver(room, inquiry.id)
    if again:
        room.outbox.refresh(inquiry.id, ROOT, message)
    return not delivered.refused


def _answer(room: Room, inquiry: Inquiry, found: Report) -> None:
    """The findings as replies, and the outcome in the root message."""
    items = [
        _reply(inquiry, each.step, each.message)
        for each in report.replies(found, inquiry.id, room.texts)
    ]
    outcome = report.root(found, inquiry.user, room.texts)
    room.outbox.add(inquiry.id, *items, delivery.update("outcome", ROOT, outcome))
    room.inquiries.close(inquiry, State.ANSWERED)
    _deliver(room, inquiry.id)


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
        room.texts, key, listed.name, markup.escape(where, 200), inquiry.user, **values
    )


def _marked(room: Room, entry: Entry, found: Report, inquiry: Inquiry) -> list[Item]:
    """The finding's message and the root line, both saying that the fix is requested."""
    request, items = entry.request, []
    mark = f"{request.id}:{entry.revision}"
    for position, each in enumerate(found.findings[: report.MOST_FINDINGS], start=1):
        if each.id == request.finding:
            message = report.finding(
                each,
                position,
                len(found.findings),
                inquiry.id,
                room.texts,
                fixes.requested(entry),
            )
            items.append(delivery.update(f"marked:{mark}", report.step_of(each), message))
    open_ones = [each for each in room.ledger.of_inquiry(inquiry.id) if each.state in OPEN]
    root = report.root(found, inquiry.user, room.texts, len(open_ones))
    items.append(delivery.update(f"outcome:{mark}", ROOT, root))
    return items


def _thread_of(room: Room, request: FixRequest) -> str:
    standing = room.inquiries.standing(request.inquiry)
    if standing is not None and standing.inquiry.thread:
        return standing.inquiry.thread
    posted = room.outbox.posted(request.inquiry, ROOT)
    return posted.ts if posted is not None else ""


# --- who may ask --------------------------------------------------------------------------------


def _welcome(room: Room, inquiry: Inquiry) -> bool:
    """Whether the person may ask at all, and here. Raises NotKnown."""
    rules, directory = room.settings.slack, room.directory
    if not rules.allow_guests and directory.is_guest(inquiry.user):
        return _refuse(room, inquiry, "answer.denied_guest")
    if inquiry.visibility == "public":
        if not directory.is_private(inquiry.channel):
            room.inquiries.share(inquiry.id)
        elif not rules.allow_private_channels:
            return _refuse(room, inquiry, "answer.denied_private")
    return True


def _refuse(room: Room, inquiry: Inquiry, key: str) -> bool:
    _tell(room, inquiry, "refused", blocks.message(room.texts(key)), State.REFUSED)
    return False


def _may_ask(room: Room, inquiry: Inquiry, account: str) -> bool:
    """Whether this person may be told about that account in this channel. Raises NotKnown."""
    known = room.settings.account(account)
    if known is None:
        return False
    if known.channels and inquiry.channel not in known.channels:
        return False
    people = known.askers
    if people is None or not (people.users or people.groups):
        return True
    return room.directory.are(inquiry.user, people)


def _refuse_person(room: Room, inquiry: Inquiry, account: str) -> None:
    known = room.settings.account(account)
    name = code(known.alias if known else account, 80)
    if known and known.channels and inquiry.channel not in known.channels:
        channels = Mrkdwn(" ".join(markup.channel(each) for each in known.channels[:10]))
        text = room.texts("answer.denied_channel", account=name, channels=channels)
    else:
        text = room.texts("answer.denied_person", account=name)
    _tell(room, inquiry, "refused", blocks.message(text), State.REFUSED)


# --- saying it ----------------------------------------------------------------------------------


def _tell(room: Room, inquiry: Inquiry, step: str, message: Message, state: State) -> None:
    """Tell the asker alone, and end the inquiry."""
    item = delivery.ephemeral(step, inquiry.channel, inquiry.user, message, inquiry.thread or "")
    room.outbox.add(inquiry.id, item)
    room.inquiries.close(inquiry, state)
    _deliver(room, inquiry.id)


def _fail(room: Room, inquiry: Inquiry, why: Mrkdwn) -> None:
    """Say in the thread, or to the asker where there is none, that the diagnosis failed."""
    message = answers.failed(inquiry.name, why, inquiry.id, room.texts)
    if room.outbox.posted(inquiry.id, ROOT) is None:
        _tell(room, inquiry, "failed", message, State.FAILED)
        return
    root = answers.failed_root(inquiry.name, inquiry.user, room.texts)
    room.outbox.add(
        inquiry.id,
        _reply(inquiry, "failed", message),
        delivery.update("outcome:failed", ROOT, root),
    )
    room.inquiries.close(inquiry, State.FAILED)
    _deliver(room, inquiry.id)


def _reply(inquiry: Inquiry, step: str, message: Message) -> Item:
    """A reply under the thread's root, or in the thread where the question was asked."""
    if inquiry.thread:
        return delivery.post(step, inquiry.channel, message, inquiry.thread)
    return delivery.reply(step, message)


def _deliver(room: Room, thread: str) -> Delivered:
    delivered = room.outbox.deliver(thread)
    standing = room.inquiries.standing(thread)
    if standing is None:
        return delivered
    if delivered.refused:
        _no_entry(room, standing.inquiry, delivered.refused)
    elif not standing.permalink:
        _link(room, standing.inquiry)
    return delivered


def _link(room: Room, inquiry: Inquiry) -> None:
    """Note the thread's link once it exists, and tell those who joined before."""
    posted = room.outbox.posted(inquiry.id, ROOT)
    if posted is None:
        return
    try:
        answer = room.client.chat_getPermalink(channel=posted.channel, message_ts=posted.ts)
        permalink = str(answer["permalink"])
    except (SlackClientError, OSError):
        permalink = ""
    room.inquiries.posted(inquiry.id, posted.channel, posted.ts, permalink)
    if not permalink:
        return
    thread = markup.link(permalink, room.texts.plain("answer.thread"))
    text = room.texts("answer.joined_here", name=code(inquiry.name, 120), thread=thread)
    for channel, user in room.inquiries.waiting(inquiry.id):
        item = delivery.ephemeral(f"joined:{channel}:{user}", channel, user, blocks.message(text))
        room.outbox.add(inquiry.id, item)
        room.outbox.deliver(inquiry.id)


def _no_entry(room: Room, inquiry: Inquiry, refusal: str) -> None:
    """Nobody may post in the channel: tell the asker directly, once."""
    room.inquiries.close(inquiry, State.REFUSED)
    message = answers.no_entry(
        inquiry.name, inquiry.channel, refusal, "pipeline-access", room.texts
    )
    direct = f"{inquiry.id}-direct"
    room.outbox.add(direct, delivery.post(ROOT, inquiry.user, message))
    room.outbox.deliver(direct)


@contextmanager
def _failing(room: Room, inquiry: Inquiry) -> Iterator[None]:
    """Whatever goes wrong inside is told in the thread. The job then fails for good."""
    try:
        yield
    except JobTimeoutException:
        _one_life()
        seconds = room.settings.jobs.timeout_seconds
        log.error("job timed out", inquiry=inquiry.id, seconds=seconds)
        _fail(room, inquiry, room.texts("answer.failed_timeout", seconds=seconds))
        raise
    except RedisError:
        raise  # transient: the job is run again, and until then nothing can be recorded
    except Exception:
        _one_life()
        log.exception("job failed", inquiry=inquiry.id)
        _fail(room, inquiry, room.texts("answer.failed_bug", id=inquiry.id))
        raise


def _one_life() -> None:
    """A second run would only repeat the fault."""
    job = get_current_job()
    if job is not None:
        job.retries_left = 0


def _narrowed(room: Room, inquiry: Inquiry) -> str:
    return answers.where(inquiry.account, inquiry.region, room.settings)


def _arn(listed: Listed) -> str:
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
    prefix = next((p for p in partition if listed.region.startswith(f"{p}-")), "")
    name = partition.get(prefix, "aws")
    return f"arn:{name}:codepipeline:{listed.region}:{listed.account}:{listed.name}"
