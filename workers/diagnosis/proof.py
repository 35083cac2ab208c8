"""The proof of a fix: evaluated again with its steps in place, what opens and what does not.

Every principal that the snapshot or a changed document names, and one that none names, is asked
for every action on what the step is about, before and after. Only the finding's own requests may
flip to allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workers.diagnosis.changes import applied
from workers.diagnosis.checks import Checker
from workers.diagnosis.documents import NotJson, merged, read
from workers.diagnosis.lookup import bucket_of, role_of
from workers.diagnosis.model import Step, TargetKind
from workers.pipeline.arn import account_of
from workers.pipeline.requirement import Part, Requirement
from workers.policy import Decision

Asked = tuple[str, str, str]
"""Principal, action and resource of a request."""

_OUTSIDER = "arn:aws:iam::{account}:role/nobody-named-in-any-policy"
_STRANGER = "000000000000"
# What a careless change would open besides the pipeline's own requests.
_BUCKET_ACTIONS = ("s3:DeleteObject", "s3:PutBucketPolicy", "s3:DeleteBucket", "s3:ListBucket")
_KEY_ACTIONS = ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:CreateGrant", "kms:Decrypt")
_ROLE_ACTIONS = (
    ("iam:PassRole", "*"),
    ("iam:PutRolePolicy", "*"),
    ("s3:GetObject", "arn:aws:s3:::nobody-named-this-bucket/object"),
    ("sts:AssumeRole", "arn:aws:iam::000000000000:role/nobody-named-this-role"),
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What the finding's requests come to, and which others would open."""

    after: tuple[Decision, ...]
    opens: tuple[Asked, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.opens and all(each is Decision.ALLOWED for each in self.after)

    @property
    def worst(self) -> Decision:
        """The least allowed of the decisions afterwards."""
        order = (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY, Decision.UNKNOWN)
        return next((each for each in order if each in self.after), Decision.ALLOWED)


def prove(
    steps: Sequence[Step],
    wanted: Sequence[Requirement],
    everything: Iterable[Requirement],
    checker: Checker,
    *,
    intended: Iterable[str] = (),
) -> Proof:
    """Evaluate `wanted` with the steps in place, and look for anything else that flips.

    `intended` are principals that the change means to let in besides those of `wanted` (the ones
    that a repeated key had hidden).
    """
    changed = checker.with_snapshot(applied(checker.snapshot, steps))
    after = tuple(changed.check(need).verdict.decision for need in wanted)
    asked = {_asked(need) for need in wanted}
    granted_to = {role_of(principal) for principal in intended}
    opens: dict[Asked, None] = {}
    for probe in _probes(steps, tuple(everything), checker):
        key = _asked(probe)
        if key in asked or role_of(probe.principal) in granted_to or key in opens:
            continue
        if _opens(checker.decision(probe), changed.decision(probe)):
            opens[key] = None
    return Proof(after, tuple(opens))


def _opens(before: Decision, after: Decision) -> bool:
    """Whether a request is, or for all that was read may be, open that was not before."""
    if after is Decision.ALLOWED:
        return before is not Decision.ALLOWED
    return (
        after is Decision.UNKNOWN
        and before is not Decision.UNKNOWN
        and (before is not Decision.ALLOWED)
    )


def _asked(need: Requirement) -> Asked:
    return (role_of(need.principal), need.action.lower(), need.shown)


def _probes(
    steps: Sequence[Step], everything: tuple[Requirement, ...], checker: Checker
) -> Iterator[Requirement]:
    """The requests on whose decision a step has any influence."""
    requests = _distinct(everything)
    for step in steps:
        target = step.target
        match target.kind:
            case TargetKind.ROLE_POLICY:
                for need in requests:
                    yield _as(need, target.id)
                for action, resource in _ROLE_ACTIONS:
                    yield _made(target.id, action, resource, target.account)
            case TargetKind.TRUST_POLICY:
                for principal in _principals(step, everything, checker):
                    yield _made(principal, "sts:AssumeRole", target.id, target.account)
            case TargetKind.BUCKET_POLICY:
                on_bucket = [each for each in requests if bucket_of(each.resource) == target.id]
                for principal in _principals(step, everything, checker):
                    for need in on_bucket:
                        yield _as(need, principal)
                    for action in _BUCKET_ACTIONS:
                        suffix = "/object" if action.endswith("Object") else ""
                        resource = f"arn:aws:s3:::{target.id}{suffix}"
                        yield _made(principal, action, resource, target.account)
            case TargetKind.KEY_POLICY:
                on_key = [each for each in requests if each.resource == target.id]
                for principal in _principals(step, everything, checker):
                    for need in on_key:
                        yield _as(need, principal)
                    for action in _KEY_ACTIONS:
                        yield _made(principal, action, target.id, target.account)
            case _:
                continue


def _distinct(everything: Iterable[Requirement]) -> tuple[Requirement, ...]:
    """One requirement per action and resource; who asks is filled in later."""
    found: dict[tuple[str, str], Requirement] = {}
    for need in everything:
        found.setdefault((need.action.lower(), need.resource), need)
    return tuple(found.values())


def _as(need: Requirement, principal: str) -> Requirement:
    part = Part.ACTION_ROLE if principal.startswith("arn:") else Part.SERVICE
    return replace(need, principal=principal, part=part, unresolved=(), alternative="")


def _made(principal: str, action: str, resource: str, account: str) -> Requirement:
    return Requirement(
        principal=principal,
        part=Part.ACTION_ROLE if principal.startswith("arn:") else Part.SERVICE,
        action=action,
        resource=resource,
        resource_account=account,
        context={"aws:SecureTransport": "true"},
    )


def _principals(step: Step, everything: Iterable[Requirement], checker: Checker) -> tuple[str, ...]:
    """Everybody the snapshot, the old and the new document name, and two whom none names."""
    found = dict.fromkeys(role_of(need.principal) for need in everything)
    found |= dict.fromkeys((*checker.snapshot.roles, *checker.snapshot.users))
    for text in (step.before, step.after):
        found |= dict.fromkeys(named_principals(text))
    accounts = {account_of(each) for each in found} | {step.target.account, _STRANGER}
    for account in sorted(filter(None, accounts)):
        # Whoever may act for the whole account, and somebody in it whom nothing names.
        found |= dict.fromkeys((f"arn:aws:iam::{account}:root", _OUTSIDER.format(account=account)))
    return tuple(each for each in found if each and each != "*")


def named_principals(text: str | None) -> tuple[str, ...]:
    """The principals that a document names, as written; () for one that cannot be read."""
    if text is None:
        return ()
    try:
        document: Any = merged(read(text))
    except NotJson:
        return ()
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    found: dict[str, None] = {}
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal") if isinstance(statement, dict) else None
        values = principal.values() if isinstance(principal, dict) else ()
        for value in values:
            found |= dict.fromkeys(map(str, value if isinstance(value, list) else [value]))
    return tuple(each for each in found if each.startswith("arn:") or "." in each)
