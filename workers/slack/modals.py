"""The modals: request a fix, the whole change, details, advice. Pure functions.

https://docs.slack.dev/surfaces/modals
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workers.diagnosis.model import Finding, Report, Target
from workers.settings import Settings
from workers.slack import blocks, markup
from workers.slack.blocks import Json
from workers.slack.findings import statement_of
from workers.slack.markup import Mrkdwn, clip, code, escape
from workers.slack.texts import Texts

REQUEST_VIEW = "request_fix"
REJECT_VIEW = "reject_fix"
REASON, TICKET = "reason", "ticket"
REASON_LIMIT, TICKET_LIMIT = 1_000, 300
REQUEST_DIFF_PAGES = 12  # of 2,900 characters, before the inputs


def request_fix(
    each: Finding,
    metadata: str,
    approvers: Sequence[Mrkdwn],
    hours: int,
    settings: Settings,
    texts: Texts,
) -> Json:
    """What will change, who may approve, and the question why."""
    fix = each.fix
    assert fix is not None
    shown: list[Json] = [blocks.section(texts("modal.access", access=escape(fix.access, 900)))]
    shown += _steps(each, settings, texts, REQUEST_DIFF_PAGES)
    proof = texts("finding.proven" if fix.proven else "finding.not_proven")
    notes = [proof]
    if fix.opens:
        notes.append(texts("finding.opens", what=escape("; ".join(fix.opens), 400)))
    shown.append(blocks.context(*notes))
    shown.append(blocks.section(allowed_to_approve(approvers, texts)))
    shown.append(
        blocks.text_input(
            texts.plain("input.reason"),
            REASON,
            hint=texts.plain("input.reason_hint"),
            multiline=True,
            limit=REASON_LIMIT,
            least=3,
        )
    )
    shown.append(
        blocks.text_input(
            texts.plain("input.ticket"),
            TICKET,
            hint=texts.plain("input.ticket_hint"),
            optional=True,
            limit=TICKET_LIMIT,
        )
    )
    shown.append(blocks.context(texts("modal.expires", hours=hours)))
    view = modal(texts, "title.request", shown)
    return {
        **view,
        "callback_id": REQUEST_VIEW,
        "private_metadata": metadata,
        "submit": _plain(texts.plain("input.submit")),
        "close": _plain(texts.plain("input.cancel")),
    }


def reject(request_id: str, access: str, texts: Texts) -> Json:
    """Asks why a fix is rejected."""
    shown = [
        blocks.section(texts("modal.access", access=escape(access, 900))),
        blocks.text_input(
            texts.plain("input.reject_reason"),
            REASON,
            hint=texts.plain("input.reason_hint"),
            multiline=True,
            limit=REASON_LIMIT,
            least=3,
        ),
    ]
    return {
        **modal(texts, "title.reject", shown),
        "callback_id": REJECT_VIEW,
        "private_metadata": request_id,
        "submit": _plain(texts.plain("input.reject_submit")),
        "close": _plain(texts.plain("input.cancel")),
    }


def change(each: Finding, name: str, settings: Settings, texts: Texts) -> Json:
    """Every step's whole diff, and the same change as code where code owns the document."""
    shown = _steps(each, settings, texts, blocks.VIEW_BLOCKS)
    if each.fix is not None:
        for language, text in each.fix.snippets:
            shown.append(blocks.section(texts("modal.snippet", language=language)))
            shown += [blocks.preformatted(page) for page in blocks.pages(text)]
    return modal(texts, "title.change", bounded(shown, _too_long(name, texts), texts))


def details(each: Finding, name: str, texts: Texts) -> Json:
    """All evidence with its whole text, and all actions with this cause."""
    shown: list[Json] = [blocks.section(escape(each.headline, 300))]
    if each.explanation:
        shown.append(blocks.section(escape(each.explanation, 2_500)))
    if each.actions:
        listed = Mrkdwn(" ".join(code(action, 140) for action in each.actions[:60]))
        shown.append(blocks.section(texts("modal.actions", actions=listed)))
    for evidence in each.evidence:
        shown.append(blocks.section(statement_of(evidence, texts)))
        shown += [blocks.preformatted(page) for page in blocks.pages(evidence.text)]
    return modal(texts, "title.details", bounded(shown, _too_long(name, texts), texts))


def advice(report: Report, texts: Texts) -> Json:
    """Access that is missing and stops nothing: what AWS merely lists, and what a person lacks."""
    shown: list[Json] = []
    for each in report.advice[:30]:
        lines = [texts("finding.headline", mark=Mrkdwn("•"), headline=escape(each.headline, 300))]
        if each.explanation:
            lines.append(escape(each.explanation, 800))
        named = [code(action, 140) for action in each.actions or (each.action,)]
        lines.append(texts("finding.cannot", actions=Mrkdwn(" ".join(named[:12]))))
        shown.append(blocks.section(Mrkdwn("\n".join(lines))))
        if each.fix is not None:
            words, _, statements = each.fix.instructions.partition("\n")
            given = texts("finding.instructions", instructions=escape(words, 1_000))
            shown += [blocks.section(given)] if words else []
            code_shown = statements or each.fix.diff
            shown += [blocks.preformatted(page) for page in blocks.pages(code_shown)[:2]]
    return modal(texts, "title.advice", bounded(shown, _too_long(report.name, texts), texts))


def typed(values: Json, name: str) -> str:
    """What was typed into an input of a submitted modal."""
    return str(((values.get(name) or {}).get(name) or {}).get("value") or "").strip()


def refused(text: Mrkdwn, texts: Texts) -> Json:
    """A modal that says why something cannot be done."""
    return modal(texts, "title.refused", [blocks.section(text)])


def allowed_to_approve(approvers: Sequence[Mrkdwn], texts: Texts) -> Mrkdwn:
    if not approvers:
        return texts("modal.no_approvers")
    return texts("modal.approvers", approvers=Mrkdwn(" ".join(approvers)))


def document(target: Target | Any, settings: Settings, texts: Texts) -> Mrkdwn:
    """`bucket policy of `artifacts` in prod 111111111111`."""
    kind = texts(f"document.{target.kind}")
    known = settings.account(target.account)
    account = f"{known.alias} {known.id}" if known else target.account
    name = f"{target.id} {target.name}".strip()
    return texts("document.of", kind=kind, name=code(name, 400), account=escape(account, 100))


def bounded(shown: Iterable[Json], too_long: Mrkdwn, texts: Texts) -> list[Json]:
    """No more blocks than a modal takes; the last then says where the rest is."""
    every = list(shown)
    if not every:
        return [blocks.section(texts("modal.nothing"))]
    if len(every) <= blocks.VIEW_BLOCKS:
        return every
    return [*every[: blocks.VIEW_BLOCKS - 1], blocks.section(too_long)]


def modal(texts: Texts, title: str, shown: list[Json]) -> Json:
    """A modal to read: nothing is asked in it."""
    return {
        "type": "modal",
        "title": _plain(clip(texts.plain(title), blocks.TITLE)),
        "close": _plain(texts.plain("input.close")),
        "blocks": shown,
    }


def _steps(each: Finding, settings: Settings, texts: Texts, pages: int) -> list[Json]:
    shown: list[Json] = []
    steps = each.fix.steps if each.fix is not None else ()
    for position, step in enumerate(steps, start=1):
        target = document(step.target, settings, texts)
        if len(steps) > 1:
            target = texts("modal.step", position=position, total=len(steps), target=target)
        shown.append(blocks.section(target))
        if step.owned_by:
            shown.append(blocks.context(texts("finding.owned", owner=escape(step.owned_by, 300))))
        every = blocks.pages(step.diff)
        shown += [blocks.preformatted(page) for page in every[:pages]]
        if len(every) > pages:
            rest = "\n".join(every[pages:]).count("\n")
            more = texts("finding.more_lines", number=rest, button=texts.plain("button.change"))
            shown.append(blocks.context(more))
    return shown


def _too_long(name: str, texts: Texts) -> Mrkdwn:
    return texts("modal.too_long", name=escape(name, 100))


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": markup.visible(text), "emoji": True}
