"""What must not go through, tried on the real queue with forking workers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis
from rq import Retry

from demo.workspace import Message
from tests.fixing.conftest import TARGETS, only, shown
from tests.fixing.documents import Documents
from tests.jobs.house import APPROVER, House
from workers.diagnosis.plans import fingerprint
from workers.fixing import jobs
from workers.ledger import Ledger, State
from workers.ledger.request import FixRequest

SECOND = "U0APPROVER2"


def alter(redis: Redis, request: FixRequest, **changes: Any) -> None:
    """As somebody who can write in Redis."""
    key = f"pipeline-access:fix:{request.id}"
    redis.hset(key, "request", request.model_copy(update=changes).model_dump_json())


def test_a_target_that_was_swapped_after_the_approval_is_not_written(
    house: House, requested: Message, ledger: Ledger, documents: Documents, redis: Redis
) -> None:
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.worker().work(burst=True, max_jobs=1, logging_level="WARNING")
    assert only(ledger).state is State.APPROVED
    request = only(ledger).request
    first, *rest = request.documents
    other = first.model_copy(update={"id": TARGETS[1]})
    alter(redis, request, documents=(other, *rest))
    house.work(rounds=2)
    assert only(ledger).state is State.FAILED
    assert documents.log == []
    assert "not the one that was approved" in json.dumps(shown(house).blocks)


def test_a_document_that_was_swapped_with_its_fingerprint_is_not_written(
    house: House, requested: Message, ledger: Ledger, documents: Documents, redis: Redis
) -> None:
    """Even where everything in the request fits together: the approvals were for another."""
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.worker().work(burst=True, max_jobs=1, logging_level="WARNING")
    request = only(ledger).request
    first, *rest = request.documents
    wider = first.model_copy(update={"after": "allow everything to everybody"})
    altered = request.model_copy(update={"documents": (wider, *rest)})
    alter(redis, altered, fingerprint=fingerprint(altered.steps))
    house.work(rounds=2)
    assert only(ledger).state is State.FAILED
    assert documents.log == []


def test_what_was_there_before_cannot_be_swapped_for_something_else_to_put_back(
    house: House, requested: Message, ledger: Ledger, documents: Documents, redis: Redis
) -> None:
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.work(rounds=2)
    request, log = only(ledger).request, list(documents.log)
    first, *rest = request.documents
    wider = first.model_copy(update={"before": "allow everything to everybody"})
    altered = request.model_copy(update={"documents": (wider, *rest)})
    alter(redis, altered, fingerprint=fingerprint(altered.steps))
    house.workspace.press(APPROVER, shown(house), "roll_back_fix")
    house.work(rounds=2)
    assert only(ledger).state is State.INCOMPLETE
    assert documents.log == log
    assert f"This still stands: {', '.join(TARGETS)}" in only(ledger).reason


def test_a_button_that_names_another_request_than_its_message_does_nothing(
    house: House, requested: Message, ledger: Ledger, documents: Documents
) -> None:
    before = shown(house)
    request = only(ledger).request.id
    actions = next(each for each in before.blocks if each["type"] == "actions")
    actions["block_id"] = "fix:0123456789abcdef:0"
    house.workspace.press(APPROVER, before, "approve_fix")
    house.work()
    assert only(ledger).state is State.REQUESTED
    actions["block_id"] = f"fix:{request}:0"
    house.workspace.press(APPROVER, before, "approve_fix")
    house.work()
    assert only(ledger).state is State.VERIFIED


def test_while_another_request_changes_the_document_an_approved_one_waits(
    house: House,
    requested: Message,
    ledger: Ledger,
    documents: Documents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "AGAIN", Retry(max=jobs.TRIES, interval=0))
    request = only(ledger).request
    other = request.model_copy(update={"id": "another", "documents": request.documents[1:2]})
    assert ledger.take(other) == ""
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.worker().work(burst=True, max_jobs=2, logging_level="WARNING")
    assert only(ledger).state is State.APPROVED
    assert documents.log == []
    ledger.release(other)
    house.work(rounds=2)
    assert only(ledger).state is State.VERIFIED
    assert documents.log == [f"write {target}" for target in TARGETS]
