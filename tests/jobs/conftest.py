from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.house import House, open_house
from tests.jobs.stage import Stage, standard
from workers import jobs


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """What AWS would say; set it before the worker works."""
    made = standard()
    monkeypatch.setattr(jobs, "open_engine", made.open_engine)
    return made


@pytest.fixture
def house(
    valkey: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    with open_house(valkey, tmp_path, monkeypatch) as made:
        yield made
