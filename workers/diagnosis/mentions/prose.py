"""Clues in AWS CLI commands and in sentences."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources

from workers.diagnosis.mentions.clues import NAME, REGION, UUID, Clue, take

_COMMAND = re.compile(r"\baws codepipeline [a-z-]{3,50}(?P<options>(?: [^\s|;&]{1,300}){0,20})")
_OPTION = re.compile(r"--(?P<option>[a-z-]{2,40})[ =](?P<value>[^\s]{1,200})")
_OPTIONS = {
    "name": "pipeline",
    "pipeline-name": "pipeline",
    "pipeline-execution-id": "execution",
    "stage-name": "stage",
    "action-name": "action",
    "region": "region",
}
_FAULT = (
    r"(?:denied|failing|fail|fails|failed|blocked|broken|red|refused|stuck|unauthorized|"
    r"not authorized|not working)\b"
)
_NAMED = (
    # Named outright: any valid name that is no word of the sentence itself.
    re.compile(r"\bpipeline (?:named |called |name:? ?)[\"']?(?P<pipeline>" + NAME + r")", re.I),
    re.compile(r"\bpipeline[:=] ?[\"']?(?P<pipeline>" + NAME + r")", re.I),
    re.compile(r"\bpipeline [\"'](?P<pipeline>" + NAME + r")[\"']", re.I),
    re.compile(r"[\"'](?P<pipeline>" + NAME + r")[\"'] pipeline\b", re.I),
)
_ASKED = (
    re.compile(
        r"\b(?:why (?:is|are|was|does|did|has)|diagnose|debug) (?:the |our |my )?[\"']?"
        r"(?P<pipeline>" + NAME + r")[\"']? (?:pipeline )?(?:being |get |getting )?" + _FAULT,
        re.I,
    ),
    re.compile(r"^(?:please )?(?:diagnose|debug|check) [\"']?(?P<pipeline>" + NAME + r")", re.I),
)
_LOOSE = (
    # Beside the word only: the name must look like one.
    re.compile(r"\bpipeline (?P<pipeline>" + NAME + r")", re.I),
    re.compile(r"(?<![\w.@-])(?P<pipeline>" + NAME + r") pipeline\b", re.I),
    re.compile(r"(?<![\w.@:/-])(?P<pipeline>" + NAME + r")[\"']? (?:is|was|has|keeps) (?:being )?"
               + _FAULT, re.I),
)  # fmt: skip
_CODE = re.compile(r"`(" + NAME + r")`")
_ALONE = re.compile(r"[\"']?(" + NAME + r")[\"']?")
_ACCOUNT = re.compile(r"\b(?:account:? ?(?:id:? ?)?|in )(?P<account>\d{12})\b", re.I)
_IN_REGION = re.compile(r"(?<![\w.:/-])(?P<region>" + REGION + r")(?![\w-])")
_EXECUTION = re.compile(r"\bexecution(?: id)?:? ?[\"']?(?P<execution>" + UUID + r")\b", re.I)


def commands(text: str) -> Iterator[Clue]:
    """`aws codepipeline …` with the options that name a pipeline, stage or execution."""
    for command in _COMMAND.finditer(text):
        found: dict[str, str] = {}
        for option in _OPTION.finditer(command["options"]):
            field = _OPTIONS.get(option["option"], "")
            if field:
                take(found, field, option["value"].strip("\"'"))
        if found:
            yield Clue("command", **found)


def prose(text: str, plain: str) -> Iterator[Clue]:
    """Names in a sentence: said outright first, then asked about, then merely beside the word.

    `plain` is the cleaned text; `text` still has the backticks in which people put names.
    """
    place = {
        field: found[field]
        for field, pattern in (
            ("account", _ACCOUNT),
            ("region", _IN_REGION),
            ("execution", _EXECUTION),
        )
        if (found := pattern.search(plain))
    }
    common, vague = _words()
    for pattern in _NAMED:
        for found in pattern.finditer(plain):
            if name := _name(found["pipeline"], common):
                yield Clue("prose", pipeline=name)
    for pattern in _ASKED:
        for found in pattern.finditer(plain):
            if name := _name(found["pipeline"], vague):
                yield Clue("prose", pipeline=name)
    for pattern in _LOOSE:
        for found in pattern.finditer(plain):
            if (name := _name(found["pipeline"], vague)) and _distinctive(name):
                yield Clue("prose", pipeline=name)
    for code in _CODE.finditer(text):
        if "pipeline" in plain.lower() and _distinctive(name := _name(code[1], vague)):
            yield Clue("prose", pipeline=name)
    alone = _ALONE.fullmatch(plain)
    if alone and (name := _name(alone[1], common)):
        yield Clue("prose", pipeline=name)
    if place:
        yield Clue("prose", **place)


@cache
def _words() -> tuple[frozenset[str], frozenset[str]]:
    """The common words, and the common and the vague ones together."""
    data = tomllib.loads(resources.files(__package__).joinpath("prose.toml").read_text("utf-8"))
    common = frozenset(data["common"])
    return common, common | frozenset(data["vague"])


def _name(value: str, not_names: frozenset[str]) -> str:
    """The value as a name, or nothing when it is one of those words, a region or a number."""
    value = value.rstrip(".-")
    if value.lower() in not_names or not re.search(r"[A-Za-z]", value):
        return ""
    if re.fullmatch(REGION, value) or re.fullmatch(UUID, value):
        return ""
    return value


def _distinctive(name: str) -> bool:
    return bool(re.search(r"[-_\d]|[a-z][A-Z]|.\..", name))
