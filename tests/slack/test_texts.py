"""The texts: complete, used, and safe to fill in."""

from __future__ import annotations

import re
from pathlib import Path

from workers.ledger.rules import Ruling
from workers.ledger.states import State
from workers.slack.markup import Mrkdwn
from workers.slack.texts import Texts, load

ROOT = Path(__file__).parents[2]
LANGUAGES = sorted(path.stem for path in (ROOT / "workers/slack/texts").glob("*.toml"))


def test_every_language_has_the_same_keys_and_placeholders() -> None:
    english = load("en").placeholders
    for language in LANGUAGES:
        assert load(language).placeholders == english


def test_values_are_escaped_unless_they_are_mrkdwn() -> None:
    texts = Texts({"hello": "*{name}*"})
    assert texts("hello", name="<!channel>") == "*&lt;!channel&gt;*"
    assert texts("hello", name=Mrkdwn("<@U1>")) == "*<@U1>*"
    assert texts.plain("hello", name="<b>") == "*<b>*"


KEY = re.compile(r"""["']([a-z_]+(?:\.[a-z_]+)+)["']""")


def test_every_key_that_the_code_names_exists() -> None:
    keys = set(load("en").placeholders)
    tables = {key.split(".")[0] for key in keys}
    named = {
        key
        for file in (*(ROOT / "bot").glob("*.py"), *(ROOT / "workers/slack").glob("*.py"))
        for key in KEY.findall(file.read_text(encoding="utf-8"))
        if key.split(".")[0] in tables
    }
    assert len(named) > 60
    counted = {key.rsplit(".", 1)[0] for key in keys if key.endswith(".one")}
    assert named - keys - counted == set()


def test_every_state_and_ruling_has_its_words() -> None:
    keys = load("en").placeholders
    for state in State:
        assert f"request.state.{state}" in keys
        assert f"request.heading.{state}" in keys
    for ruling in Ruling:
        if not ruling.allows:
            assert f"ruling.{ruling}" in keys
