"""Commands about a channel or many pipelines, turned into the job that fulfils them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.grammar import Investigate, Reason, Refusal, Watch, Watching
from workers.incidents.watches import NoTarget, parse_target
from workers.queue import INVESTIGATE, LIST_WATCHES, UNWATCH, WATCH
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """A job with its arguments. `name` is the command as typed again, `answer` the text's key."""

    job: str
    name: str
    arguments: tuple[Any, ...] = ()
    answer: str = "watch.asking"
    account: str | None = None  # id
    region: str | None = None
    timeout: int | None = None  # seconds; None = that of every job


def wish(parsed: Watch | Watching | Investigate, settings: Settings) -> Wish | Refusal:
    """The job that is meant; a refusal names the word that nobody knows."""
    if isinstance(parsed, Watching):
        return Wish(LIST_WATCHES, "watching")
    account = None
    if parsed.account is not None:
        known = settings.account(parsed.account)
        if known is None:
            return Refusal(Reason.ACCOUNT, parsed.account)
        account = known.id
    try:
        if isinstance(parsed, Investigate):
            return _investigation(parsed, account, settings)
        return _watch(parsed, account, settings)
    except NoTarget as none:
        if none.word.lower().startswith("account:"):
            return Refusal(Reason.ACCOUNT, none.word.partition(":")[2])
        return Refusal(Reason.TARGET, none.word)


def _watch(parsed: Watch, account: str | None, settings: Settings) -> Wish:
    target = parse_target(parsed.target, account, parsed.region, settings)
    verb = "unwatch" if parsed.ended else "watch"
    return Wish(
        UNWATCH if parsed.ended else WATCH,
        f"{verb} {parsed.target}",
        (target.model_dump(mode="json"),),
        account=target.value if target.kind == "account" else account,
        region=parsed.region,
    )


def _investigation(parsed: Investigate, account: str | None, settings: Settings) -> Wish:
    targets = [
        parse_target(each, account, parsed.region, settings).model_dump(mode="json")
        for each in parsed.targets
    ]
    words = ["incident", f"since {parsed.since // 60}m", *parsed.targets]
    return Wish(
        INVESTIGATE,
        " ".join(words)[:200],
        (parsed.since, targets),
        "incident.asking",
        account,
        parsed.region,
        settings.sweeps.timeout_seconds,
    )
