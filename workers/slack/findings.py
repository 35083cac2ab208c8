"""A finding as a message: what is denied, why, and the smallest change. Pure functions.

Denial and cure stand on the first screen at phone width; long documents are cut to an excerpt and
shown whole in a modal (`workers.slack.modals`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workers.diagnosis.model import Certainty, Evidence, Finding, Fix, FixKind, Target
from workers.slack import blocks, markup
from workers.slack.blocks import Json, Message
from workers.slack.markup import Mrkdwn, code, dotted, escape
from workers.slack.texts import Texts

STATEMENT_LINES, STATEMENT_CHARACTERS = 14, 1_200
DIFF_LINES, DIFF_CHARACTERS = 20, 1_600

REQUEST_FIX = "request_fix"
REQUEST_FIXES = "request_fixes"
SHOW_CHANGE = "show_change"
SHOW_DETAILS = "show_details"
DOCUMENTATION = "documentation"
RETRY_DENIED = "retry_denied"


@dataclass(frozen=True, slots=True)
class Requested:
    """What a finding's message says of the fix requested for it."""

    user: str
    state: str
    settled: bool = False  # rejected, expired, stale …: it may be asked for again


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
    mark = texts(f"mark.{mark_of(each)}")
    headline = texts("finding.headline", mark=mark, headline=escape(each.headline, 300))
    shown: list[Json] = [
        blocks.section(headline),
        blocks.context(dotted(_rank(each, position, total, texts))),
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


def statement_of(evidence: Evidence, texts: Texts, known: Sequence[str] = ()) -> Mrkdwn:
    """`Statement Artifacts of policy Build of BuildRole denies it (line 12):`

    A policy without a name of its own goes by its layer, and by its ARN if that is not `known`.
    """
    if evidence.layer in ("message", "simulator", "authorization"):
        return texts(f"evidence.{evidence.layer}")
    effect = {"deny": "denies", "explicitdeny": "denies", "allow": "nearest"}.get(
        evidence.effect.lower(), "silent" if evidence.effect else "says"
    )
    source = escape(evidence.name, 400) or _source(evidence, texts, known)
    if evidence.statement:
        effect += "_statement"
    elif effect != "silent":
        source = Mrkdwn(source[:1].upper() + source[1:])
    note = texts("evidence.note", note=escape(evidence.note, 900)) if evidence.note else Mrkdwn("")
    return texts(
        f"evidence.{effect}",
        source=source,
        statement=code(evidence.statement, 200),
        line=texts("evidence.line", line=evidence.line) if evidence.line else Mrkdwn(""),
        note=note,
    )


def _source(evidence: Evidence, texts: Texts, known: Sequence[str]) -> Mrkdwn:
    named = evidence.policy and evidence.policy not in known
    return texts(
        "evidence.source",
        layer=texts.named("layer", evidence.layer),
        policy=texts("evidence.policy", policy=code(evidence.policy, 300)) if named else Mrkdwn(""),
    )


def requestable(fix: Fix | None) -> bool:
    """Whether the change is ours to make: proposed as documents, none of them owned by code."""
    return (
        fix is not None
        and fix.kind is FixKind.APPLY
        and bool(fix.steps)
        and not any(step.owned_by for step in fix.steps)
    )


def retriable(each: Finding) -> bool:
    """Whether the denial has passed by itself, so that running the stage again is all it takes."""
    return each.fix is not None and each.fix.kind is FixKind.RETRY and bool(each.stage)


def value(inquiry: str, finding_id: str) -> str:
    """The value of a finding's buttons: ids only, everything else is read from the store."""
    return f"{inquiry}:{finding_id}"


def mark_of(each: Finding) -> str:
    """The name of the status mark of a finding (texts under `mark`)."""
    if each.fix is not None and each.fix.kind is FixKind.RETRY:
        return "retry"  # denied once, and allowed by now
    return "unknown" if each.certainty is Certainty.UNKNOWN else "blocked"


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
    # A fault without an IAM action, a handshake say, is in the headline already.
    named = tuple(dict.fromkeys(action for action in (each.action, *each.actions) if ":" in action))
    if named:
        shown = [code(action, 140) for action in named[:4]]
        if len(named) > 4:
            shown.append(texts("join.and_more", number=len(named) - 4))
        key = "finding.could_not" if mark_of(each) == "retry" else "finding.cannot"
        lines.append(texts(key, actions=Mrkdwn(" ".join(shown))))
    if each.resource:
        lines.append(texts("finding.on", resource=code(each.resource, 600)))
    if each.stage:
        key = "finding.where" if each.pipeline_action else "finding.where_stage"
        lines.append(
            texts(key, stage=code(each.stage, 120), action=code(each.pipeline_action, 120))
        )
    if each.fix is not None and each.fix.kind is FixKind.APPLY and each.fix.access:
        lines.append(texts("finding.cure", access=escape(each.fix.access, 700)))
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
        words, _, statements = fix.instructions.partition("\n")
        yield blocks.section(texts(f"finding.{fix.kind}", instructions=escape(words, 1_500)))
        yield from _excerpt(statements, DIFF_LINES, DIFF_CHARACTERS, texts, "button.details")
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
    notes += [escape(remark, 300) for remark in fix.remarks[:3]]
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
    if retriable(each):
        elements.append(
            blocks.button(
                texts.plain("button.retry_stage"),
                RETRY_DENIED,
                ids,
                style="primary",
                confirm=blocks.confirm(
                    texts.plain("confirm.retry_stage"),
                    texts("confirm.retry_denied_text", stage=code(each.stage, 100)),
                    texts.plain("button.retry_stage"),
                    texts.plain("input.cancel"),
                ),
            )
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
