"""Every message in the catalogue is read as its own examples say."""

from __future__ import annotations

from typing import Any

import pytest

from workers.diagnosis.denials import Denial, parse_denial
from workers.diagnosis.denials.catalogue import Example, catalogue, read
from workers.diagnosis.model import Component

EXAMPLES = [
    pytest.param(entry.id, example, id=f"{entry.id}-{number}")
    for entry in catalogue().entries
    for number, example in enumerate(entry.examples)
]


def read_one(text: str) -> Denial:
    denials = parse_denial(text)
    assert len(denials) == 1, denials
    return denials[0]


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_the_example_of_an_entry_is_read(kind: str, example: Example) -> None:
    denial = read_one(example.text)
    assert denial.kind == kind
    for name, value in example.expect.items():
        found: Any = getattr(denial, name)
        assert (found or "") == value, name


def test_every_denial_of_the_catalogue_has_an_example_page_and_known_components() -> None:
    components = {str(component) for component in Component}
    for entry in catalogue().entries:
        assert entry.documentation.startswith("https://"), entry.id
        assert set(entry.points_at) <= components, entry.id
        if entry.role != "context":
            assert entry.examples, entry.id


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            '[[denial]]\nid = "x"\nregex = "("\nmeaning = "m"\ndocumentation = "d"',
            "denial x: regex",
        ),
        ('[[denial]]\nid = "x"\nmeaning = "m"\ndocumentation = "d"', "denial x: regex is missing"),
        (
            '[[denial]]\nid = "x"\nregex = "(?P<colour>a)"\nmeaning = "m"\ndocumentation = "d"',
            "no such field: colour",
        ),
        ('[[denial]]\nid = "x"\ncolor = 1', "unknown key color"),
        ('[[layer]]\nid = "moon"\nnames = []\ndocumentation = ""', "layer moon: no such layer"),
    ],
)
def test_a_faulty_entry_is_named(toml: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read(toml)
