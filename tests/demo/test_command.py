"""What `pipeline-access demo` refuses before anything starts."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from workers.cli import cli

REFUSED = [
    (["docs-site"], "only with --once"),
    (["--json"], "--json goes with --once"),
    (["--once", "doc-site"], "No pipeline 'doc-site' in the local world. There are:"),
    (["--port", "x"], "'x' is not a valid integer"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_a_wrong_command_line_is_told_and_starts_nothing(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("demo.local.LocalWorld.__enter__", lambda _: pytest.fail("started"))
    result = CliRunner().invoke(cli, ["demo", *arguments])
    assert result.exit_code == 2
    assert words in result.output
