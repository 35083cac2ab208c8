"""The words of findings: complete, filled in, and the same in every language."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from tests.diagnosis.examine import CASES, examine
from tests.diagnosis.test_breakages import ROWS, broken
from workers.diagnosis.texts import texts

LANGUAGES = sorted(
    file.name.removesuffix(".toml")
    for file in files("workers.diagnosis.texts").iterdir()
    if file.name.endswith(".toml")
)
REPORTED = sorted(file for file in CASES.glob("[0-9]*.json") if ".expected" not in file.name)


def templates(language: str) -> dict[str, frozenset[str]]:
    text = files("workers.diagnosis.texts").joinpath(f"{language}.toml").read_text("utf-8")
    return dict(_flat(tomllib.loads(text), ""))


def _flat(node: dict[str, Any], path: str) -> Iterator[tuple[str, frozenset[str]]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        else:
            fields = {name for _, name, _, _ in string.Formatter().parse(value) if name}
            yield f"{path}{key}", frozenset(fields)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_keys_and_fields_of_english(language: str) -> None:
    assert templates(language) == templates("en")


def test_every_kind_of_finding_has_its_three_texts() -> None:
    kinds = {path.split(".")[1] for path in templates("en") if path.startswith("findings.")}
    for kind in kinds:
        for part in ("headline", "explanation", "instructions"):
            assert texts().find(f"findings.{kind}.{part}"), f"{kind}.{part}"


@pytest.mark.parametrize("file", REPORTED, ids=lambda file: file.stem)
def test_no_report_shows_an_unfilled_field(file: Any) -> None:
    _check(examine(file.read_text("utf-8")))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.done)
def test_no_finding_shows_an_unfilled_field(row: Any) -> None:
    _check(examine(broken(row)))


def _check(report: Any) -> None:
    for found in (*report.findings, *report.advice):
        for text in (found.headline, found.explanation):
            assert text
            assert "{" not in text
            assert "  " not in text
            assert " ." not in text
        name = found.principal.rsplit("/", 1)[-1]
        assert found.headline[0].isupper() or found.headline.startswith(name), found.headline
        assert found.explanation.count(". ") <= 3, "two sentences, and an abbreviation at most"


def test_a_language_without_a_file_says_what_to_add() -> None:
    with pytest.raises(LookupError, match=r"xx\.toml"):
        texts("xx")
    with pytest.raises(LookupError):
        texts("../en")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c", "d"], "a, b, c and d"),
        (["a", "b", "c", "d", "e", "f"], "a, b, c and 3 more"),
    ],
)
def test_lists_are_said_as_people_say_them(values: list[str], said: str) -> None:
    assert texts().listed(values) == said
