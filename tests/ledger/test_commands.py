"""`pipeline-access audit` and `requests`: for people, for programs, and for who doubts."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from redis import Redis

from tests.ledger.test_states import REQUEST
from workers.commands.audit import audit
from workers.commands.requests import requests
from workers.ledger import Ledger, Move


@pytest.fixture(autouse=True)
def ledger(redis: Redis, valkey: str, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("REDIS_URL", valkey)
    made = Ledger(redis)
    made.request(REQUEST)
    made.step(REQUEST.id, Move.REJECT, click="a", actor="U1", reason="not now")
    return made


def test_the_trail_as_lines_of_json() -> None:
    done = CliRunner().invoke(audit, ["--json"])
    assert done.exit_code == 0
    first, second = map(json.loads, done.output.splitlines())
    assert first["event"] == "requested"
    assert second["previous"] == first["hash"]
    assert second["reason"] == "not now"


def test_the_trail_of_one_request() -> None:
    assert "not now" in CliRunner().invoke(audit, ["--request", REQUEST.id]).output
    assert "Nothing" in CliRunner().invoke(audit, ["--request", "another"]).output


def test_a_whole_trail_and_a_broken_one(redis: Redis, ledger: Ledger) -> None:
    done = CliRunner().invoke(audit, ["--verify"])
    assert done.exit_code == 0
    assert "whole" in done.output
    redis.xdel("pipeline-access:audit", ledger.trail()[0].id)
    done = CliRunner().invoke(audit, ["--verify"])
    assert done.exit_code == 1
    assert "tampered" in done.output


def test_requests_by_state() -> None:
    (found,) = json.loads(CliRunner().invoke(requests, ["--json", "--state", "rejected"]).output)
    assert found["id"] == REQUEST.id
    assert json.loads(CliRunner().invoke(requests, ["--json", "--state", "requested"]).output) == []


@pytest.mark.parametrize("command", [audit, requests])
def test_without_redis_it_says_where_it_looked(
    command: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    done = CliRunner().invoke(command, [])  # type: ignore[arg-type]
    assert done.exit_code == 1
    assert "REDIS_URL" in done.output
