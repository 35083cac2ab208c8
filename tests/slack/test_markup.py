"""Text for Slack: https://docs.slack.dev/messaging/formatting-message-text#escaping"""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.slack import markup
from workers.slack.blocks import excerpt, pages
from workers.slack.markup import Mrkdwn, code, escape, visible


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("a & b", "a &amp; b"),
        ("&lt;", "&amp;lt;"),
        ("tab\tend", "tab  end"),
        ("bell\x07", "bell "),
        ("turned\u202earound", "turnedaround"),
        ("two\r\nlines", "two\nlines"),
    ],
)
def test_escaping(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@given(st.text(), st.integers(1, 200))
def test_escaped_text_is_short_enough_and_whole(text: str, limit: int) -> None:
    escaped = escape(text, limit)
    assert len(escaped) <= limit
    assert "<" not in escaped
    assert ">" not in escaped
    # Nothing was cut inside of an entity.
    assert html.unescape(escaped).rstrip("…").rstrip() in visible(text, lines=True)


@given(st.text(max_size=300))
def test_a_code_span_cannot_be_left(text: str) -> None:
    span = code(text)
    assert span == "" or (span[0] == span[-1] == "`" and "`" not in span[1:-1])
    assert "\n" not in span


def test_what_is_escaped_stays_as_it_is() -> None:
    assert escape(Mrkdwn("<@U1>")) == "<@U1>"


@pytest.mark.parametrize("id", ["", "U1>", "u1", "U1|x", "!channel"])
def test_only_slack_ids_are_mentioned(id: str) -> None:
    with pytest.raises(ValueError, match="no Slack id"):
        markup.user(id)


@pytest.mark.parametrize("url", ["javascript:x", "https://x|y", "https://x> <!channel", "x"])
def test_only_web_addresses_are_linked(url: str) -> None:
    with pytest.raises(ValueError, match="no web address"):
        markup.link(url, "here")


def test_a_label_cannot_end_its_link() -> None:
    assert markup.link("https://a.b/?c=1&d=2", "x|y>") == "<https://a.b/?c=1&amp;d=2|x¦y&gt;>"


@given(st.text(max_size=5_000), st.integers(10, 500))
def test_pages_hold_everything(text: str, size: int) -> None:
    made = pages(text, size)
    assert all(len(page) <= size for page in made)
    assert "".join("".join(made).split()) == "".join(text.split())


def test_an_excerpt_counts_what_it_leaves_out() -> None:
    assert excerpt("a\nb\nc\nd", lines=2, characters=100) == ("a\nb", 2)
    assert excerpt("a\nb", lines=9, characters=100) == ("a\nb", 0)
