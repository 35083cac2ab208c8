"""Block Kit building blocks that keep Slack's limits by construction.

Lengths that Slack documents: https://docs.slack.dev/reference/block-kit/blocks. All functions
return the block as JSON values, validated by the model classes of slack_sdk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    CheckboxesElement,
    ConfirmObject,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    InputBlock,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextPreformattedElement,
    SectionBlock,
    StaticSelectElement,
)

from workers.slack.markup import Mrkdwn, clip, shorten, visible

Json = dict[str, Any]

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
SECTION = 3_000
CONTEXT = 2_000  # of small print; Slack would take 3,000
HEADER = 150
BUTTON = 75
VALUE = 2_000
OPTION = 75
OPTIONS = 100
TITLE = 24
TEXT = 3_000  # beside blocks it is only for notifications


@dataclass(frozen=True, slots=True)
class Message:
    """A message: `text` is what notifications and screen readers say, `blocks` what is shown."""

    text: str
    blocks: tuple[Json, ...] = ()

    def payload(self) -> Json:
        """The arguments of chat.postMessage and chat.update that carry the content."""
        return {"text": self.text, "blocks": list(self.blocks)}


def message(text: Mrkdwn, *blocks: Json | Sequence[Json]) -> Message:
    """A message. Without blocks the text itself is shown, as one section."""
    flat: list[Json] = []
    for block in blocks:
        flat += [block] if isinstance(block, dict) else block
    flat = flat or [section(text)]
    assert len(flat) <= MESSAGE_BLOCKS
    return Message(shorten(text, TEXT), tuple(flat))


def section(text: Mrkdwn, accessory: InteractiveElement | None = None) -> Json:
    """A paragraph of at most 3,000 characters, whole lines kept. Slack takes no empty ones."""
    shown = _whole_lines(text) if text.strip() else Mrkdwn("–")
    return _json(SectionBlock(text=mrkdwn(shown), accessory=accessory))


def context(*texts: Mrkdwn) -> Json:
    """Small print; each text is cut to 2,000 characters."""
    shown = [mrkdwn(shorten(text, CONTEXT)) for text in texts if text]
    return _json(ContextBlock(elements=shown[:10]))


def header(text: str) -> Json:
    return _json(HeaderBlock(text=plain(text, HEADER)))


def divider() -> Json:
    return _json(DividerBlock())


def preformatted(text: str) -> Json:
    """Text in a fixed pitch, as it is: nothing in it is mark-up.

    https://docs.slack.dev/reference/block-kit/blocks/rich-text-block#rich_text_preformatted
    """
    part = RichTextElementParts.Text(text=visible(text, lines=True) or " ")
    return _json(RichTextBlock(elements=[RichTextPreformattedElement(elements=[part], border=0)]))


def actions(*elements: InteractiveElement, block_id: str | None = None) -> Json:
    return _json(ActionsBlock(elements=list(elements), block_id=block_id))


def button(
    label: str,
    action: str,
    value: str,
    *,
    style: Literal["primary", "danger"] | None = None,
    url: str | None = None,
    confirm: ConfirmObject | None = None,
) -> ButtonElement:
    assert len(value) <= VALUE
    return ButtonElement(
        text=plain(label, BUTTON),
        action_id=action,
        value=value,
        style=style,
        url=url,
        confirm=confirm,
    )


def select(
    placeholder: str, action: str, options: Iterable[tuple[str, str]]
) -> StaticSelectElement:
    """A menu of (label, value); Slack takes 100 options."""
    return StaticSelectElement(
        placeholder=clip(placeholder, 150),
        action_id=action,
        options=[
            Option(text=plain(label, OPTION), value=value)
            for label, value in list(options)[:OPTIONS]
        ],
    )


def text_input(
    label: str,
    name: str,
    *,
    hint: str = "",
    multiline: bool = False,
    optional: bool = False,
    limit: int = 300,
    least: int | None = None,
    placeholder: str = "",
) -> Json:
    """An input of a modal; its value is at state.values[name][name].value."""
    return _json(
        InputBlock(
            block_id=name,
            label=plain(label, 2_000),
            hint=plain(hint, 2_000) if hint else None,
            optional=optional,
            element=PlainTextInputElement(
                action_id=name,
                multiline=multiline,
                max_length=limit,
                min_length=least,
                placeholder=plain(placeholder, 150) if placeholder else None,
            ),
        )
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """One box to tick."""

    value: str
    label: str
    description: str = ""


def checkboxes(label: str, name: str, choices: Iterable[Choice], ticked: Collection[str]) -> Json:
    """An input of a modal that reports each tick at once (`block_actions`); its value is at
    state.values[name][name].selected_options."""
    options = {
        each.value: Option(
            text=plain(each.label.strip() or each.value, OPTION),
            value=each.value,
            description=plain(each.description, OPTION) if each.description else None,
        )
        for each in choices
    }
    initial = [option for value, option in options.items() if value in ticked]
    return _json(
        InputBlock(
            block_id=name,
            label=plain(label, 2_000),
            dispatch_action=True,
            element=CheckboxesElement(
                action_id=name, options=list(options.values()), initial_options=initial or None
            ),
        )
    )


def confirm(title: str, text: Mrkdwn, yes: str, no: str, *, danger: bool = False) -> ConfirmObject:
    """https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object"""
    return ConfirmObject(
        title=plain(title, 100),
        text=mrkdwn(shorten(text, 300)),
        confirm=clip(yes, 30),
        deny=clip(no, 30),
        style="danger" if danger else None,
    )


def plain(text: str, limit: int) -> PlainTextObject:
    return PlainTextObject(text=clip(visible(text), limit), emoji=True)


def mrkdwn(text: Mrkdwn) -> MarkdownTextObject:
    """`verbatim`: Slack must not turn what looks like a channel, a name or an address into one."""
    return MarkdownTextObject(text=text, verbatim=True)


def pages(text: str, size: int = 2_900) -> list[str]:
    """A long text in pieces of at most `size` characters, cut between lines where possible."""
    pieces: list[str] = [""]
    for line in text.splitlines(keepends=True):
        for start in range(0, len(line), size):
            part = line[start : start + size]
            if len(pieces[-1]) + len(part) > size:
                pieces.append("")
            pieces[-1] += part
    return [piece for piece in pieces if piece.strip()]


def excerpt(text: str, lines: int, characters: int) -> tuple[str, int]:
    """The first lines of a long text, and how many more there are."""
    every = text.splitlines()
    kept: list[str] = []
    room = characters
    for line in every[:lines]:
        line = clip(line, 400)
        if len(line) + 1 > room:
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept), len(every) - len(kept)


def _whole_lines(text: Mrkdwn) -> Mrkdwn:
    if len(text) <= SECTION:
        return text
    cut = text.rfind("\n", 0, SECTION - 1)
    if cut > SECTION // 2:
        return Mrkdwn(f"{text[:cut]}\n…")
    return shorten(text, SECTION)


def _json(block: Block) -> Json:
    made: Json = block.to_dict()
    return made
