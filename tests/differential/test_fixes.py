"""What counts as a wrong fix, with a peer whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.differential import fixes
from tests.differential.fixes import examine, reported
from tests.differential.peer import PeerAnswer
from workers.policy.cases import case_of

Case = dict[str, Any]
# A key policy that lacks the deploy role of another account; both sides need a change.
ACROSS = "19-xacct-cfn-deploy-role-cannot-read-artifacts"


def snapshots() -> list[tuple[str, Any]]:
    return [(name, snapshot) for name, snapshot in reported() if name == ACROSS]


def answering(monkeypatch: pytest.MonkeyPatch, decide: Callable[[Case], str]) -> list[Case]:
    asked: list[Case] = []

    def answers(_: Path, cases: list[Case]) -> dict[Any, PeerAnswer]:
        asked.extend(cases)
        return {case["id"]: PeerAnswer(decide(case)) for case in cases}

    monkeypatch.setattr(fixes, "decisions", answers)
    return asked


def ours(case: Case) -> str:
    return case_of(json.dumps(case)).verdict().decision.value


def test_a_peer_that_decides_as_the_documentation_says_finds_nothing_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answering(monkeypatch, ours)
    result = examine(Path(), snapshots())
    assert result.fixes == 3, "each of the two, and both together"
    assert result.cured == 4
    assert result.wrong == []
    assert result.unchanged > 20
    principals = {case["request"]["principal"] for case in asked}
    assert "arn:aws:iam::000000000000:role/nobody-named-me" in principals


def test_a_fix_that_cures_nothing_is_wrong_where_we_say_it_is_proven(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, lambda _: "allowed")
    result = examine(Path(), snapshots())
    assert result.cured == 0
    assert len(result.wrong) == 4, "allowed before: there was nothing to cure"
    assert "to be cured" in result.wrong[0]


def test_a_fix_that_opens_something_else_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda case: "allowed" if "after" in case["id"] else "implicitDeny")
    result = examine(Path(), snapshots())
    assert result.cured == 4
    assert result.unchanged == 0
    assert all("implicitDeny before, allowed after; to stay" in each for each in result.wrong)
