"""The differential run itself, without the other program."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.differential.__main__ import main
from tests.differential.comparison import compare
from tests.differential.generator import Generator
from tests.differential.peer import HERE, PeerAnswer
from tests.differential.settlements import SETTLEMENTS, rewritings
from workers.policy.cases import case_of

CASES = list(Generator(5).cases(400))


def decided(case: dict[str, Any]) -> str:
    """Our decision."""
    return case_of(json.dumps(case)).verdict().decision.value


def test_a_seed_gives_the_same_cases_again() -> None:
    assert list(Generator(5).cases(400)) == CASES
    assert list(Generator(6).cases(5)) != CASES[:5]


def test_the_cases_are_of_every_kind() -> None:
    assert {decided(case) for case in CASES} == {"allowed", "explicitDeny", "implicitDeny"}
    touched = {name for case in CASES for name, _ in rewritings(case) if " + " not in name}
    assert len(touched) >= len(SETTLEMENTS) - 2


def test_a_rewritten_case_says_the_same_to_us() -> None:
    for case in CASES:
        before = copy.deepcopy(case)
        for name, changed in rewritings(case):
            assert decided(changed) == decided(case), name
        assert case == before


def test_a_difference_that_nothing_settles_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that allows everything: only what we allow too may count as agreed or settled."""

    def allows(_: Path, cases: list[dict[str, Any]]) -> dict[Any, PeerAnswer]:
        return {case["id"]: PeerAnswer("allowed") for case in cases}

    monkeypatch.setattr("tests.differential.comparison.decisions", allows)
    result = compare(Path(), CASES)
    ours = [decided(case) for case in CASES]
    assert result.compared == len(CASES)
    assert result.agreed.total() == ours.count("allowed")
    assert len(result.open) == len(CASES) - ours.count("allowed")
    assert not result.settled


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_without_node_the_run_says_so(
    monkeypatch: pytest.MonkeyPatch, ci: str, status: int
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    result = CliRunner().invoke(main, ["--cases", "1", "--seed", "1"])
    assert result.exit_code == status
    assert "skipped: the other evaluator cannot be run here: node is not installed" in result.output


def test_the_lock_file_pins_by_content_and_names_no_host() -> None:
    text = (HERE / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    assert "resolved" not in text
    assert "://" not in text
    assert all("integrity" in package for name, package in packages.items() if name)
