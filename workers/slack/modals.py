"""The modals: request a fix, the whole change, details, advice. Pure functions.

https://docs.slack.dev/surfaces/modals
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from workers.diagnosis.model import Finding, Fix, Report, Target
from workers.ledger.request import Document, FixRequest
from workers.settings import Settings
from workers.slack import blocks, markup
from workers.slack.blocks import Json
from workers.slack.findings import statement_of
from workers.slack.markup import Mrkdwn, clip, code, escape
from workers.slack.texts import Texts

REQUEST_VIEW = "request_fix"
REJECT_VIEW = "reject_fix"
REASON, TICKET, FINDINGS = "reason", "ticket", "findings"
MOST = (
    10  # checkboxes: https://docs.slack.dev/reference/block-kit/block-elements/checkboxes-element
)
REASON_LIMIT, TICKET_LIMIT = 1_000, 300
REQUEST_DIFF_PAGES = 12  # of 2,900 characters, before the inputs


def request_fix(
    fix: Fix | Mrkdwn,
    metadata: str,
    offered: Sequence[Finding],
    chosen: Collection[str],
    approvers: Sequence[Mrkdwn],
    settings: Settings,
    texts: Texts,
) -> Json:
    """What will change, who may approve, and the question why.

    Where several findings are `offered`, the ids of the `chosen` ones are ticked, and each tick
    asks for another view. `fix` is what they come to, or why they cannot be asked for together.
    """
    shown: list[Json] = [_choice(offered, chosen, texts)] if offered else []
    if isinstance(fix, Fix):
        shown += _proposed(fix, settings, texts)
    else:
        shown.append(blocks.section(fix))
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
    hours = settings.approvals.expires_hours
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
    """A finding: every step's whole diff, and the same as code where code owns the document."""
    shown: list[Json] = []
    if each.fix is not None:
        shown += _steps(each.fix, settings, texts, blocks.VIEW_BLOCKS)
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


def requested(request: FixRequest, settings: Settings, texts: Texts) -> Json:
    """A requested fix: every document's whole diff, as it was asked for and will be written."""
    shown: list[Json] = [blocks.section(texts("modal.access", access=escape(request.access, 900)))]
    for position, each in enumerate(request.documents, start=1):
        shown.append(
            blocks.section(_target(each, position, len(request.documents), settings, texts))
        )
        shown += [blocks.preformatted(page) for page in blocks.pages(each.diff)]
    return modal(texts, "title.change", bounded(shown, texts("request.too_long"), texts))


def chosen(values: Json) -> tuple[str, ...]:
    """The findings that are ticked; none where there was nothing to choose."""
    return ticked((values.get(FINDINGS) or {}).get(FINDINGS) or {})


def ticked(element: Json) -> tuple[str, ...]:
    """The values of the ticked boxes of an element's state, or of the act of ticking one."""
    return tuple(str(each["value"]) for each in element.get("selected_options") or ())


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


def document(target: Target | Document, settings: Settings, texts: Texts) -> Mrkdwn:
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


def _choice(offered: Sequence[Finding], chosen: Collection[str], texts: Texts) -> Json:
    return blocks.checkboxes(
        texts.plain("input.findings"),
        FINDINGS,
        [blocks.Choice(each.id, each.headline, _changes(each, texts)) for each in offered[:MOST]],
        chosen,
    )


def _changes(each: Finding, texts: Texts) -> str:
    """`key policy of 1234abcd-…, bucket policy of artifacts`: what the fix would write to."""
    targets = [step.target for step in each.fix.steps] if each.fix is not None else []
    return ", ".join(
        texts.plain(
            "document.short",
            kind=texts.plain(f"document.{target.kind}"),
            name=target.id.rpartition("/")[2],
        )
        for target in targets
    )


def _proposed(fix: Fix, settings: Settings, texts: Texts) -> list[Json]:
    shown: list[Json] = [blocks.section(texts("modal.access", access=escape(fix.access, 900)))]
    shown += _steps(fix, settings, texts, REQUEST_DIFF_PAGES)
    notes = [texts("finding.proven" if fix.proven else "finding.not_proven")]
    if fix.opens:
        notes.append(texts("finding.opens", what=escape("; ".join(fix.opens), 400)))
    return [*shown, blocks.context(*notes)]


def _target(
    target: Target | Document, position: int, total: int, settings: Settings, texts: Texts
) -> Mrkdwn:
    named = document(target, settings, texts)
    if total == 1:
        return named
    return texts("modal.step", position=position, total=total, target=named)


def _steps(fix: Fix, settings: Settings, texts: Texts, pages: int) -> list[Json]:
    shown: list[Json] = []
    for position, step in enumerate(fix.steps, start=1):
        shown.append(
            blocks.section(_target(step.target, position, len(fix.steps), settings, texts))
        )
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
