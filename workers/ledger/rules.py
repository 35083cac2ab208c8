"""Who may decide over a requested fix: a pure function to a ruling with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from workers.ledger.request import Entitled, Entry
from workers.ledger.states import STANDING, IllegalMove, Move, State, after


class Ruling(StrEnum):
    """`allowed`, or why not; the words are in texts/en.toml under `ruling`."""

    ALLOWED = "allowed"
    BREAK_GLASS = "break_glass"  # allowed although it is the requester's own; everybody is told
    SELF = "self"
    NOT_ENTITLED = "not_entitled"
    NOT_YOURS = "not_yours"
    GUEST = "guest"
    STRANGER = "stranger"
    ELSEWHERE = "elsewhere"
    EXPIRED = "expired"
    LATE = "late"
    TWICE = "twice"
    NOBODY = "nobody"

    @property
    def allows(self) -> bool:
        return self in (Ruling.ALLOWED, Ruling.BREAK_GLASS)


@dataclass(frozen=True, slots=True)
class Clicker:
    """The person at the button as Slack describes them at this moment."""

    id: str
    team: str
    channel: str
    groups: frozenset[str] = frozenset()  # of those that the request names
    is_guest: bool = False  # or a bot, or deactivated


@dataclass(frozen=True, slots=True)
class Matter:
    """What a click is about: who asked for it, and who may decide in which accounts."""

    id: str
    team: str
    channel: str
    requester: str  # nobody where nobody asked
    entitled: tuple[Entitled, ...]
    state: State | None = None  # of the request, where there is one

    @staticmethod
    def of(entry: Entry) -> Matter:
        asked = entry.request
        return Matter(
            asked.id, asked.team, asked.channel, asked.requester, asked.entitled, entry.state
        )


def may_retry(matter: Matter, who: Clicker) -> Ruling:
    """Whether this person may run the stopped stage again: anybody entitled to decide in the
    account, and who asked for the cure, once it is verified."""
    if matter.team and who.team and who.team != matter.team:
        return Ruling.STRANGER
    if who.is_guest:
        return Ruling.GUEST
    if matter.state not in (None, State.VERIFIED):
        return Ruling.LATE
    if who.id == matter.requester or _is_entitled(matter.entitled, who):
        return Ruling.ALLOWED
    if not any(each.groups or each.users for each in matter.entitled):
        return Ruling.NOBODY
    return Ruling.NOT_ENTITLED


def _is_entitled(entitled: Sequence[Entitled], who: Clicker) -> bool:
    return bool(entitled) and all(
        who.id in each.users or who.groups.intersection(each.groups) for each in entitled
    )


def ruling(entry: Entry, who: Clicker, move: Move, now: float, *, break_glass: bool) -> Ruling:
    """Whether this person may make this move on this request now.

    All but withdrawing, which is the requester's, takes somebody entitled in every account that
    the change touches. Who asked does not approve; rejecting and rolling back, which leave AWS as
    it was before they asked, they may if they are entitled.
    """
    request = entry.request
    if request.team and who.team and who.team != request.team:
        return Ruling.STRANGER
    if who.is_guest:
        return Ruling.GUEST
    if who.channel and who.channel != request.channel and not who.channel.startswith("D"):
        return Ruling.ELSEWHERE
    try:
        after(entry.state, Move.APPROVE if move is Move.CONSENT else move)
    except IllegalMove:
        return Ruling.LATE
    if move is Move.WITHDRAW:
        return Ruling.ALLOWED if who.id == request.requester else Ruling.NOT_YOURS
    if now >= request.expires_at and entry.state not in STANDING:
        return Ruling.EXPIRED
    if not any(each.groups or each.users for each in request.entitled):
        return Ruling.NOBODY
    entitled = _is_entitled(request.entitled, who)
    if move is Move.APPROVE and who.id == request.requester:
        return Ruling.BREAK_GLASS if break_glass and entitled else Ruling.SELF
    if not entitled:
        return Ruling.NOT_ENTITLED
    if move is Move.APPROVE and who.id in entry.approvals:
        return Ruling.TWICE
    return Ruling.ALLOWED
