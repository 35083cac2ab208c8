"""What others changed in a document after a fix, shown in place of a roll back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workers.diagnosis.threeway import ThreeWay, three_way
from workers.ledger.journal import Made
from workers.ledger.request import Document, FixRequest
from workers.settings import Settings
from workers.slack import blocks, modals
from workers.slack.blocks import Json, Message
from workers.slack.markup import Mrkdwn, code, moment
from workers.slack.texts import Texts

SHOW_DIFFERENCE = "show_difference"

# Of each document; the button shows all of it.
LINES, CHARACTERS = 24, 1_800
MOST = 3  # documents


def posted(request: FixRequest, known: Sequence[Made], settings: Settings, texts: Texts) -> Message:
    """A reply in the thread: what each document looks like since, and that nobody wrote it over."""
    heading = texts("difference.heading")
    shown: list[Json] = [blocks.section(heading)]
    for document, each, sides in list(compared(request, known))[:MOST]:
        shown.append(blocks.section(modals.document(document, settings, texts)))
        shown.append(blocks.context(_since(each, texts)))
        shown += _excerpt(sides.since, texts)
        shown.append(blocks.context(texts(_advice(sides))))
    button = blocks.button(texts.plain("button.difference"), SHOW_DIFFERENCE, request.id)
    shown.append(blocks.actions(button, block_id=f"difference:{request.id}"))
    return blocks.message(heading, shown)


def modal(request: FixRequest, known: Sequence[Made], settings: Settings, texts: Texts) -> Json:
    """A modal with the whole of it: the fix, what came after it, and the way back by hand."""
    shown: list[Json] = []
    for document, each, sides in compared(request, known):
        shown.append(blocks.section(modals.document(document, settings, texts)))
        for heading, diff in (
            (texts("difference.fix"), sides.fix),
            (_since(each, texts), sides.since),
            (texts("difference.without"), sides.without),
        ):
            if diff:
                shown.append(blocks.context(heading))
                shown += [blocks.preformatted(page) for page in blocks.pages(diff)]
        if not sides.without:
            shown.append(blocks.context(texts(_advice(sides))))
    shown = modals.bounded(shown, texts("request.too_long"), texts)
    return modals.modal(texts, "title.difference", shown)


def compared(
    request: FixRequest, known: Sequence[Made]
) -> Iterator[tuple[Document, Made, ThreeWay]]:
    """The documents that others changed since, each from its three sides."""
    for document, each in zip(request.documents, known, strict=True):
        if each.diverged:
            name = document.name or document.id.rpartition("/")[2]
            sides = three_way(document.before, document.after, each.live, name)
            yield document, each, sides


def _since(each: Made, texts: Texts) -> Mrkdwn:
    if each.author is None:
        return texts("difference.since")
    return texts(
        "difference.since_by",
        event=code(each.author.event, 80),
        who=code(each.author.who, 200),
        when=moment(each.author.at),
    )


def _excerpt(diff: str, texts: Texts) -> list[Json]:
    excerpt, left = blocks.excerpt(diff, LINES, CHARACTERS)
    shown = [blocks.preformatted(excerpt)]
    if left:
        button = texts.plain("button.difference")
        shown.append(blocks.context(texts("finding.more_lines", number=left, button=button)))
    return shown


def _advice(sides: ThreeWay) -> str:
    return "difference.separable" if sides.without else "difference.entangled"
