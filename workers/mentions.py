"""What a mention or a shortcut is about, found in the text and in the thread around it.

No guessing by a model: the text is read for links, ARNs, events and names (`diagnosis.mentions`),
then for aliases of accounts and for names of pipelines that exist. What is left open is asked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from slack_sdk.errors import SlackClientError

from workers.aws.pipelines import NAME
from workers.aws.search import Listed
from workers.diagnosis.denials import parse_denial
from workers.diagnosis.denials.words import explain_denial
from workers.diagnosis.mentions import Mention, read_mention
from workers.engine import Engine
from workers.entrance import may_ask, welcome
from workers.incidents.intake import ID_CHARACTERS, Intake
from workers.inquiry import Inquiry, State
from workers.pipeline.arn import parse
from workers.room import Room
from workers.settings import Settings
from workers.slack import answers, delivery
from workers.slack.delivery import EVENT_TYPE, ROOT
from workers.slack.messages import text_of
from workers.telling import deliver_now

THREAD_MESSAGES = 30  # read around a mention
NEAR = 0.75  # how much of a name must be there to be offered
MOST_OFFERED = 5

# A whole id, or its beginning as findings and the console's lists show it.
_EXECUTION = re.compile(r"\b[0-9a-f]{8}(?:(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?\b")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.@_-]{1,99}")
_PLACE = re.compile(r"\b(?:in|on|account)\s+[`\"']?([a-z0-9][a-z0-9-]{1,62})", re.IGNORECASE)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Understood:
    """What the text speaks of; `candidates` are pipelines that it may mean, where it names none."""

    mention: Mention
    candidates: tuple[Listed, ...] = ()


def understand(room: Room, inquiry: Inquiry, text: str, engine: Engine) -> Understood:
    """What the text speaks of; where it names no pipeline, the thread it stands in is read too,
    and then the names of all pipelines that there are. Raises NotKnown."""
    mention = placed(read_mention(text), text, room.settings)
    if (known := _by_execution(room, inquiry, mention, text)) is not None:
        return Understood(known)
    if mention.pipeline:
        return Understood(mention)
    around = _around(room, inquiry)
    said = [text, *around.said]
    if around.said:
        told = placed(read_mention("\n".join(said)), "\n".join(said), room.settings)
        if told.pipeline:
            return Understood(_with(told, mention))
        mention = _with(mention, told)
    if around.ours is not None:
        return Understood(_ours(mention, around.ours, room))
    there = [
        each
        for each in engine.search("", mention.account or None, mention.region or None).matches
        if may_ask(room, inquiry, each.account)
    ]
    for words in said:
        named = [each for each in there if each.name in _tokens(words)]
        if len({each.name for each in named}) == 1:
            return Understood(_found(mention, named[0].name, room))
        if named:
            return Understood(mention, tuple(named[:MOST_OFFERED]))
    return Understood(mention, near(text, there))


def _by_execution(room: Room, inquiry: Inquiry, mention: Mention, text: str) -> Mention | None:
    """The pipeline whose failed execution the text names by its id, as far as events told of it.

    Reading the executions of every pipeline there is would take too many calls for one question.
    """
    ids = dict.fromkeys(filter(None, (mention.execution, *_EXECUTION.findall(text.lower()))))
    if mention.pipeline and mention.pipeline.lower() not in ids:
        return None
    for each in ids:
        arns = [found for arn in Intake(room.redis).whose(each) if (found := parse(arn))]
        told = [arn for arn in arns if may_ask(room, inquiry, arn.account)]
        if len(told) == 1:
            (arn,) = told
            said = room.texts.plain(
                "progress.understood_execution", name=arn.resource, id=each[:ID_CHARACTERS]
            )
            return replace(
                mention,
                pipeline=arn.resource,
                account=arn.account,
                region=arn.region,
                execution=each,
                understood=(said,),
            )
    return None


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


def ask_back(room: Room, inquiry: Inquiry, found: Understood) -> None:
    """No pipeline was named: explain the error texts if there are any, and ask which one."""
    if not welcome(room, inquiry):
        return
    mention = found.mention
    asking = inquiry.model_copy(update={"errors": mention.errors, "understood": mention.understood})
    room.inquiries.understood(asking)
    explained = [
        explain_denial(denial) for error in mention.errors for denial in parse_denial(error)
    ]
    message = answers.which_pipeline(
        [(each.headline, " ".join(each.means)) for each in explained],
        found.candidates,
        mention.understood,
        mention.execution,
        inquiry.id,
        room.settings,
        room.texts,
    )
    room.outbox.add(inquiry.id, delivery.post(ROOT, inquiry.channel, message, inquiry.thread or ""))
    room.inquiries.close(inquiry, State.CHOOSING)
    deliver_now(room, inquiry.id)


def placed(mention: Mention, text: str, settings: Settings) -> Mention:
    """The mention with the account whose alias the text names (`in prod`), if none was found."""
    if mention.account:
        return mention
    for found in _PLACE.finditer(text):
        known = settings.account(found[1])
        if known is not None:
            return replace(mention, account=known.id)
    return mention


def near(text: str, there: Sequence[Listed]) -> tuple[Listed, ...]:
    """Pipelines whose names are like a word of the text, or begin with one that is a name's."""
    by_name: dict[str, list[Listed]] = {}
    for each in there:
        by_name.setdefault(each.name.lower(), []).append(each)
    found: dict[str, None] = {}
    for token in sorted(_tokens(text.lower()), key=len, reverse=True):
        if len(token) < 4:
            continue
        parts = [name for name in by_name if token in re.split(r"[.@_-]", name)]
        close = difflib.get_close_matches(token, by_name, n=MOST_OFFERED, cutoff=NEAR)
        for name in [*close, *sorted(parts)]:
            found.setdefault(name)
    return tuple(each for name in found for each in by_name[name])[:MOST_OFFERED]


def _tokens(text: str) -> frozenset[str]:
    """Words that may be names, without the punctuation of the sentence."""
    found = {match.rstrip(".-") for match in _TOKEN.findall(text)}
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Around:
    """The thread of a mention: what others said, and what we answered there before."""

    said: tuple[str, ...] = ()
    ours: Inquiry | None = None


def _around(room: Room, inquiry: Inquiry) -> _Around:
    """The thread, its root first. What the bot said itself is no news, but says what about."""
    if inquiry.thread is None:
        return _Around()
    try:
        answer = room.client.conversations_replies(
            channel=inquiry.channel,
            ts=inquiry.thread,
            limit=THREAD_MESSAGES,
            include_all_metadata=True,
        )
    except (SlackClientError, OSError) as error:
        log.info("thread not read", inquiry=inquiry.id, error=type(error).__name__)
        return _Around()
    said: list[str] = []
    ours: Inquiry | None = None
    for message in answer.get("messages") or ():
        metadata = message.get("metadata") or {}
        if metadata.get("event_type") != EVENT_TYPE:
            said.append(text_of(message))
            continue
        thread = str((metadata.get("event_payload") or {}).get("thread", ""))
        standing = room.inquiries.standing(thread)
        if ours is None and standing is not None and NAME.fullmatch(standing.inquiry.name):
            ours = standing.inquiry
    return _Around(tuple(said), ours)


def _ours(mention: Mention, about: Inquiry, room: Room) -> Mention:
    understood = room.texts.plain("progress.understood_thread", name=about.name)
    return replace(
        mention,
        pipeline=about.name,
        account=mention.account or about.account or "",
        region=mention.region or about.region or "",
        understood=(understood, *mention.understood),
    )


def _with(mention: Mention, other: Mention) -> Mention:
    """The mention completed by what only the other one says."""
    return replace(
        mention,
        account=mention.account or other.account,
        region=mention.region or other.region,
        execution=mention.execution or other.execution,
        errors=mention.errors or other.errors,
        understood=mention.understood or other.understood,
    )


def _found(mention: Mention, name: str, room: Room) -> Mention:
    understood = room.texts.plain("progress.understood_name", name=name)
    return replace(mention, pipeline=name, understood=(understood, *mention.understood))
