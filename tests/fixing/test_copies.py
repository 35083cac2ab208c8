"""The workers' rounds copy the audit trail while fixes go their way."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.workspace import Message
from tests.fixing.conftest import only, shown
from tests.jobs.house import APPROVER, CONFIGURATION, House
from workers.ledger import Ledger, State, audit


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "copies" / "audit.jsonl"


@pytest.fixture
def configuration(file: Path) -> str:
    return f'{CONFIGURATION}\n[audit]\nfile = "{file}"\n'


def test_a_copy_is_made_by_itself_and_a_sink_that_fails_blocks_no_fix(
    house: House, requested: Message, ledger: Ledger, file: Path
) -> None:
    """Its folder is missing at first: the fix is applied all the same, the copy catches up."""
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.work(rounds=3)
    assert only(ledger).state is State.VERIFIED
    assert not file.exists()
    file.parent.mkdir()
    ledger.pause(0)  # the minute is over
    house.work(rounds=3)
    copies = [audit.parse(line) for line in file.read_text("utf-8").splitlines()]
    assert copies == list(ledger.trail())
    assert [each.content["event"] for each in copies][-1] == "find_cured"
    assert audit.verify(copies, copies[-1].hash) is None
