"""The person at a button: who they are at this moment, and how they are told no."""

from __future__ import annotations

from workers.ledger.rules import Clicker, Matter, Ruling
from workers.room import Room
from workers.settings import People
from workers.slack import blocks, delivery, fixes, markup
from workers.slack.markup import Mrkdwn, code


def clicker(room: Room, matter: Matter, user: str, team: str, channel: str) -> Clicker:
    """The person as Slack describes them now, nothing remembered. Raises NotKnown."""
    named = dict.fromkeys(group for each in matter.entitled for group in each.groups)
    return Clicker(
        id=user,
        team=team,
        channel=channel,
        groups=frozenset(
            group for group in named if user in room.directory.members(group, fresh=True)
        ),
        is_guest=room.directory.is_guest(user, fresh=True),
    )


def explain(
    room: Room, matter: Matter, why: Ruling, *, user: str, channel: str, click: str
) -> None:
    """Tell the person privately why the click does nothing, and who may."""
    mentions: list[Mrkdwn] = []
    for each in matter.entitled:
        mentions += fixes.approvers(People(groups=each.groups, users=each.users))
    accounts = dict.fromkeys(each.account for each in matter.entitled)
    text = room.texts(
        f"ruling.{why}",
        accounts=code(", ".join(accounts), 200),
        approvers=Mrkdwn(" ".join(dict.fromkeys(mentions))),
        user=markup.user(matter.requester) if matter.requester else Mrkdwn("–"),
        state=room.texts(f"request.state.{matter.state}") if matter.state else Mrkdwn(""),
    )
    item = delivery.ephemeral(
        f"refused:{click}", channel or matter.channel, user, blocks.message(text)
    )
    thread = f"click-{matter.id}"
    room.outbox.add(thread, item)
    room.outbox.deliver(thread)
