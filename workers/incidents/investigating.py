"""An investigation on request: look at pipelines, find the common cause, tell it in a thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import structlog

from workers.aws.search import Found as Listing
from workers.aws.search import Listed
from workers.diagnosis.map.raster import CannotRaster, png
from workers.entrance import may_ask, refuse_person, welcome
from workers.incidents import behind
from workers.incidents import timeline as picture
from workers.incidents.health import Health, of_look
from workers.incidents.investigation import (
    Found,
    Investigation,
    investigate,
    occurrences,
    with_changes,
)
from workers.incidents.looks import Looked, Looks
from workers.incidents.stopping import PREFIX
from workers.incidents.survey import Survey
from workers.incidents.watches import Kind, Target, matches, tags_of
from workers.inquiry import Inquiry, State
from workers.room import Room
from workers.settings import Settings
from workers.slack import blocks, delivery, files, findings, investigations
from workers.slack.blocks import Message
from workers.slack.delivery import ROOT
from workers.slack.texts import Texts
from workers.telling import deliver_now, reply, tell

PROGRESS_SECONDS = 2.0
WITH_CHANGES = 3  # causes whose changes are looked up: CloudTrail answers twice a second
BEFORE_SECONDS = 24 * 3600  # a change may lie before the first failure by so much
EXPORT_SECONDS = 30 * 24 * 3600

log = structlog.get_logger(__name__)


def run(
    room: Room, inquiry: Inquiry, survey: Survey, since: float, targets: Sequence[Target]
) -> None:
    """Investigate and answer. May run twice: what was looked at is not looked at again.

    Raises NotKnown and redis.RedisError.
    """
    if not welcome(room, inquiry):
        return
    accounts = allowed(room, inquiry, targets)
    if not accounts:
        return
    if not _open(room, inquiry):
        return
    listing = listed(survey, accounts, inquiry.region)
    wanted = chosen(listing.matches, targets)
    looks = Looks(room.redis, inquiry.id)
    looked = tuple(looks.look(wanted, survey, _teller(room, inquiry, len(wanted))))
    Health(room.redis).note(*(of_look(each, time.time()) for each in looked))
    looked = tuple(each for each in looked if _meant(each, targets, room.settings))
    found = replace(
        investigate(looked, since, time.time()),
        unseen=tuple(each for each in listing.unseen if each.account in accounts),
        stopped_by=looks.stopped_by,
        left=len(wanted) - len(looked) if looks.stopped_by else 0,
    )
    found = _with_changes(survey, found)
    _answer(room, inquiry, found)


def allowed(room: Room, inquiry: Inquiry, targets: Sequence[Target]) -> tuple[str, ...]:
    """The accounts that the person may be told about here; refused when a named one is not.

    Raises NotKnown.
    """
    named = [inquiry.account] if inquiry.account else []
    named += [each.value for each in targets if each.kind is Kind.ACCOUNT]
    for account in named:
        if not may_ask(room, inquiry, account):
            refuse_person(room, inquiry, account)
            return ()
    if named and all(each.kind is Kind.ACCOUNT for each in targets):
        return tuple(dict.fromkeys(named))
    every = [inquiry.account] if inquiry.account else [each.id for each in room.settings.accounts]
    told = tuple(each for each in every if may_ask(room, inquiry, each))
    if not told:
        message = blocks.message(room.texts("incident.no_account"))
        tell(room, inquiry, "refused", message, State.REFUSED)
    return told


def listed(survey: Survey, accounts: Sequence[str], region: str | None) -> Listing:
    """The pipelines of these accounts."""
    found = [survey.pipelines(account, region) for account in accounts]
    return Listing(
        tuple(sorted(each for one in found for each in one.matches)),
        (),
        tuple(each for one in found for each in one.unseen),
    )


def chosen(pipelines: Iterable[Listed], targets: Sequence[Target]) -> tuple[Listed, ...]:
    """Those that may be meant, as far as that is known before their tags are read."""
    return tuple(
        each
        for each in pipelines
        if not targets
        or any(
            matches(target, each.name, each.account, each.region, None) is not False
            for target in targets
        )
    )


def _meant(each: Looked, targets: Sequence[Target], settings: Settings) -> bool:
    tags = tags_of(each.account, dict(each.tags), settings)
    return not targets or any(
        matches(target, each.name, each.account, each.region, tags) for target in targets
    )


def _open(room: Room, inquiry: Inquiry) -> bool:
    """Post the root message; False when nobody may post there, and the asker was told."""
    message = investigations.progress(0, 0, inquiry.id, inquiry.user, room.texts)
    direct = inquiry.visibility == "direct" and not inquiry.thread
    channel = inquiry.user if direct else inquiry.channel
    room.outbox.add(inquiry.id, delivery.post(ROOT, channel, message, inquiry.thread or ""))
    return not deliver_now(room, inquiry.id).refused


def _teller(room: Room, inquiry: Inquiry, total: int) -> Callable[[int], None]:
    told = 0.0

    def tell_progress(done: int) -> None:
        nonlocal told
        if time.monotonic() - told < PROGRESS_SECONDS:
            return
        told = time.monotonic()
        message = investigations.progress(done, total, inquiry.id, inquiry.user, room.texts)
        room.outbox.refresh(inquiry.id, ROOT, message)

    return tell_progress


def _with_changes(survey: Survey, found: Investigation) -> Investigation:
    causes: list[Found] = []
    for number, cause in enumerate(found.causes):
        if number >= WITH_CHANGES or not cause.pipelines:
            causes.append(cause)
            continue
        where = cause.pipelines[0]
        start = min(cause.first or found.until, found.since) - BEFORE_SECONDS
        read = survey.changes(cause.cause, where.account, where.region, start, found.until)
        known = None if read.value is None else tuple(read.value)
        causes.append(with_changes(cause, known, read.why if known is None else ""))
    return replace(found, causes=tuple(causes))


def _answer(room: Room, inquiry: Inquiry, found: Investigation) -> None:
    texts, happened = room.texts, occurrences(found)
    exported = investigations.markdown(found, happened, texts)
    room.redis.set(f"{PREFIX}{inquiry.id}:timeline", exported, ex=EXPORT_SECONDS)
    summary = investigations.summary(found, inquiry.id, inquiry.user, room.settings, texts)
    room.outbox.add(inquiry.id, delivery.update("summary", ROOT, summary))
    deliver_now(room, inquiry.id)
    if happened:
        _show_picture(room, inquiry, found)
    for cause in found.causes[:WITH_CHANGES]:
        _show_cause(room, inquiry, cause)
    room.inquiries.close(inquiry, State.ANSWERED)
    deliver_now(room, inquiry.id)


def _show_cause(room: Room, inquiry: Inquiry, cause: Found) -> None:
    """The change and the finding with its buttons, as replies."""
    changed = investigations.change_message(cause, room.texts)
    if changed is not None:
        room.outbox.add(inquiry.id, reply(inquiry, f"change:{cause.cause.key}", changed))
        deliver_now(room, inquiry.id)
    thread = _thread(room, inquiry)
    if cause.finding is None or cause.of is None or thread is None:
        return
    channel, ts = thread
    behind_it = inquiry.model_copy(
        update={
            "id": f"{inquiry.id}-{cause.cause.key[:8]}",
            "name": cause.of.name,
            "account": cause.of.account,
            "region": cause.of.region,
            "thread": ts,
        }
    )
    behind.keep(room, behind_it, cause.of.report)
    every = [each.id for each in cause.of.report.findings]
    position = every.index(cause.finding.id) + 1
    message = findings.finding(cause.finding, position, len(every), behind_it.id, room.texts)
    step = findings.step_of(cause.finding)
    room.outbox.add(behind_it.id, delivery.post(step, channel, message, ts))
    room.outbox.deliver(behind_it.id)


def _show_picture(room: Room, inquiry: Inquiry, found: Investigation) -> None:
    """The timeline as a picture; the summary says the same in words."""
    words, happened = _words(room.texts, found), occurrences(found)
    try:
        drawn = png(picture.draw(happened, found.until, words))
    except CannotRaster as error:
        log.warning("timeline not drawn", error=str(error))
        return
    alt = picture.describe(happened, words)
    item = delivery.file("timeline", "timeline.png", drawn, title=words.title, alt=alt)
    if inquiry.thread:
        item = item.model_copy(update={"channel": inquiry.channel, "thread": inquiry.thread})
    room.outbox.add(inquiry.id, item)
    deliver_now(room, inquiry.id)


def export(room: Room, inquiry_id: str, user: str, channel: str, thread: str) -> None:
    """`Export timeline`: the timeline as a snippet in the thread, and nowhere else.

    Raises NotKnown.
    """
    if not room.settings.slack.allow_guests and room.directory.is_guest(user):
        _whisper(room, inquiry_id, user, channel, thread, "answer.denied_guest")
        return
    posted = room.outbox.posted(inquiry_id, ROOT)
    if posted is not None and posted.channel != channel:
        _whisper(room, inquiry_id, user, channel, thread, "incident.export_elsewhere")
        return
    found = room.redis.get(f"{PREFIX}{inquiry_id}:timeline")
    if not isinstance(found, bytes):
        _whisper(room, inquiry_id, user, channel, thread, "incident.export_gone")
        return
    shared = files.share(
        room.client,
        channel,
        thread,
        f"timeline-{time.strftime('%Y-%m-%d-%H%M', time.gmtime())}.md",
        found,
        title=room.texts.plain("export.title"),
    )
    if not shared:
        _whisper(room, inquiry_id, user, channel, thread, "incident.export_refused")


def _whisper(room: Room, inquiry_id: str, user: str, channel: str, thread: str, key: str) -> None:
    message: Message = blocks.message(room.texts(key))
    mine = f"{inquiry_id}-export-{user}"
    item = delivery.ephemeral(f"{key}:{time.time():.0f}", channel, user, message, thread)
    room.outbox.add(mine, item)
    room.outbox.deliver(mine)


def _thread(room: Room, inquiry: Inquiry) -> tuple[str, str] | None:
    posted = room.outbox.posted(inquiry.id, ROOT)
    if posted is None:
        return None
    return posted.channel, inquiry.thread or posted.ts


def _words(texts: Texts, found: Investigation) -> picture.Words:
    return picture.Words(
        title=texts.plain("timeline.title", number=len(found.failed)),
        change=texts.plain("timeline.change"),
        failure=texts.plain("timeline.failure"),
        recovery=texts.plain("timeline.recovery"),
        more=texts.plain("timeline.more", number="{number}"),
        utc=texts.plain("timeline.utc"),
    )
