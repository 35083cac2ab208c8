"""Every fix that is proposed, put before the independent evaluator: does it cure, and only that?

For each snapshot and each finding with documents to write, both sides of the change become cases:
the finding's own requests, and everybody's other requests that the changed documents have a say
in. The other program has to say: denied before and allowed after for the first, no change for
the second. A document that was not read is left out on both sides: what it would say is not
what the change is about.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from demo.aws.cloud import Cloud
from demo.aws.world import World, build
from demo.aws.world import load as load_world
from demo.local import configuration
from tests.differential.peer import decisions
from tests.differential.settlements import SETTLEMENTS
from workers.diagnosis import diagnose
from workers.diagnosis.changes import applied
from workers.diagnosis.checks import Checker
from workers.diagnosis.combination import combined
from workers.diagnosis.lookup import bucket_of, role_of
from workers.diagnosis.model import Check, Finding, Fix, FixKind, Report, Step, TargetKind
from workers.engine import open_engine
from workers.pipeline import catalogue
from workers.pipeline.arn import account_of
from workers.pipeline.requirement import Part, Requirement
from workers.policy import Document, Level, Policies, Unreadable
from workers.settings import validate
from workers.snapshot.codec import load
from workers.snapshot.model import Snapshot

Case = dict[str, Any]

CASES = Path(__file__).parent.parent / "cases"
STRANGER = "000000000000"
REGION = "us-east-1"  # of the worker
# Asked of everybody besides the pipeline's own requests: what a careless change would open.
BESIDES = {
    TargetKind.BUCKET_POLICY: ("s3:PutBucketPolicy", "s3:DeleteBucket", "s3:DeleteObject"),
    TargetKind.KEY_POLICY: ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:CreateGrant"),
    TargetKind.ROLE_POLICY: ("iam:PutRolePolicy", "kms:Decrypt", "sts:AssumeRole"),
}


class CannotAsk(Exception):
    """The other program has no word for it; the message says for what."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request before and after a fix. `meant`: it is to become allowed; `proven`: we say that
    it will be."""

    fix: str
    meant: bool
    proven: bool
    before: Case
    after: Case


@dataclass(slots=True)
class Examined:
    """What the other program said of all the fixes."""

    fixes: int = 0
    cured: int = 0
    unchanged: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def reported() -> Iterator[tuple[str, Snapshot]]:
    """The failures in tests/cases that people reported."""
    for file in sorted((*CASES.glob("[0-9]*.json"), *(CASES / "field").glob("[0-9]*.json"))):
        if ".expected" not in file.name:
            yield file.stem, load(file.read_text("utf-8"))


def examine(folder: Path, snapshots: Iterable[tuple[str, Snapshot]]) -> Examined:
    """Ask the other program, installed in `folder`, about every fix of these snapshots."""
    result = Examined()
    questions: list[Question] = []
    for name, snapshot in snapshots:
        questions += _questions(name, snapshot, result)
    cases = []
    for number, question in enumerate(questions):
        cases += [
            {**_settled(question.before), "id": f"{number} before"},
            {**_settled(question.after), "id": f"{number} after"},
        ]
    answers = decisions(folder, cases)
    for number, question in enumerate(questions):
        before, after = answers[f"{number} before"], answers[f"{number} after"]
        if before.decision is None or after.decision is None:
            result.left_out[f"refused: {(before.error or after.error)[:80]}"] += 1
            continue
        was, will = before.decision == "allowed", after.decision == "allowed"
        if question.meant and will and not was:
            result.cured += 1
        elif not question.meant and was == will:
            result.unchanged += 1
        elif question.meant and not (was or will or question.proven):
            result.left_out["not proven by us either: a policy that grants was not read"] += 1
        else:
            result.wrong.append(_told(question, before.decision, after.decision))
    return result


@contextmanager
def local_world() -> Iterator[Iterator[tuple[str, Snapshot]]]:
    """The pipelines of the local world, read from its accounts as a worker reads them."""
    world = load_world()
    with Cloud() as cloud:
        build(cloud, world)
        given = cloud.role_session(world.bot.worker)
        with _environment(given | {"AWS_ENDPOINT_URL": cloud.endpoint, "AWS_REGION": REGION}):
            yield _read_all(world)


def _read_all(world: World) -> Iterator[tuple[str, Snapshot]]:
    settings = validate(tomllib.loads(configuration(world)), "local world")
    for each in world.pipelines:
        with open_engine(settings, "differential") as engine:
            report = engine.diagnose(each.name, each.account, each.region)
        if report.snapshot is not None:
            yield each.name, report.snapshot


@contextmanager
def _environment(given: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# --- from a snapshot to questions -----------------------------------------------------------------


def _questions(name: str, snapshot: Snapshot, result: Examined) -> Iterator[Question]:
    report = diagnose(snapshot, catalogue=catalogue.load())
    before = Checker(snapshot)
    everything = _distinct(check.requirement for check in report.checks)
    for told, fix, checks in _fixes(report):
        result.fixes += 1
        after = Checker(applied(snapshot, fix.steps))
        meant = {_asked(check.requirement): check.requirement for check in checks}
        others = {_asked(each): each for each in _others(fix, everything, snapshot)}
        wanted = [(each, True) for each in meant.values()]
        wanted += [
            (each, False)
            for each in others.values()
            if not any(_covers(one, each) for one in meant.values())
        ]
        for need, is_meant in wanted:
            try:
                sides = _case(need, before), _case(need, after)
            except CannotAsk as reason:
                result.left_out[str(reason)] += 1
            else:
                yield Question(f"{name}: {told}", is_meant, fix.proven, *sides)


def _fixes(report: Report) -> Iterator[tuple[str, Fix, tuple[Check, ...]]]:
    """Every fix that is proposed, and all that can be requested as one."""
    together: list[Finding] = []
    for found in report.findings:
        fix = found.fix
        if fix is None or not fix.steps:
            continue
        if fix.kind is FixKind.APPLY:
            together.append(found)
        if fix.kind is FixKind.APPLY or fix.proven:
            yield found.headline, fix, found.checks
    if len(together) > 1:
        checks = tuple(check for each in together for check in each.checks)
        yield "all together", combined([each.fix for each in together if each.fix]), checks


def _others(
    fix: Fix, everything: Sequence[Requirement], snapshot: Snapshot
) -> Iterator[Requirement]:
    """Everybody else's requests in which a changed document has a say."""
    for step in fix.steps:
        target = step.target
        besides = [
            Requirement(
                principal=target.id,
                part=Part.ACTION_ROLE,
                action=action,
                resource=_of(action, target.id),
                resource_account=target.account,
            )
            for action in BESIDES.get(target.kind, ())
        ]
        asked = [each for each in everything if _has_a_say(step, each)]
        for principal in _everybody(step, everything, snapshot):
            for need in (*asked, *besides):
                yield replace(need, principal=principal, part=Part.ACTION_ROLE, alternative="")


def _everybody(
    step: Step, everything: Sequence[Requirement], snapshot: Snapshot
) -> tuple[str, ...]:
    if step.target.kind is TargetKind.ROLE_POLICY:
        return (step.target.id,)
    known = dict.fromkeys(role_of(each.principal) for each in everything)
    known |= dict.fromkeys((*snapshot.roles, *snapshot.users))
    for account in {*filter(None, map(account_of, known)), step.target.account, STRANGER}:
        known[f"arn:aws:iam::{account}:role/nobody-named-me"] = None
    return tuple(each for each in known if each.startswith("arn:"))


def _has_a_say(step: Step, need: Requirement) -> bool:
    match step.target.kind:
        case TargetKind.BUCKET_POLICY:
            return bucket_of(need.resource) == step.target.id
        case TargetKind.KEY_POLICY | TargetKind.TRUST_POLICY:
            return need.resource == step.target.id
        case TargetKind.ROLE_POLICY:
            return True
        case _:
            return False


def _of(action: str, target: str) -> str:
    match action.partition(":")[0]:
        case "s3":
            suffix = "/object" if action.endswith("Object") else ""
            return f"arn:aws:s3:::{target}{suffix}"
        case "kms" if ":key/" not in target:
            return f"arn:aws:kms:us-east-1:{account_of(target)}:key/nobody-named-this-key"
        case "sts":
            return f"arn:aws:iam::{account_of(target)}:role/nobody-named-this-role"
        case _:
            return target


def _distinct(needs: Iterable[Requirement]) -> tuple[Requirement, ...]:
    found: dict[tuple[str, str], Requirement] = {}
    for need in needs:
        found.setdefault((need.action.lower(), need.resource), need)
    return tuple(found.values())


def _covers(meant: Requirement, other: Requirement) -> bool:
    """Whether the fix says that it allows the other, too: objects are told as `bucket/*`."""
    same = _asked(meant)[:2] == _asked(other)[:2]
    return same and fnmatchcase(other.resource, meant.shown)


def _asked(need: Requirement) -> tuple[str, str, str]:
    return role_of(need.principal), need.action.lower(), need.resource


# --- from a request to a case ---------------------------------------------------------------------


def _case(need: Requirement, checker: Checker) -> Case:
    """Raises CannotAsk."""
    request, policies = checker.request(need), checker.policies(need)
    if not request.principal.startswith("arn:"):
        raise CannotAsk("a service asks, not a principal of an account")
    if need.unresolved:
        raise CannotAsk("the resource is not known to the letter")
    if isinstance(policies.grants, tuple) and policies.grants:
        raise CannotAsk("KMS grants")
    if not request.resource_account:
        raise CannotAsk("the owner of the resource is not known")
    return {
        "request": {
            "principal": request.principal,
            "action": request.action,
            "resource": request.resource,
            "resource_account": request.resource_account,
            "context": {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in request.context.items()
            },
        },
        **_policies(policies),
    }


def _policies(policies: Policies) -> Case:
    resource = _named(() if policies.resource is None else (policies.resource,))
    return {
        "identity_policies": _named(policies.identity),
        "resource_policy": resource[0]["policy"] if resource else None,
        "permission_boundaries": _named(policies.boundaries or ()) or None,
        "session_policy": None,
        "vpce_policies": _named(policies.vpce) or None,
        "scps": [] if policies.management_account else _levels(policies.scps),
        "rcps": [] if policies.resource_in_management_account else _levels(policies.rcps),
    }


def _named(policies: Iterable[Document | Unreadable]) -> list[Case]:
    return [
        {"name": f"{number} {each.name}", "policy": _json(each)}
        for number, each in enumerate(policies)
        if isinstance(each, Document)
        and not each.unreadable
        # The other program has it built in, and takes no RCP that allows.
        and not each.name.endswith("RCPFullAWSAccess")
    ]


def _levels(levels: Iterable[Level]) -> list[Case]:
    every = [{"org_id": each.target, "policies": _named(each.policies)} for each in levels]
    return [each for each in every if each["policies"]]


def _json(policy: Document) -> Case:
    if policy.oddities:
        raise CannotAsk("a document that repeats a key has a say")
    value: Case = json.loads(policy.text)
    return value


def _settled(case: Case) -> Case:
    """In the words in which both sides mean the same (`settlements`)."""
    for settlement in SETTLEMENTS:
        case = settlement.rewrite(json.loads(json.dumps(case)))
    return case


def _told(question: Question, before: str, after: str) -> str:
    request = question.after["request"]
    asked = f"{request['principal']} {request['action']} {request['resource']}"
    wanted = "to be cured" if question.meant else "to stay"
    return f"{question.fix}\n    {asked}: {before} before, {after} after; {wanted}"
