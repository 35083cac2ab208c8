"""The trail copied outside of Redis: each entry once, whatever dies, and provable from the copy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from redis import Redis

from tests.ledger.test_states import REQUEST
from workers import copying
from workers.commands.audit import audit as command
from workers.copying import behind, copy
from workers.ledger import Ledger, Move, audit
from workers.ledger.audit import AuditEntry
from workers.ledger.sinks import FileSink, SinkFailure
from workers.settings import Audit

NOW = 1_800_000_000.0


@dataclass
class Memory:
    """A sink that may fail, or die after it kept what it was given."""

    name: str = "memory"
    fails: bool = False
    dies: bool = False
    kept: list[AuditEntry] = field(default_factory=list)

    def write(self, entries: Sequence[AuditEntry]) -> None:
        if self.fails:
            raise SinkFailure("full")
        self.kept += entries
        if self.dies:
            raise KeyboardInterrupt


@pytest.fixture
def ledger(redis: Redis) -> Ledger:
    made = Ledger(redis)
    made.request(REQUEST)
    for number in range(4):
        made.refused(REQUEST.id, "U1", Move.APPROVE, "self", f"click-{number}")
    made.step(REQUEST.id, Move.REJECT, click="a", actor="U1", reason="später, € 5\u2028\x85\nüber")
    return made


def read(file: Path) -> list[AuditEntry]:
    return [audit.parse(line) for line in file.read_text("utf-8").splitlines()]


def test_a_sink_gets_all_once_and_later_only_what_is_new(redis: Redis, ledger: Ledger) -> None:
    sink = Memory()
    assert copy(redis, ledger, (sink,)) == ()
    assert sink.kept == list(ledger.trail())
    ledger.note({"event": "retry_stage", "request": REQUEST.id})
    copy(redis, ledger, (sink,))
    assert sink.kept == list(ledger.trail())


def test_a_sink_that_fails_holds_up_no_other_and_catches_up(redis: Redis, ledger: Ledger) -> None:
    full, whole = Memory("full", fails=True), Memory("whole")
    assert copy(redis, ledger, (full, whole)) == ("full",)
    assert len(whole.kept) == 6
    full.fails = False
    copy(redis, ledger, (full, whole))
    assert full.kept == whole.kept


def test_a_round_copies_only_when_there_is_something_and_not_at_once_after_a_failure(
    redis: Redis, ledger: Ledger, tmp_path: Path
) -> None:
    wanted = Audit(file=tmp_path / "audit.jsonl")
    assert not behind(ledger, Audit(), NOW)
    assert behind(ledger, wanted, NOW)
    copy(redis, ledger, copying.sinks(wanted))
    assert not behind(ledger, wanted, NOW)
    ledger.note({"event": "retry_stage"})
    ledger.pause(NOW + 60)
    assert not behind(ledger, wanted, NOW)
    assert behind(ledger, wanted, NOW + 61)


def test_the_rounds_know_the_sinks_by_the_names_they_have_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    wanted = Audit(file=tmp_path / "a", bucket="copies", log_group="/audit")
    assert tuple(sink.name for sink in copying.sinks(wanted)) == copying.names(wanted)


def test_who_dies_before_the_cursor_moved_leaves_no_entry_twice(
    redis: Redis, ledger: Ledger, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    FileSink(file).write(ledger.trail()[:4])
    copy(redis, ledger, (FileSink(file),))
    assert read(file) == list(ledger.trail())


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_line_that_a_dying_worker_tore_is_written_again(
    redis: Redis, ledger: Ledger, tmp_path: Path, cut: int
) -> None:
    file = tmp_path / "audit.jsonl"
    FileSink(file).write(ledger.trail()[:3])
    file.write_bytes(file.read_bytes()[:-cut])
    copy(redis, ledger, (FileSink(file),))
    assert read(file) == list(ledger.trail())
    assert file.stat().st_mode & 0o777 == 0o600


def test_two_copiers_do_not_get_in_each_others_way(redis: Redis, ledger: Ledger) -> None:
    sink = Memory()
    with redis.lock(copying.LOCK, timeout=5):
        copy(redis, ledger, (sink,))
        assert sink.kept == []
    copy(redis, ledger, (sink,))
    assert len(sink.kept) == 6


def test_a_file_that_cannot_be_written_says_what_it_needs(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(SinkFailure, match="its folder must exist"):
        FileSink(tmp_path / "nowhere" / "audit.jsonl").write(ledger.trail())


def test_a_file_of_something_else_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("my notes\n")
    with pytest.raises(SinkFailure, match="Move it away"):
        FileSink(file).write(ledger.trail())
    assert file.read_text() == "my notes\n"


# --- the proof ----------------------------------------------------------------------------------


@pytest.fixture
def file(ledger: Ledger, tmp_path: Path) -> Path:
    made = tmp_path / "audit.jsonl"
    FileSink(made).write(ledger.trail())
    return made


def test_a_copy_proves_itself_without_redis(
    ledger: Ledger, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    done = CliRunner().invoke(command, ["--verify", "--file", str(file)])
    assert done.exit_code == 0, done.output
    assert f"6 entries, the last {ledger.last()} {ledger.trail()[-1].hash}" in done.output


def test_what_the_command_prints_is_a_copy_too(
    ledger: Ledger, tmp_path: Path, valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", valkey)
    printed = tmp_path / "printed.jsonl"
    printed.write_text(CliRunner().invoke(command, ["--json"]).stdout, "utf-8")
    assert read(printed) == list(ledger.trail())


def test_an_altered_line_is_found(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    lines[2] = lines[2].replace("U1", "U2")
    file.write_text("\n".join(lines) + "\n", "utf-8")
    done = CliRunner().invoke(command, ["--verify", "--file", str(file)])
    assert done.exit_code == 1
    assert "line 3: the hash is not that of the content" in done.output


def test_a_line_altered_together_with_its_hash_is_found_by_the_next_one(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    content = json.loads(lines[2]) | {"actor": "U2"}
    id, previous = content.pop("id"), content.pop("previous")
    content.pop("hash")
    text, digest = audit.entry(previous, content)
    lines[2] = json.dumps({"id": id, "hash": digest, **json.loads(text)})
    file.write_text("\n".join(lines) + "\n", "utf-8")
    done = CliRunner().invoke(command, ["--verify", "--file", str(file)])
    assert done.exit_code == 1
    assert "does not follow the entry before it" in done.output


def test_a_missing_line_is_found(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join(lines[:1] + lines[2:]) + "\n", "utf-8")
    done = CliRunner().invoke(command, ["--verify", "--file", str(file)])
    assert done.exit_code == 1
    assert "tampered" in done.output
