"""An investigation as messages: one summary, the causes folded into the thread. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from workers.aws.history import Change
from workers.diagnosis.model import FixKind
from workers.incidents.investigation import Found, Investigation, Occurrence
from workers.incidents.looks import Looked
from workers.incidents.stopping import EXPORT, STOP
from workers.incidents.timeline import moment as exact
from workers.settings import Settings
from workers.slack import answers, blocks, markup
from workers.slack.alerts import cause, dotted, duration
from workers.slack.blocks import Json, Message
from workers.slack.markup import Mrkdwn, code, escape, moment
from workers.slack.texts import Texts

MOST_NAMED = 8
MOST_CAUSES = 5
DIFF_LINES, DIFF_CHARACTERS = 24, 1_800


def progress(
    done: int, total: int, inquiry: str, user: str, texts: Texts, key: str = "incident"
) -> Message:
    """The root message while pipelines are looked at, with the button that ends it."""
    line = texts(
        f"{key}.looking" if total else f"{key}.listing",
        mark=texts("mark.working"),
        done=done,
        total=total,
    )
    stop = blocks.button(texts.plain("button.stop"), STOP, inquiry)
    return blocks.message(
        line,
        blocks.section(line),
        blocks.context(texts("progress.asked_by", user=markup.user(user))),
        blocks.actions(stop),
    )


def summary(
    found: Investigation, inquiry: str, user: str, settings: Settings, texts: Texts
) -> Message:
    """The root message: the common cause, when it began, who changed what, what to do first."""
    line = headline(found, texts)
    shown: list[Json] = [blocks.section(line)]
    if found.causes:
        shown += _cause(found.causes[0], settings, texts)
        shown += _others(found.causes[1:], texts)
    if found.other_reasons:
        names = _names(found.other_reasons, texts)
        shown.append(blocks.context(texts("incident.other_reasons", names=names)))
    if found.unknown:
        shown.append(blocks.context(texts("incident.unknown", names=_names(found.unknown, texts))))
    shown += [blocks.context(each) for each in answers.unseen(found.unseen, settings, texts)]
    notes = [
        texts("incident.period", since=moment(found.since)),
        texts("incident.looked", number=found.looked, clear=found.clear),
    ]
    if found.stopped_by:
        stopped = markup.user(found.stopped_by)
        notes.append(texts("incident.stopped", user=stopped, number=found.left))
    notes.append(texts("progress.asked_by", user=markup.user(user)))
    shown.append(blocks.context(dotted(notes)))
    if found.causes:
        shown.append(blocks.actions(blocks.button(texts.plain("button.export"), EXPORT, inquiry)))
    return blocks.message(line, shown)


def headline(found: Investigation, texts: Texts) -> Mrkdwn:
    """One line that a passer-by understands."""
    if not found.causes:
        key = "incident.nothing_unknown" if found.unknown or found.unseen else "incident.nothing"
        return texts(key, mark=texts("mark.unknown" if "unknown" in key else "mark.clear"))
    first, failed = found.causes[0], found.failed
    if failed and all(each.over or not each.stopped for each in found.causes) and first.over:
        return texts.count(
            "incident.over",
            len(failed),
            mark=texts("mark.clear"),
            cause=cause(first.cause, texts),
        )
    if not failed:
        return texts.count(
            "incident.threat",
            len({each.id for one in found.causes for each in one.threatened}),
            mark=texts("mark.blocked"),
        )
    causes = [each for each in found.causes if each.stopped]
    if len(causes) == 1:
        return texts.count(
            "incident.one_cause",
            len(failed),
            mark=texts("mark.blocked"),
            cause=cause(first.cause, texts),
        )
    if len(first.stopped) == 1:
        mark = texts("mark.blocked")
        return texts("incident.nothing_common", mark=mark, number=len(failed))
    return texts(
        "incident.many_causes",
        mark=texts("mark.blocked"),
        number=len(failed),
        causes=len(causes),
        first=cause(first.cause, texts),
        most=len(first.stopped),
    )


def change_message(found: Found, texts: Texts) -> Message | None:
    """The change that is to be looked at first, as far as the trail has it."""
    suspect = found.suspect
    if suspect is None:
        return None
    line = _who_changed(found, suspect, texts)
    shown: list[Json] = [blocks.section(line)]
    if suspect.after:
        text = _diff(suspect) if suspect.before else suspect.after
        excerpt, left = blocks.excerpt(text, DIFF_LINES, DIFF_CHARACTERS)
        key = "incident.change_diff" if suspect.before else "incident.change_after"
        shown += [blocks.context(texts(key)), blocks.preformatted(excerpt)]
        if left:
            shown.append(blocks.context(texts("incident.more_lines", number=left)))
    others = [each for each in found.changes or () if each.id != suspect.id][:5]
    if others:
        lines = [texts("incident.other_changes"), *(_changed(each, texts) for each in others)]
        shown.append(blocks.section(Mrkdwn("\n".join(lines))))
    return blocks.message(line, shown)


def markdown(found: Investigation, happened: Sequence[Occurrence], texts: Texts) -> str:
    """The timeline for a post-mortem, as Markdown."""
    say = texts.plain
    lines = [
        f"# {say('export.title')}",
        "",
        say("export.period", since=exact(found.since), until=exact(found.until)),
        "",
        f"## {say('export.timeline')}",
        "",
        f"| {say('export.time')} | {say('export.what')} | {say('export.who')} |"
        f" {say('export.detail')} |",
        "| --- | --- | --- | --- |",
    ]
    for each in happened:
        kind = say(f"timeline.{each.kind}")
        lines.append(f"| {exact(each.at)} | {kind} | {_cell(each.who)} | {_cell(each.what)} |")
    lines += ["", f"## {say('export.causes')}", ""]
    for number, one in enumerate(found.causes, start=1):
        lines += [f"### {number}. {_plain_cause(one, texts)}", ""]
        if one.finding is not None:
            lines += [one.finding.headline, "", one.finding.explanation, ""]
        lines.append(say("export.document", document=one.cause.document))
        if (suspect := one.suspect) is not None:
            lines.append(
                say(
                    "export.suspect",
                    name=suspect.name,
                    who=suspect.person or suspect.actor,
                    actor=suspect.actor,
                    when=exact(suspect.at),
                )
            )
        elif one.unread:
            lines.append(say("export.unread", why=one.unread))
        stopped = ", ".join(each.pipeline.name for each in one.stopped)
        threatened = ", ".join(each.name for each in one.threatened)
        lines += [say("export.stopped", names=stopped)] if stopped else []
        lines += [say("export.threatened", names=threatened)] if threatened else []
        lines.append("")
        if suspect is not None and suspect.before:
            lines += ["```diff", _diff(suspect), "```", ""]
    lines.append(say("export.looked", number=found.looked, clear=found.clear))
    lines += [f"- {each.account} {each.region}: {each.why}" for each in found.unseen]
    return "\n".join(lines) + "\n"


def _cause(found: Found, settings: Settings, texts: Texts) -> Iterator[Json]:
    # The line above names the document; the finding says what is wrong with it.
    told = escape(found.cause.headline, 300) or cause(found.cause, texts)
    lines = [texts("incident.cause", cause=told)]
    if found.first:
        lines.append(texts("incident.began", when=moment(found.first)))
    yield blocks.section(Mrkdwn("\n".join(lines)))
    yield blocks.section(_changed_by(found, texts))
    lines = []
    if found.stopped:
        names = _names([each.pipeline for each in found.stopped], texts)
        lines.append(texts("incident.failed", number=len(found.stopped), names=names))
        healed = [each.pipeline for each in found.stopped if each.healed]
        if healed:
            lines.append(texts("incident.healed", names=_names(healed, texts)))
    if found.threatened:
        names = _names(found.threatened, texts)
        lines.append(texts("incident.next", number=len(found.threatened), names=names))
    accounts = dict.fromkeys(
        answers.place(each.account, each.region, settings) for each in found.pipelines
    )
    lines.append(texts("incident.where", places=escape(", ".join(accounts), 300)))
    lines.append(texts("incident.first_step", what=_first_step(found, texts)))
    yield blocks.section(Mrkdwn("\n".join(lines)))


def _others(found: Sequence[Found], texts: Texts) -> Iterator[Json]:
    if not found:
        return
    lines = [texts("incident.others")]
    for each in found[: MOST_CAUSES - 1]:
        key = "incident.other_failed" if each.stopped else "incident.other_next"
        lines.append(
            texts(
                key,
                cause=cause(each.cause, texts),
                number=len(each.stopped) or len(each.threatened),
                names=_names(each.pipelines, texts),
            )
        )
    if len(found) > MOST_CAUSES - 1:
        lines.append(texts("join.and_more", number=len(found) - MOST_CAUSES + 1))
    yield blocks.section(Mrkdwn("\n".join(lines)))


def _changed_by(found: Found, texts: Texts) -> Mrkdwn:
    if found.suspect is not None:
        return _who_changed(found, found.suspect, texts)
    if found.unread:
        return texts("incident.changes_unread", why=escape(found.unread, 300))
    if found.changes is None:
        return texts("incident.changes_not_asked")
    return texts("incident.no_changes")


def _who_changed(found: Found, suspect: Change, texts: Texts) -> Mrkdwn:
    before = ""
    if found.first and suspect.at <= found.first:
        before = texts("incident.before", duration=duration(found.first - suspect.at, texts))
    actor = suspect.actor.rsplit("/", 1)[-1]
    return texts(
        "incident.changed",
        name=code(suspect.name, 80),
        person=code(suspect.person or actor, 120),
        actor=code(actor, 120),
        when=moment(suspect.at),
        before=before,
    )


def _changed(each: Change, texts: Texts) -> Mrkdwn:
    return texts(
        "incident.changed_line",
        name=code(each.name, 80),
        person=code(each.person or each.actor, 120),
        when=moment(each.at),
    )


def _first_step(found: Found, texts: Texts) -> Mrkdwn:
    fix = found.finding.fix if found.finding is not None else None
    if found.over:
        return texts("incident.do_nothing")
    if found.suspect is not None and found.suspect.before:
        return texts("incident.do_undo", person=code(found.suspect.person, 120))
    if fix is not None and fix.kind is FixKind.APPLY:
        return texts("incident.do_fix", access=escape(fix.access, 400))
    if fix is not None and fix.instructions:
        return escape(fix.instructions, 600)
    return texts("incident.do_look")


def _names(pipelines: Iterable[Looked], texts: Texts) -> Mrkdwn:
    names = list(dict.fromkeys(each.name for each in pipelines))
    shown = [code(name, 100) for name in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        shown.append(texts("join.and_more", number=len(names) - MOST_NAMED))
    return Mrkdwn(", ".join(shown))


def _plain_cause(found: Found, texts: Texts) -> str:
    try:
        return texts.plain(f"cause.{found.cause.component}", name=found.cause.name)
    except KeyError:
        return found.cause.name


def _diff(change: Change) -> str:
    return "\n".join(
        list(
            difflib.unified_diff(
                change.before.splitlines(), change.after.splitlines(), n=2, lineterm=""
            )
        )[2:]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
