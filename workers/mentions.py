"""What a mention or a shortcut is about, found in the text and in the thread around it."""

from __future__ import annotations

import structlog
from slack_sdk.errors import SlackClientError

from workers.diagnosis.denials import parse_denial
from workers.diagnosis.denials.words import explain_denial
from workers.diagnosis.mentions import Mention, read_mention
from workers.entrance import welcome
from workers.inquiry import Inquiry, State
from workers.room import Room
from workers.slack import answers, delivery
from workers.slack.delivery import ROOT
from workers.slack.messages import text_of
from workers.telling import deliver_now

THREAD_MESSAGES = 30  # read around a mention

log = structlog.get_logger(__name__)


def understand(room: Room, inquiry: Inquiry, text: str) -> Mention:
    """What the text speaks of; where it names no pipeline, the thread it stands in is read too."""
    mention = read_mention(text)
    if mention.pipeline or inquiry.thread is None:
        return mention
    try:
        answer = room.client.conversations_replies(
            channel=inquiry.channel, ts=inquiry.thread, limit=THREAD_MESSAGES
        )
    except (SlackClientError, OSError) as error:
        log.info("thread not read", inquiry=inquiry.id, error=type(error).__name__)
        return mention
    said = [text, *(text_of(each) for each in answer.get("messages") or ())]
    around = read_mention("\n".join(said))
    return around if around.pipeline else mention


def specified(room: Room, inquiry: Inquiry, mention: Mention) -> Inquiry:
    """The question that the mention asks. From now on it is the inquiry's."""
    known = room.settings.account(mention.account) if mention.account else None
    named = inquiry.model_copy(
        update={
            "name": mention.pipeline,
            "account": known.id if known else None,
            "region": mention.region or None,
            "errors": mention.errors,
            "understood": mention.understood,
        }
    )
    room.inquiries.understood(named)
    return named


def ask_back(room: Room, inquiry: Inquiry, mention: Mention) -> None:
    """No pipeline was named: explain the error texts if there are any, and ask which one."""
    if not welcome(room, inquiry):
        return
    explained = [
        explain_denial(denial) for error in mention.errors for denial in parse_denial(error)
    ]
    message = answers.which_pipeline(
        [(each.headline, " ".join(each.means)) for each in explained], room.texts
    )
    room.outbox.add(inquiry.id, delivery.post(ROOT, inquiry.channel, message, inquiry.thread or ""))
    room.inquiries.close(inquiry, State.CHOOSING)
    deliver_now(room, inquiry.id)
