"""Who may ask, about which account, and where the answer may stand."""

from __future__ import annotations

from workers.inquiry import Inquiry, State
from workers.room import Room
from workers.slack import blocks, markup
from workers.slack.markup import Mrkdwn, code
from workers.telling import tell


def welcome(room: Room, inquiry: Inquiry) -> bool:
    """Whether the person may ask at all, and here. Raises NotKnown."""
    rules, directory = room.settings.slack, room.directory
    if not rules.allow_guests and directory.is_guest(inquiry.user):
        return refuse(room, inquiry, "answer.denied_guest")
    if inquiry.visibility == "direct" and not rules.allow_direct_messages:
        return refuse(room, inquiry, "answer.denied_direct")
    if inquiry.visibility == "public":
        if not rules.allow_shared_channels and directory.is_shared(inquiry.channel):
            return refuse(room, inquiry, "answer.denied_shared")
        if not directory.is_private(inquiry.channel):
            room.inquiries.share(inquiry.id)
        elif not rules.allow_private_channels:
            return refuse(room, inquiry, "answer.denied_private")
    return True


def refuse(room: Room, inquiry: Inquiry, key: str) -> bool:
    tell(room, inquiry, "refused", blocks.message(room.texts(key)), State.REFUSED)
    return False


def may_ask(room: Room, inquiry: Inquiry, account: str) -> bool:
    """Whether this person may be told about that account in this channel. Raises NotKnown."""
    return may_tell(room, inquiry.user, inquiry.channel, account)


def may_tell(room: Room, user: str, channel: str, account: str, *, patient: bool = False) -> bool:
    """Whether a channel may be told about an account because that person wishes it.

    `patient` as for `Directory.are`. Raises NotKnown.
    """
    known = room.settings.account(account)
    if known is None:
        return False
    if known.channels and channel not in known.channels:
        return False
    people = known.askers
    if people is None or not (people.users or people.groups):
        return True
    return room.directory.are(user, people, patient=patient)


def may_be_shown(room: Room, user: str, account: str) -> bool:
    """Whether a person may see what is known about an account outside of any channel, in App Home.

    An account whose answers are bound to channels is told of there alone. Raises NotKnown.
    """
    known = room.settings.account(account)
    if known is None or known.channels:
        return False
    return may_tell(room, user, "", account, patient=True)


def open_to_us(room: Room, channel: str) -> bool:
    """Whether the rules let the bot speak unasked in a conversation. Raises NotKnown.

    `channel` is a person's id for direct messages.
    """
    rules, directory = room.settings.slack, room.directory
    if channel.startswith(("U", "W", "D")):
        return rules.allow_direct_messages
    if not rules.allow_shared_channels and directory.is_shared(channel):
        return False
    return rules.allow_private_channels or not directory.is_private(channel)


def refuse_person(room: Room, inquiry: Inquiry, account: str) -> None:
    known = room.settings.account(account)
    name = code(known.alias if known else account, 80)
    if known and known.channels and inquiry.channel not in known.channels:
        channels = Mrkdwn(" ".join(markup.channel(each) for each in known.channels[:10]))
        text = room.texts("answer.denied_channel", account=name, channels=channels)
    else:
        text = room.texts("answer.denied_person", account=name)
    tell(room, inquiry, "refused", blocks.message(text), State.REFUSED)
