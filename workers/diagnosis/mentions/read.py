"""Joins the clues of a text to one answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from workers.diagnosis.denials.clean import clean
from workers.diagnosis.denials.parser import parse_denial
from workers.diagnosis.denials.words import words
from workers.diagnosis.mentions.clues import MARKUP, Clue
from workers.diagnosis.mentions.events import events
from workers.diagnosis.mentions.links import arns, links
from workers.diagnosis.mentions.notifications import notifications
from workers.diagnosis.mentions.prose import commands, prose

_FIELDS = ("pipeline", "account", "region", "execution", "stage", "action")
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Mention:
    """What was understood; an empty string where the text says nothing.

    `others` are further pipelines that the text names, `errors` the AWS error texts in it,
    `understood` one phrase per thing understood, with its source, for people to read.
    """

    pipeline: str = ""
    account: str = ""
    region: str = ""
    execution: str = ""
    stage: str = ""
    action: str = ""
    others: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    understood: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.pipeline or self.execution or self.errors)


def read_mention(text: str, language: str = "en") -> Mention:
    """What `text` speaks of. Any text will do; it never raises and reads at most 100 kB.

    Stronger sources win over weaker ones: events and notifications as JSON, console links,
    ARNs, notifications as text, AWS CLI commands, then the sentence itself. A field is filled
    from another source only if that one names the same pipeline or none.
    """
    text = text[:_LONGEST]
    clues = list(_clues(text))
    named = list(dict.fromkeys(clue.pipeline for clue in clues if clue.pipeline))
    pipeline = named[0] if named else ""
    mention = Mention(pipeline=pipeline, others=tuple(named[1:]))
    phrases = words(language)["mention"]
    understood: list[str] = []
    for field in _FIELDS:
        for clue in clues:
            value = getattr(clue, field)
            if value and clue.pipeline in ("", pipeline):
                mention = replace(mention, **{field: value})
                source = phrases["source"][clue.source]
                understood.append(phrases[field].format(value=value, source=source))
                break
    errors = tuple(denial.text for denial in parse_denial(text))
    understood += [phrases["error"].format(value=_short(error)) for error in errors]
    return replace(mention, errors=errors, understood=tuple(understood))


def _clues(text: str) -> Iterator[Clue]:
    """All clues, strongest source first, each source in the order of the text."""
    plain = clean(MARKUP.sub(" ", text))
    yield from events(text)
    yield from links(plain)
    yield from arns(plain)
    yield from notifications(text)
    yield from commands(plain)
    yield from prose(text, plain)


def _short(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
