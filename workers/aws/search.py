"""Which pipelines there are: by exact name, by part of a name, and the nearest when none fits."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass

from workers.aws import organisations
from workers.aws.calls import Calls, Chain, Place, calls_for
from workers.aws.pipelines import NAME
from workers.aws.sessions import Sessions
from workers.settings import Settings
from workers.snapshot.model import Reading, State

_NEAREST = 5
_NEAR = 0.5


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """A pipeline that exists, by what identifies it."""

    name: str
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """A place whose pipelines could not be seen, and why."""

    account: str
    region: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """The pipelines of a name; when there is none, those whose names are nearest to it."""

    matches: tuple[Listed, ...] = ()
    nearest: tuple[Listed, ...] = ()
    unseen: tuple[Unseen, ...] = ()


def find_pipelines(
    settings: Settings,
    sessions: Sessions,
    text: str,
    account: str | None = None,
    region: str | None = None,
    *,
    calls: Calls | None = None,
) -> Found:
    """The pipelines of exactly that name in all configured accounts and regions, in parallel.

    `account` (id or alias) and `region` narrow the search. Without a match, `nearest` has the
    pipelines of the most similar names. Hand the same `calls` to `read_snapshot`, and the
    pipeline is not read twice; what every snapshot needs is then asked for meanwhile.
    """
    name = text.strip()
    places = _places(settings, sessions, account, region)
    with nullcontext(calls) if calls else calls_for(settings, sessions) as shared:
        chain = Chain(shared)
        unseen: dict[Place, Unseen] = {}
        matches: list[Listed] = []
        if calls:
            organisations.ask_ahead(chain, places[0].account if account and places else None)
        if NAME.fullmatch(name):
            answers = chain.each(
                lambda side, place: side.read(place, "GetPipeline", subject=name, name=name), places
            )
            for place, answer in zip(places, answers, strict=True):
                if answer.state is State.PRESENT:
                    matches.append(Listed(name, place.account, place.region))
                elif answer.state is State.UNREADABLE:
                    unseen[place] = Unseen(place.account, place.region, answer.why)
        shared.begun = chain.length
        if matches:
            return Found(tuple(sorted(matches)), (), tuple(unseen.values()))
        listed = _listed(chain, [place for place in places if place not in unseen], unseen)
        return Found((), _nearest(name, listed), tuple(unseen.values()))


def list_pipelines(
    settings: Settings,
    sessions: Sessions,
    text: str = "",
    account: str | None = None,
    region: str | None = None,
    *,
    calls: Calls | None = None,
) -> Found:
    """The pipelines whose name contains the text, in any case; `unseen`: where none was seen."""
    places = _places(settings, sessions, account, region)
    with nullcontext(calls) if calls else calls_for(settings, sessions) as shared:
        unseen: dict[Place, Unseen] = {}
        listed = _listed(Chain(shared), places, unseen)
        part = text.strip().lower()
        matches = sorted(each for each in listed if part in each.name.lower())
        return Found(tuple(matches), (), tuple(unseen.values()))


def _places(
    settings: Settings, sessions: Sessions, account: str | None, region: str | None
) -> list[Place]:
    if account is None:
        accounts: Iterable[str] = (each.id for each in settings.accounts)
    else:
        known = settings.account(account)
        accounts = (known.id if known else account,)
    return [
        Place("codepipeline", each, where)
        for each in accounts
        for where in ((region,) if region else sessions.regions(each))
    ]


def _listed(chain: Chain, places: list[Place], unseen: dict[Place, Unseen]) -> list[Listed]:
    def names(side: Chain, place: Place) -> Reading[tuple[dict[str, str], ...]]:
        return side.pages(place, "ListPipelines", "pipelines")

    found: list[Listed] = []
    for place, answer in zip(places, chain.each(names, places), strict=True):
        if answer.state is State.PRESENT:
            found += [
                Listed(item["name"], place.account, place.region) for item in answer.require()
            ]
        else:
            unseen[place] = Unseen(place.account, place.region, answer.why)
    return found


def _nearest(name: str, listed: list[Listed]) -> tuple[Listed, ...]:
    by_name: dict[str, list[Listed]] = {}
    for each in sorted(listed):
        by_name.setdefault(each.name.lower(), []).append(each)
    wanted = name.lower()
    close = difflib.get_close_matches(wanted, by_name, n=_NEAREST, cutoff=_NEAR)
    parts = [each for each in by_name if len(wanted) > 2 and wanted in each and each not in close]
    return tuple(one for each in [*parts, *close] for one in by_name[each])[:_NEAREST]
