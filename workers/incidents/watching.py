"""What a channel watches: set, lifted and listed on request."""

from __future__ import annotations

from contextlib import suppress

from rq.exceptions import DuplicateJobError

from workers.entrance import may_ask, open_to_us, refuse_person, welcome
from workers.incidents.watches import Target, Watches
from workers.inquiry import Inquiry, State
from workers.queue import TAKE_STOCK, enqueue, open_queue
from workers.room import Room
from workers.slack import alerts as words
from workers.slack import answers, blocks, delivery, markup
from workers.slack.blocks import Message
from workers.slack.delivery import ROOT
from workers.telling import deliver_now, tell


def watch(room: Room, inquiry: Inquiry, target: Target) -> None:
    """Let the channel watch, and say so where everybody sees it. Raises NotKnown."""
    if not _entitled(room, inquiry, target):
        return
    if not open_to_us(room, place(inquiry)):
        tell(room, inquiry, "refused", _text(room, "watch.not_here"), State.REFUSED)
        return
    if not Watches(room.redis).add(target, place(inquiry), inquiry.user):
        tell(room, inquiry, "refused", _text(room, "watch.too_many"), State.REFUSED)
        return
    message = blocks.message(
        room.texts(
            "watch.set",
            user=markup.user(inquiry.user),
            what=words.target(target, room.texts, room.settings),
            typed=words.typed(target, room.settings),
            command=answers.COMMAND,
        )
    )
    room.outbox.add(inquiry.id, delivery.post(ROOT, _where(inquiry), message, inquiry.thread or ""))
    room.inquiries.close(inquiry, State.ANSWERED)
    deliver_now(room, inquiry.id)
    with suppress(DuplicateJobError):
        enqueue(
            open_queue(room.redis, room.settings.jobs),
            TAKE_STOCK,
            target.model_dump(mode="json"),
            id=f"stock-{inquiry.id}",
        )


def unwatch(room: Room, inquiry: Inquiry, target: Target) -> None:
    """Stop watching. Raises NotKnown."""
    if not _entitled(room, inquiry, target):
        return
    gone = Watches(room.redis).remove(target, place(inquiry))
    what = words.target(target, room.texts, room.settings)
    key = "watch.lifted" if gone else "watch.was_not"
    message = blocks.message(
        room.texts(key, user=markup.user(inquiry.user), what=what, command=answers.COMMAND)
    )
    if not gone:
        tell(room, inquiry, "unwatch", message, State.ANSWERED)
        return
    room.outbox.add(inquiry.id, delivery.post(ROOT, _where(inquiry), message, inquiry.thread or ""))
    room.inquiries.close(inquiry, State.ANSWERED)
    deliver_now(room, inquiry.id)


def watching(room: Room, inquiry: Inquiry) -> None:
    """Tell the asker alone what the channel watches. Raises NotKnown."""
    if not welcome(room, inquiry):
        return
    found = Watches(room.redis).of(place(inquiry))
    message = words.watching(found, room.settings, room.texts)
    tell(room, inquiry, "watching", message, State.ANSWERED)


def place(inquiry: Inquiry) -> str:
    """Where alerts go: the channel, or the person for direct messages."""
    return inquiry.user if inquiry.visibility == "direct" else inquiry.channel


def _where(inquiry: Inquiry) -> str:
    """Where it is told: in the thread that it was said in, which may stand in a direct message."""
    return inquiry.channel if inquiry.thread else place(inquiry)


def _entitled(room: Room, inquiry: Inquiry, target: Target) -> bool:
    """Whether the person may ask about what is to be watched; told if not.

    Without an account that is decided for each pipeline when it fails.
    """
    if not welcome(room, inquiry):
        return False
    account = target.value if target.kind == "account" else target.account
    if account is not None and not may_ask(room, inquiry, account):
        refuse_person(room, inquiry, account)
        return False
    return True


def _text(room: Room, key: str) -> Message:
    return blocks.message(room.texts(key, command=answers.COMMAND))
