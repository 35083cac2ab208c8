"""`docs/errors.md` says what the program reads."""

from __future__ import annotations

from pathlib import Path

from workers.diagnosis.denials.catalogue import catalogue
from workers.diagnosis.denials.page import page

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_page_is_printed_from_the_catalogue() -> None:
    assert PAGE.read_text("utf-8") == page(), (
        "python -m workers.diagnosis.denials.page > docs/errors.md"
    )


def test_every_message_and_layer_is_on_it() -> None:
    text = PAGE.read_text("utf-8")
    for entry in catalogue().entries:
        if entry.role != "context":
            assert f"`kind: {entry.id}`" in text
            assert entry.meaning in text
    for layer in catalogue().layers:
        assert layer.names[0] in text
