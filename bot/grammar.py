"""What people type after `/pipeline-access`, understood without asking anybody.

    <name | arn | console link> [in <account or alias>] [region] [as <arn>]
    list [text] [in <account or alias>] [region]
    history <name | arn | console link> [in <account or alias>] [region]
    watch | unwatch <name | tag:key=value | account> [in <account>] [region] [here]
    watching
    incident [since 2h] [<names, tags or accounts>] [in <account>] [region]
    help

`parse` is a pure function to one of the frozen results below. Text that is no such command is a
`Refusal` with its reason; nothing of it reaches the queue.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

LONGEST = 1_000  # a console link with everything in it stays below
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineDeclaration.html
NAME = re.compile(r"[A-Za-z0-9.@\-_]{1,100}")
REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
ACCOUNT = re.compile(r"\d{12}|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
ACCOUNT_ID = re.compile(r"\d{12}")
PRINCIPAL = re.compile(
    r"arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:user|role|assumed-role)/[\w+=,.@/-]+"
)
CONSOLE = re.compile(
    r"(?:[\w-]+\.)*console\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com|aws\.eu)"
)
CONSOLE_PATH = re.compile(r"/codesuite/codepipeline/pipelines/([^/]+)(?:/.*)?")
# https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/multisession.html
CONSOLE_ACCOUNT = re.compile(r"(\d{12})-[a-z0-9]+\.")
_MENTION = re.compile(r"<[@#!][^>]*>|@(?:here|channel|everyone)\b")
_LINK = re.compile(r"<(https?://[^|>\s]+)(?:\|[^>]*)?>")
_QUOTES = "`\"'“”‘’«»"


class Reason(StrEnum):
    """Why a text is no command; each has its words in texts/en.toml under `refusal`."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    CONTROL = "control"
    MENTION = "mention"
    LINK = "link"
    OTHER_COMMAND = "other_command"
    NAME = "name"
    OTHER_SERVICE = "other_service"
    ARN = "arn"
    REGION = "region"
    ACCOUNT = "account"
    PRINCIPAL = "principal"
    WORDS = "words"
    CONFLICT = "conflict"
    TARGET = "target"
    SINCE = "since"


@dataclass(frozen=True, slots=True)
class Diagnose:
    """Say why this pipeline is denied. `account` is an id or an alias, as typed."""

    name: str
    account: str | None = None
    region: str | None = None
    caller: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Say which fixes were asked for, decided and applied for this pipeline."""

    name: str
    account: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class ListPipelines:
    text: str = ""
    account: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """Tell this channel of failures. `target` is a name, `tag:key=value`, `account:…` or alias."""

    target: str
    account: str | None = None
    region: str | None = None
    ended: bool = False  # unwatch


@dataclass(frozen=True, slots=True)
class Watching:
    """Say what this channel watches."""


@dataclass(frozen=True, slots=True)
class Investigate:
    """Find what many pipelines fail of. `since` is in seconds; without targets all are meant."""

    since: int
    targets: tuple[str, ...] = ()
    account: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Help:
    pass


@dataclass(frozen=True, slots=True)
class Refusal:
    """No command. `text` is the part that was not understood, `name` what was."""

    reason: Reason
    text: str = ""
    name: str = ""
    service: str = ""
    length: int = 0


Parsed: TypeAlias = (
    Diagnose | History | ListPipelines | Watch | Watching | Investigate | Help | Refusal
)
SINCE = 2 * 3600
LONGEST_SINCE = 14 * 24 * 3600
MOST_TARGETS = 20
_DURATION = re.compile(r"(\d{1,4})(m|min|h|d)", re.IGNORECASE)
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 24 * 3600}


class _No(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def parse(text: str) -> Parsed:
    """What the text asks for. Never raises."""
    try:
        return _parse(text)
    except _No as no:
        return no.refusal


def is_name(text: str) -> bool:
    """Whether a pipeline may have that name; `..` and the like are allowed by AWS's pattern, but
    meant by nobody."""
    return bool(NAME.fullmatch(text)) and not set(text) <= set(".@-_")


def _parse(text: str) -> Parsed:
    if len(text) > LONGEST:
        raise _No(Refusal(Reason.TOO_LONG, length=len(text)))
    text = _LINK.sub(r"\1", text)
    if (mention := _MENTION.search(text)) is not None:
        raise _No(Refusal(Reason.MENTION, mention.group()))
    text = html.unescape(text)
    if any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co") for each in text.strip()):
        raise _No(Refusal(Reason.CONTROL))
    words = _words(text)
    if not words:
        raise _No(Refusal(Reason.EMPTY))
    verb, rest = words[0].lower(), words[1:]
    if verb in ("help", "-h", "--help", "?") and not rest:
        return Help()
    if verb == "list":
        return _list(rest)
    if verb == "history" and rest:
        asked = _diagnose(rest)
        return History(asked.name, asked.account, asked.region)
    if verb in ("watch", "unwatch"):
        return _watch(rest, ended=verb == "unwatch")
    if verb == "watching" and not rest:
        return Watching()
    if verb == "incident":
        return _investigate(rest)
    if verb in ("diagnose", "why") and rest:
        return _diagnose(rest)
    return _diagnose(words)


def _words(text: str) -> list[str]:
    return [word for word in (each.strip(_QUOTES) for each in text.split()) if word]


def _list(words: list[str]) -> ListPipelines:
    found = ListPipelines()
    place, left = _place(words)
    if len(left) > 1:
        raise _No(Refusal(Reason.WORDS, " ".join(left[1:]), f"list {left[0]}"))
    if left and not NAME.fullmatch(left[0]):
        raise _No(Refusal(Reason.NAME, left[0]))
    return replace(found, text=left[0] if left else "", account=place.account, region=place.region)


def _watch(words: list[str], *, ended: bool) -> Watch:
    """What is to be watched; `here`, which says what happens anyway, may be added."""
    place, left = _place(words)
    targets = _targets([word for word in left if word.lower() != "here"])
    if not targets and place.account and not place.caller:
        return Watch(f"account:{place.account}", None, place.region, ended)
    if len(targets) != 1 or place.caller:
        raise _No(Refusal(Reason.TARGET, " ".join(words)))
    return Watch(targets[0], place.account, place.region, ended)


def _investigate(words: list[str]) -> Investigate:
    place, left = _place(words)
    since, others = SINCE, []
    rest = iter(left)
    for word in rest:
        if word.lower() != "since":
            others.append(word)
            continue
        said = next(rest, "")
        duration = _DURATION.fullmatch(said)
        since = int(duration[1]) * _SECONDS[duration[2].lower()] if duration else 0
        if not 60 <= since <= LONGEST_SINCE:
            raise _No(Refusal(Reason.SINCE, said))
    targets = tuple(dict.fromkeys(_targets(others)))
    if len(targets) > MOST_TARGETS or place.caller:
        raise _No(Refusal(Reason.WORDS, " ".join(words), "incident"))
    return Investigate(since, targets, place.account, place.region)


def _targets(words: list[str]) -> list[str]:
    """`tag team=payments` and `account prod` are one target each, as with a colon."""
    targets: list[str] = []
    rest = iter(words)
    for word in rest:
        kind = word.lower().rstrip(":")
        if kind in ("tag", "account") and (following := next(rest, "")):
            targets.append(f"{kind}:{following}")
        elif kind not in ("and", "all", "pipeline", "pipelines", ""):
            targets.append(word.strip(","))
    return targets


def _diagnose(words: list[str]) -> Diagnose:
    subject = _subject(words[0])
    place, left = _place(words[1:])
    if left:
        raise _No(Refusal(Reason.WORDS, " ".join(left), subject.name))
    for said, meant in ((place.account, subject.account), (place.region, subject.region)):
        # An alias cannot be compared here; the settings know whose it is.
        if said and meant and said != meant and not (meant.isdigit() and not said.isdigit()):
            raise _No(Refusal(Reason.CONFLICT, f"{meant}, {said}", subject.name))
    return Diagnose(
        subject.name,
        subject.account or place.account,
        subject.region or place.region,
        place.caller,
    )


def _subject(word: str) -> Diagnose:
    if word.startswith("/"):
        raise _No(Refusal(Reason.OTHER_COMMAND, word))
    if word.startswith("arn:"):
        return _from_arn(word)
    if "://" in word:
        return _from_link(word)
    if not is_name(word):
        raise _No(Refusal(Reason.NAME, word))
    return Diagnose(word)


def _from_arn(arn: str) -> Diagnose:
    """arn:partition:codepipeline:region:account:pipeline[/stage[/action]]

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodepipeline.html
    """
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[2] != "codepipeline":
        raise _No(Refusal(Reason.OTHER_SERVICE, arn, service=parts[2] or "?"))
    if len(parts) < 6:
        raise _No(Refusal(Reason.ARN, arn))
    region, account, name = parts[3], parts[4], parts[5].split("/")[0]
    if not (REGION.fullmatch(region) and ACCOUNT_ID.fullmatch(account) and is_name(name)):
        raise _No(Refusal(Reason.ARN, arn))
    return Diagnose(name, account, region)


def _from_link(address: str) -> Diagnose:
    """A pipeline's page in the console, also through the access portal's `destination`."""
    try:
        url = urlsplit(address)
        host, query = url.hostname or "", parse_qs(url.query)
    except ValueError:
        raise _No(Refusal(Reason.LINK, address)) from None
    if host.endswith(".awsapps.com"):
        portal = parse_qs(urlsplit(url.fragment).query)
        target = portal.get("destination", [""])[0]
        account = portal.get("account_id", [""])[0]
        if target.startswith("https://") and ".awsapps.com" not in target:
            found = _from_link(target)
            known = found.account or (account if ACCOUNT_ID.fullmatch(account) else None)
            return replace(found, account=known)
    path = CONSOLE_PATH.fullmatch(url.path)
    name = unquote(path[1]) if path else ""
    if not CONSOLE.fullmatch(host) or not is_name(name):
        raise _No(Refusal(Reason.LINK, address))
    named = query.get("region", [""])[0]
    labels = [label for label in host.split(".") if REGION.fullmatch(label)]
    region = named if REGION.fullmatch(named) else (labels[0] if labels else None)
    account_in_host = CONSOLE_ACCOUNT.match(host)
    return Diagnose(name, account_in_host[1] if account_in_host else None, region)


def _place(words: list[str]) -> tuple[Diagnose, list[str]]:
    """What `in`, a region and `as` say, and the words that are none of it."""
    place, left = Diagnose(""), []
    rest = iter(words)
    for word in rest:
        match word.lower():
            case "in" | "on":
                account = next(rest, "")
                if REGION.fullmatch(account.lower()) and place.region is None:
                    place = replace(place, region=account.lower())
                    continue
                if not ACCOUNT.fullmatch(account) or place.account:
                    raise _No(Refusal(Reason.ACCOUNT, account))
                place = replace(place, account=account.lower())
            case "as":
                caller = next(rest, "")
                if not PRINCIPAL.fullmatch(caller) or place.caller:
                    raise _No(Refusal(Reason.PRINCIPAL, caller))
                place = replace(place, caller=caller)
            case lower if REGION.fullmatch(lower):
                if place.region not in (None, lower):
                    raise _No(Refusal(Reason.CONFLICT, f"{place.region}, {lower}"))
                place = replace(place, region=lower)
            case _:
                left.append(word)
    return place, left
