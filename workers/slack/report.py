"""A report as messages for a thread: pure functions of the report and the language's texts.

The first screen at phone width says what is denied and what cures it; long documents are cut to
an excerpt, and shown whole in a modal (`workers.slack.modals`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workers.diagnosis.model import (
    Certainty,
    Evidence,
    Finding,
    Fix,
    FixKind,
    Outcome,
    Report,
    Target,
)
from workers.slack import blocks, markup
from workers.slack.blocks import Json, Message
from workers.slack.markup import Mrkdwn, code, escape
from workers.slack.texts import Texts

MOST_FINDINGS = 12  # replies; the rest is named in the last one
STATEMENT_LINES, STATEMENT_CHARACTERS = 14, 1_200
DIFF_LINES, DIFF_CHARACTERS = 20, 1_600

REQUEST_FIX = "request_fix"
SHOW_CHANGE = "show_change"
SHOW_DETAILS = "show_details"
SHOW_ADVICE = "show_advice"
ASK_AGAIN = "ask_again"
DOCUMENTATION = "documentation"


@dataclass(frozen=True, slots=True)
class Requested:
    """What a finding's message says of the fix requested for it."""

    user: str
    state: str
    settled: bool = False  # rejected, expired, stale …: it may be asked for again


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
        line, blocks.section(line), blocks.context(_dotted(notes), *_understood(understood, texts))
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
        line, blocks.section(line), blocks.context(_dotted(notes), *_understood(understood, texts))
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


def step_of(each: Finding) -> str:
    return f"finding:{each.id}"


def finding(
    each: Finding,
    position: int,
    total: int,
    inquiry: str,
    texts: Texts,
    requested: Requested | None = None,
) -> Message:
    """One cause: what is denied, why, and the smallest change, with its buttons."""
    mark = texts(f"mark.{_mark(each)}")
    headline = texts("finding.headline", mark=mark, headline=escape(each.headline, 300))
    shown: list[Json] = [
        blocks.section(headline),
        blocks.context(_dotted(_rank(each, position, total, texts))),
        blocks.section(_facts(each, texts)),
        *_why(each, texts),
        *_cure(each, texts),
    ]
    if requested is not None:
        state = texts(f"request.state.{requested.state}")
        shown.append(
            blocks.context(
                texts("finding.requested", user=markup.user(requested.user), state=state)
            )
        )
    buttons = _buttons(each, inquiry, texts, requested)
    if buttons:
        shown.append(buttons)
    return blocks.message(headline, shown)


def checked(report: Report, inquiry: str, texts: Texts) -> Message:
    """What was checked, with each component's state, and what could not be read."""
    shown: list[Json] = []
    if report.sections:
        lines = [texts("checked.heading")]
        lines += [
            texts(
                "checked.section",
                mark=texts(f"mark.{each.outcome}"),
                component=_named(texts, "component", each.component),
                summary=escape(each.summary, 200),
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
    if report.advice:
        notes.append(texts.count("checked.advice", len(report.advice)))
    left = len(report.findings) - MOST_FINDINGS
    if left > 0:
        notes.append(texts("join.and_more", number=left))
    shown.append(blocks.context(_dotted(notes)))
    buttons = [blocks.button(texts.plain("button.again"), ASK_AGAIN, inquiry)]
    if report.advice:
        buttons.append(blocks.button(texts.plain("button.advice"), SHOW_ADVICE, inquiry))
    shown.append(blocks.actions(*buttons))
    return blocks.message(summary, shown)


def statement_of(evidence: Evidence, texts: Texts, known: Sequence[str] = ()) -> Mrkdwn:
    """`Statement Artifacts of the identity-based policy Build denies it (line 12):`

    A policy that is named as what it belongs to, where that is `known` already, is not named again.
    """
    if evidence.layer in ("message", "simulator"):
        return texts(f"evidence.{evidence.layer}")
    effect = {"deny": "denies", "explicitdeny": "denies", "allow": "nearest"}.get(
        evidence.effect.lower(), "silent" if evidence.effect else "says"
    )
    if evidence.statement:
        effect += "_statement"
    return texts(
        f"evidence.{effect}",
        layer=_named(texts, "layer", evidence.layer),
        policy=Mrkdwn("")
        if evidence.policy in known
        else texts("evidence.policy", policy=code(evidence.policy, 300)),
        statement=code(evidence.statement, 200),
        line=texts("evidence.line", line=evidence.line) if evidence.line else Mrkdwn(""),
    )


def requestable(fix: Fix | None) -> bool:
    """Whether the change is ours to make: proposed as documents, none of them owned by code."""
    return (
        fix is not None
        and fix.kind is FixKind.APPLY
        and bool(fix.steps)
        and not any(step.owned_by for step in fix.steps)
    )


def value(inquiry: str, finding_id: str) -> str:
    """The value of a finding's buttons: ids only, everything else is read from the store."""
    return f"{inquiry}:{finding_id}"


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
        if any(_mark(each) == "retry" for each in report.findings):
            return texts("root.retry", mark=mark, name=name)
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


def _mark(each: Finding) -> str:
    if each.fix is not None and each.fix.kind is FixKind.RETRY:
        return "retry"  # denied once, and allowed by now
    return "unknown" if each.certainty is Certainty.UNKNOWN else "blocked"


def _understood(phrases: Sequence[str], texts: Texts) -> list[Mrkdwn]:
    """What was read out of a mention, so that a wrong guess is seen."""
    if not phrases:
        return []
    what = Mrkdwn(", ".join(escape(each, 160) for each in phrases[:4]))
    return [texts("progress.understood", what=what)]


def _rank(each: Finding, position: int, total: int, texts: Texts) -> Iterator[Mrkdwn]:
    if total == 1:
        yield texts("finding.only")
    else:
        yield texts(
            "finding.first" if position == 1 else "finding.next", position=position, total=total
        )
    if each.stopped:
        yield texts("finding.stopped", what=escape(each.stopped, 200))
    if each.certainty is Certainty.LIKELY:
        yield texts("finding.likely")
    elif each.certainty is Certainty.UNKNOWN:
        yield texts("finding.unsure")


def _facts(each: Finding, texts: Texts) -> Mrkdwn:
    lines: list[Mrkdwn] = []
    if each.principal:
        lines.append(texts("finding.who", principal=code(each.principal, 400)))
    named = tuple(dict.fromkeys(action for action in (each.action, *each.actions) if action))
    if named:
        shown = [code(action, 140) for action in named[:4]]
        if len(named) > 4:
            shown.append(texts("join.and_more", number=len(named) - 4))
        lines.append(texts("finding.cannot", actions=Mrkdwn(" ".join(shown))))
    if each.resource:
        lines.append(texts("finding.on", resource=code(each.resource, 600)))
    if each.fix is not None and each.fix.kind is FixKind.APPLY and each.fix.access:
        lines.append(texts("finding.cure", access=escape(each.fix.access, 700)))
    if each.stage:
        key = "finding.where" if each.pipeline_action else "finding.where_stage"
        lines.append(
            texts(key, stage=code(each.stage, 120), action=code(each.pipeline_action, 120))
        )
    return Mrkdwn("\n".join(lines) or texts("finding.no_fix"))


def _why(each: Finding, texts: Texts) -> Iterator[Json]:
    """The explanation and the first piece of evidence; `Details` has them all."""
    lines = [texts("finding.why", explanation=escape(each.explanation, 1_000))]
    if not each.explanation:
        lines = []
    first = next(iter(each.evidence), None)
    if first is not None:
        lines.append(statement_of(first, texts, known=(each.principal, each.resource)))
    if lines:
        yield blocks.section(Mrkdwn("\n".join(lines)))
    if first is not None and first.text:
        yield from _excerpt(
            first.text, STATEMENT_LINES, STATEMENT_CHARACTERS, texts, "button.details"
        )


def _cure(each: Finding, texts: Texts) -> Iterator[Json]:
    fix = each.fix
    if fix is None:
        yield blocks.section(texts("finding.no_fix"))
        return
    if fix.kind is not FixKind.APPLY:
        yield blocks.section(
            texts(f"finding.{fix.kind}", instructions=escape(fix.instructions, 1_500))
        )
        return
    documents = Mrkdwn(", ".join(_document(step.target, texts) for step in fix.steps[:4]))
    yield blocks.section(texts("finding.change", documents=documents))
    changed = "\n".join(_without_names(step.diff) for step in fix.steps)
    yield from _excerpt(changed, DIFF_LINES, DIFF_CHARACTERS, texts, "button.change")
    notes = [texts("finding.proven" if fix.proven else "finding.not_proven")]
    if fix.opens:
        notes.append(texts("finding.opens", what=escape("; ".join(fix.opens), 400)))
    if len(fix.steps) > 1:
        notes.append(texts("finding.steps", number=len(fix.steps)))
    owners = tuple(dict.fromkeys(step.owned_by for step in fix.steps if step.owned_by))
    if owners:
        notes.append(texts("finding.owned", owner=escape(", ".join(owners), 300)))
    yield blocks.context(*notes)
    if fix.instructions:
        yield blocks.section(
            texts("finding.instructions", instructions=escape(fix.instructions, 1_000))
        )


def _document(target: Target, texts: Texts) -> Mrkdwn:
    return texts(
        "document.short",
        kind=texts(f"document.{target.kind}"),
        name=code(f"{target.id} {target.name}".strip(), 400),
    )


def _without_names(diff: str) -> str:
    """A diff without its two lines of file names: the finding names the document already."""
    lines = diff.splitlines()
    return "\n".join(lines[2:] if lines[:1] and lines[0].startswith("---") else lines)


def _excerpt(text: str, lines: int, characters: int, texts: Texts, whole: str) -> Iterator[Json]:
    shown, left = blocks.excerpt(text, lines, characters)
    if shown.strip():
        yield blocks.preformatted(shown)
    if left:
        yield blocks.context(texts("finding.more_lines", number=left, button=texts.plain(whole)))


def _buttons(each: Finding, inquiry: str, texts: Texts, requested: Requested | None) -> Json | None:
    ids = value(inquiry, each.id)
    elements = []
    if requestable(each.fix) and (requested is None or requested.settled):
        elements.append(
            blocks.button(texts.plain("button.request"), REQUEST_FIX, ids, style="primary")
        )
    if each.fix is not None and (each.fix.diff or each.fix.snippets):
        elements.append(blocks.button(texts.plain("button.change"), SHOW_CHANGE, ids))
    if each.evidence:
        elements.append(blocks.button(texts.plain("button.details"), SHOW_DETAILS, ids))
    if each.documentation.startswith("https://"):
        elements.append(
            blocks.button(
                texts.plain("button.documentation"), DOCUMENTATION, ids, url=each.documentation
            )
        )
    return blocks.actions(*elements) if elements else None


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


def _named(texts: Texts, table: str, name: str) -> Mrkdwn:
    try:
        return texts(f"{table}.{name}")
    except KeyError:
        return escape(name.replace("_", " "), 80)


def _dotted(notes: Iterator[Mrkdwn] | Sequence[Mrkdwn]) -> Mrkdwn:
    return Mrkdwn(" · ".join(notes))
