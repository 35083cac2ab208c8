"""How a job answers: in the thread, to the asker alone, and honestly when something goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from redis import RedisError
from rq import Retry, get_current_job
from rq.timeouts import JobTimeoutException
from slack_sdk.errors import SlackClientError

from workers.freshness import outdate
from workers.inquiry import Inquiry, State
from workers.room import Room, open_room
from workers.slack import answers, blocks, delivery, markup
from workers.slack.blocks import Message
from workers.slack.delivery import ROOT, Delivered, Item
from workers.slack.markup import Mrkdwn, code
from workers.slack.people import NotKnown

SLACK_AWAY = Retry(max=60, interval=[5, 10, 20, 40, 60])

log = structlog.get_logger(__name__)


def tell(room: Room, inquiry: Inquiry, step: str, message: Message, state: State) -> None:
    """Tell the asker alone, and end the inquiry."""
    item = delivery.ephemeral(step, inquiry.channel, inquiry.user, message, inquiry.thread or "")
    room.outbox.add(inquiry.id, item)
    room.inquiries.close(inquiry, state)
    deliver_now(room, inquiry.id)


def fail(room: Room, inquiry: Inquiry, why: Mrkdwn) -> None:
    """Say in the thread, or to the asker where there is none, that the diagnosis failed."""
    message = answers.failed(inquiry.name, why, inquiry.id, room.texts)
    if room.outbox.posted(inquiry.id, ROOT) is None:
        tell(room, inquiry, "failed", message, State.FAILED)
        return
    root = answers.failed_root(inquiry.name, inquiry.user, room.texts)
    room.outbox.add(
        inquiry.id,
        reply(inquiry, "failed", message),
        delivery.update("outcome:failed", ROOT, root),
    )
    room.inquiries.close(inquiry, State.FAILED)
    deliver_now(room, inquiry.id)


def reply(inquiry: Inquiry, step: str, message: Message) -> Item:
    """A reply under the thread's root, or in the thread where the question was asked."""
    if inquiry.thread:
        return delivery.post(step, inquiry.channel, message, inquiry.thread)
    return delivery.reply(step, message)


def deliver_now(room: Room, thread: str) -> Delivered:
    delivered = room.outbox.deliver(thread)
    standing = room.inquiries.standing(thread)
    if standing is None:
        return delivered
    if delivered.refused:
        _no_entry(room, standing.inquiry, delivered.refused)
    elif not standing.permalink:
        link(room, standing.inquiry)
    return delivered


def link(room: Room, inquiry: Inquiry) -> None:
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


def answered(request: dict[str, Any], answer: Callable[[Room, Inquiry], None]) -> Retry | None:
    """Answer an inquiry (`Inquiry` as JSON values) as a job does: once, honestly when something
    goes wrong, and later when Slack does not say who asks. Returns what the job returns."""
    inquiry = Inquiry.model_validate(request)
    room = open_room()
    with failing(room, inquiry):
        standing = room.inquiries.standing(inquiry.id)
        if standing is not None and standing.state not in (State.RESERVED, State.QUEUED):
            return None  # answered, or given up, before this second run
        try:
            answer(room, inquiry)
        except NotKnown as error:
            log.warning("Slack does not say who asks", inquiry=inquiry.id, error=str(error))
            return SLACK_AWAY
        finally:
            outdate(room)
    return None


@contextmanager
def failing(room: Room, inquiry: Inquiry) -> Iterator[None]:
    """Whatever goes wrong inside is told in the thread. The job then fails for good."""
    try:
        yield
    except JobTimeoutException:
        one_life()
        seconds = room.settings.jobs.timeout_seconds
        log.error("job timed out", inquiry=inquiry.id, seconds=seconds)
        fail(room, inquiry, room.texts("answer.failed_timeout", seconds=seconds))
        raise
    except RedisError:
        raise  # transient: the job is run again, and until then nothing can be recorded
    except Exception:
        one_life()
        log.exception("job failed", inquiry=inquiry.id)
        fail(room, inquiry, room.texts("answer.failed_bug", id=inquiry.id))
        raise


def one_life() -> None:
    """A second run would only repeat the fault."""
    job = get_current_job()
    if job is not None:
        job.retries_left = 0
