"""`diagnose --map out.svg`."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from click.testing import CliRunner

from workers.commands.diagnose import diagnose

CASE = Path(__file__).parents[1] / "cases" / "15-codebuild-download-source-key-policy.json"


def test_the_map_is_written_beside_the_report(tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    result = CliRunner().invoke(diagnose, ["--snapshot", str(CASE), "--map", str(out)])
    assert result.exit_code == 1, result.output  # blocked
    root = ET.fromstring(out.read_text("utf-8"))
    assert root.get("role") == "img"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    out = tmp_path / "missing" / "out.svg"
    result = CliRunner().invoke(diagnose, ["--snapshot", str(CASE), "--map", str(out)])
    assert result.exit_code == 2
    assert "cannot be written" in result.output
