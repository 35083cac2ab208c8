"""The report at the terminal: readable at 80 and 120 columns, and without colour."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.diagnosis.examine import CASES, examine
from tests.diagnosis.world import reference
from workers.diagnosis.model import Report
from workers.terminal import show

REPORTED = sorted(file for file in CASES.glob("[0-9]*.json") if ".expected" not in file.name)


def printed(report: Report, width: int, *, colour: bool = False) -> str:
    out = io.StringIO()
    show(report, Console(file=out, width=width, force_terminal=colour, no_color=not colour))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("file", REPORTED, ids=lambda file: file.stem)
def test_no_line_is_wider_than_the_terminal(file: Path, width: int) -> None:
    for line in printed(examine(file.read_text("utf-8")), width).splitlines():
        assert cell_len(line) <= width


@pytest.mark.parametrize("file", REPORTED, ids=lambda file: file.stem)
def test_nothing_of_a_finding_is_lost(file: Path) -> None:
    report = examine(file.read_text("utf-8"))
    text = "".join(printed(report, 120).split())
    for found in report.findings:
        parts = (found.headline, found.principal, found.resource, found.action, found.stopped)
        for part in parts:
            assert "".join(part.split()) in text


def test_the_root_cause_stands_first_and_the_components_last() -> None:
    lines = printed(examine(REPORTED[0].read_text("utf-8")), 80).splitlines()
    assert lines[0].startswith("✖ blocked")
    first = next(number for number, line in enumerate(lines) if "1. " in line)
    components = next(number for number, line in enumerate(lines) if line.startswith("Components"))
    assert first < 6
    assert first < components


def test_every_state_has_a_mark_and_a_word_beside_its_colour() -> None:
    clear = printed(examine(reference()), 80)
    assert "✔ clear" in clear
    assert "– nothing" in clear
    blocked = printed(examine(REPORTED[0].read_text("utf-8")), 80)
    for mark in ("✖ blocked", "? not known", "✔ clear"):
        assert mark in blocked


def test_the_difference_is_coloured_where_there_is_colour() -> None:
    report = examine(
        (CASES / "27-executechangeset-action-role-missing-describestacks.json").read_text("utf-8")
    )
    assert "\x1b[32m+" in printed(report, 80, colour=True)
    assert "\x1b[" not in printed(report, 80)


def test_no_name_steers_the_terminal() -> None:
    snapshot = reference()
    snapshot["pipeline"]["name"] = "payments\x1b]0;owned\x07\x1b[2J\x9b31m-deploy"
    text = printed(examine(snapshot), 80, colour=False)
    assert "payments\N{REPLACEMENT CHARACTER}]0;owned" in text
    assert not any(ord(each) < 32 and each != "\n" for each in text)
    assert "\x9b" not in text


def test_markup_in_names_is_text() -> None:
    """A policy's name may hold brackets; they are no instructions to the terminal."""
    snapshot = reference()
    snapshot["pipeline"]["name"] = "payments-deploy"
    snapshot["roles"] = {
        arn: role
        | {"policies": {f"[bold]{name}[/bold]": each for name, each in role["policies"].items()}}
        for arn, role in snapshot["roles"].items()
    }
    for role in snapshot["roles"].values():
        for policy in role["policies"].values():
            policy["Statement"] = [each for each in policy["Statement"] if each["Sid"] != "Builds"]
    assert "[bold]access[/bold]" in printed(examine(snapshot), 120)
