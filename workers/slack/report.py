"""A report as messages for a thread: pure functions of the report and the language's texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workers.diagnosis.model import Certainty, Component, Outcome, Report
from workers.slack import blocks, markup
from workers.slack.blocks import Json, Message
from workers.slack.findings import REQUEST_FIXES, finding, mark_of, requestable, step_of
from workers.slack.markup import Mrkdwn, dotted, escape
from workers.slack.texts import Texts

MOST_FINDINGS = 12  # replies; the rest is named in the last one

SHOW_ADVICE = "show_advice"
ASK_AGAIN = "ask_again"


@dataclass(frozen=True, slots=True)
class Reply:
    """A message of the thread under the name that makes its posting idempotent."""

    step: str
    message: Message


def progress(
    texts: Texts,
    key: str,
    name: str,
    place: Mrkdwn,
    asker: str,
    understood: Sequence[str] = (),
    **values: object,
) -> Message:
    """The root message while the diagnosis runs: one line, and who asked about what."""
    line = texts(key, mark=texts("mark.working"), name=escape(name, 100), **values)
    notes = [place, texts("progress.asked_by", user=markup.user(asker))]
    return blocks.message(
        line, blocks.section(line), blocks.context(dotted(notes), *_understood(understood, texts))
    )


def root(
    report: Report,
    asker: str,
    texts: Texts,
    requested: int = 0,
    understood: Sequence[str] = (),
) -> Message:
    """The root message with the outcome, in one line that a passer-by understands."""
    line = _root_line(report, texts)
    notes = [place(report, texts)]
    if report.findings and report.outcome is not Outcome.CLEAR:
        notes.append(texts.count("root.findings", len(report.findings)))
    proven = sum(1 for each in report.findings if each.fix is not None and each.fix.proven)
    if proven:
        notes.append(texts.count("root.proven", proven))
    if requested:
        notes.append(texts.count("root.requested", requested))
    notes.append(texts("progress.asked_by", user=markup.user(asker)))
    return blocks.message(
        line, blocks.section(line), blocks.context(dotted(notes), *_understood(understood, texts))
    )


def place(report: Report, texts: Texts) -> Mrkdwn:
    """Account and region, in words."""
    account = f"{report.alias} {report.account}".strip()
    return texts("progress.place", account=escape(account, 150), region=escape(report.region, 50))


def replies(report: Report, inquiry: str, texts: Texts) -> tuple[Reply, ...]:
    """The replies in order: findings, the blocking one first, then what was checked."""
    found = report.findings[:MOST_FINDINGS]
    return (
        *(
            Reply(step_of(each), finding(each, position, len(report.findings), inquiry, texts))
            for position, each in enumerate(found, start=1)
        ),
        Reply("checked", checked(report, inquiry, texts)),
    )


def checked(report: Report, inquiry: str, texts: Texts) -> Message:
    """What was checked, with each component's state, and what could not be read."""
    shown: list[Json] = []
    if report.sections:
        lines = [texts("checked.heading")]
        lines += [
            texts(
                "checked.section",
                mark=texts(f"mark.{each.outcome if each.applies else 'nothing'}"),
                component=texts.named("component", each.component),
                summary=escape(each.summary, 260),
            )
            for each in report.sections[:14]
        ]
        shown.append(blocks.section(Mrkdwn("\n".join(lines))))
    if report.unreadable:
        shown += _unread(report, texts)
    counts = report.checked
    key = "checked.counts" if counts.aws_calls else "checked.counts_short"
    summary = texts(
        key,
        requirements=counts.requirements,
        allowed=counts.allowed,
        denied=counts.denied,
        unknown=counts.unknown,
        calls=counts.aws_calls,
        seconds=f"{counts.seconds:.1f}",
    )
    notes = [summary]
    personal = sum(each.component is Component.USER for each in report.advice)
    if personal < len(report.advice):
        notes.append(texts.count("checked.advice", len(report.advice) - personal))
    if personal:
        notes.append(texts.count("checked.personal", personal))
    left = len(report.findings) - MOST_FINDINGS
    if left > 0:
        notes.append(texts("join.and_more", number=left))
    shown.append(blocks.context(dotted(notes)))
    buttons = [blocks.button(texts.plain("button.again"), ASK_AGAIN, inquiry)]
    if sum(requestable(each.fix) for each in report.findings) > 1:
        buttons.insert(0, blocks.button(texts.plain("button.requests"), REQUEST_FIXES, inquiry))
    if report.advice:
        buttons.append(blocks.button(texts.plain("button.advice"), SHOW_ADVICE, inquiry))
    shown.append(blocks.actions(*buttons))
    return blocks.message(summary, shown)


def _root_line(report: Report, texts: Texts) -> Mrkdwn:
    name = escape(report.name, 100)
    mark = texts(f"mark.{report.outcome}")
    if report.outcome is Outcome.BLOCKED and report.findings:
        first = report.findings[0]
        key = {Certainty.PROVEN: "blocked", Certainty.LIKELY: "likely"}.get(
            first.certainty, "maybe"
        )
        return texts(f"root.{key}", mark=mark, name=name, headline=escape(first.headline, 300))
    if report.outcome is Outcome.CLEAR:
        passed = next((each for each in report.findings if mark_of(each) == "retry"), None)
        if passed is not None:
            headline = escape(passed.headline, 300)
            return texts("root.retry", mark=texts("mark.retry"), name=name, headline=headline)
        key = "root.clear_with_advice" if report.advice else "root.clear"
        return texts(key, mark=mark, name=name, checks=report.checked.allowed)
    if report.unreadable:
        what = escape(report.unreadable[0].what, 200)
        if len(report.unreadable) > 1:
            more = texts("join.and_more", number=len(report.unreadable) - 1)
            what = Mrkdwn(f"{what} {more}")
        return texts("root.unknown", mark=mark, name=name, what=what)
    return texts(
        "root.undecided",
        mark=mark,
        name=name,
        unknown=report.checked.unknown,
        checks=report.checked.requirements,
    )


def _understood(phrases: Sequence[str], texts: Texts) -> list[Mrkdwn]:
    """What was read out of a mention, so that a wrong guess is seen."""
    if not phrases:
        return []
    what = Mrkdwn(", ".join(escape(each, 160) for each in phrases[:4]))
    return [texts("progress.understood", what=what)]


def _unread(report: Report, texts: Texts) -> Iterator[Json]:
    lines = [texts("checked.unread_heading")]
    for each in report.unreadable[:8]:
        lines.append(
            texts("checked.unread", what=escape(each.what, 160), why=escape(each.why, 300))
        )
        if each.would_change:
            lines.append(texts("checked.unread_would_change", what=escape(each.would_change, 160)))
        if each.grant:
            lines.append(texts("checked.unread_grant", grant=escape(each.grant, 240)))
    if len(report.unreadable) > 8:
        lines.append(texts("join.and_more", number=len(report.unreadable) - 8))
    half = [lines[: len(lines) // 2], lines[len(lines) // 2 :]] if len(lines) > 12 else [lines]
    for part in half:
        yield blocks.section(Mrkdwn("\n".join(part)))
