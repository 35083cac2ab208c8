"""Requirements against the snapshot: which policies have a say in each, and what they decide.

Which documents are asked for a request follows
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html: service
control policies of the caller's account, resource control policies of the resource's account, the
endpoint policies of the VPC the caller works in, and key policies and grants for KMS.
A document that nobody read goes in as `Unreadable`: it makes *unknown*, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from workers.diagnosis.lookup import ASSUME, bucket_of, find_role, resource_policy, role_of
from workers.diagnosis.model import Check
from workers.pipeline.arn import account_of
from workers.pipeline.arn import parse as parse_arn
from workers.pipeline.requirement import Requirement
from workers.policy import (
    Decision,
    Dependency,
    Document,
    Grant,
    Level,
    Policies,
    PolicyKind,
    PublicAccessBlock,
    Request,
    Statement,
    Unreadable,
    Verdict,
    evaluate,
    parse,
)
from workers.policy.evaluation import decide
from workers.snapshot.model import (
    EMPTY,
    Membership,
    NamedPolicy,
    PolicyLevel,
    PolicyText,
    Reading,
    Role,
    Snapshot,
    State,
    User,
    unreadable,
)

Policy = Document | Unreadable

# Services whose resource-based policies are read for every pipeline (see
# `workers.pipeline.references`); of the others (secrets, queues) a policy has its say where the
# snapshot holds one.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
_WITH_RESOURCE_POLICY = frozenset({"sns", "lambda", "ecr", "events"})
# Keys that the ARN of the requester says by itself; nothing about them is open.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
_SAID_BY_ARN = frozenset(
    {"aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:principalisawsservice"}
)
# The endpoint services that carry the calls of an IAM service prefix, where the names differ.
# https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
_ENDPOINTS: Mapping[str, tuple[str, ...]] = {
    "ecr": ("ecr.api", "ecr.dkr"),
    "codecommit": ("codecommit", "git-codecommit"),
    "codestar-connections": ("codestar-connections.api",),
    "codeconnections": ("codeconnections.api", "codestar-connections.api"),
    "ssm": ("ssm", "ssmmessages", "ec2messages"),
}


def _whatever_resource(verdict: Verdict, policies: Policies, action: str) -> bool:
    """Whether the resource's name is no matter: it is allowed, denied on all, or never granted."""
    if verdict.decision is Decision.EXPLICIT_DENY:
        return any(
            isinstance(match.cause, Statement) and match.cause.resource_check is None
            for match in verdict.matched
        )
    return verdict.decision is Decision.ALLOWED or _never_granted(policies, action)


def _never_granted(policies: Policies, action: str) -> bool:
    """Whether no statement that was read allows the action, on whatever resource."""
    granting = (*policies.identity, *((policies.resource,) if policies.resource else ()))
    if policies.grants or any(policy.unreadable is not None for policy in granting):
        return False
    return not any(
        document.allows.covering(action.lower())
        for document in granting
        if isinstance(document, Document)
    )


class Checker:
    """Evaluates requirements against one snapshot; every document is parsed once."""

    def __init__(self, snapshot: Snapshot, parsed: dict[Any, Document] | None = None) -> None:
        self.snapshot = snapshot
        self._parsed: dict[Any, Document] = {} if parsed is None else parsed
        self._policies: dict[tuple[str, ...], Policies] = {}
        self._identities: dict[str, Policies] = {}
        self._resources: dict[tuple[str, str], Policy | None] = {}
        self._levels: dict[tuple[str, str], tuple[Level, ...]] = {}

    def with_snapshot(self, snapshot: Snapshot) -> Checker:
        """A checker for a changed snapshot that shares the documents parsed so far."""
        return Checker(snapshot, self._parsed)

    def check(self, requirement: Requirement) -> Check:
        """What the evaluator says of one requirement."""
        policies = self.policies(requirement)
        verdict = evaluate(self.request(requirement), policies, partial=True)
        if requirement.unresolved and not _whatever_resource(verdict, policies, requirement.action):
            # The resource is not known to the letter, so that no policy matches proves nothing.
            parts = tuple(Dependency("variable", each, EMPTY) for each in requirement.unresolved)
            verdict = Verdict(Decision.UNKNOWN, (), (), parts)
        return Check(requirement, verdict)

    def decision(self, requirement: Requirement) -> Decision:
        """The bare decision, for the many requests of a proof."""
        return decide(self.request(requirement), self.policies(requirement), partial=True)

    def check_all(self, requirements: Iterable[Requirement]) -> tuple[Check, ...]:
        return tuple(self.check(requirement) for requirement in requirements)

    def request(self, requirement: Requirement) -> Request:
        """The requirement as a request, for the role rather than a session of it."""
        return Request(
            principal=role_of(requirement.principal),
            action=requirement.action,
            resource=requirement.resource,
            resource_account=self.owner(requirement) or None,
            context=requirement.context,
            unknown=requirement.unknown - _SAID_BY_ARN,
        )

    def owner(self, requirement: Requirement) -> str:
        """The account that owns the resource, "" when nobody knows."""
        if requirement.resource_account:
            return requirement.resource_account
        if account := account_of(requirement.resource):
            return account
        bucket = self.snapshot.bucket(bucket_of(requirement.resource))
        return bucket.value.account if bucket.value is not None else ""

    def policies(self, requirement: Requirement) -> Policies:
        """Every policy that has a say in the requirement; the same for all actions of a service."""
        action, principal = requirement.action.lower(), role_of(requirement.principal)
        service = "assume" if action in ASSUME else action.partition(":")[0]
        owner = self.owner(requirement)
        key = (principal, service, requirement.resource, owner, requirement.vpc_id)
        found = self._policies.get(key)
        if found is None:
            found = self._policies[key] = self._read_policies(requirement, principal, owner)
        return found

    def _read_policies(self, requirement: Requirement, principal: str, owner: str) -> Policies:
        account = account_of(principal)
        mine = self._identity(principal)
        is_bucket = requirement.action.lower().startswith("s3:")
        is_key = requirement.action.lower().startswith("kms:")
        return replace(
            mine,
            resource=self._resource(requirement.action, requirement.resource)
            or _share(requirement.resource, account),
            vpce=self._endpoints(requirement),
            scps=self._of_organisation(account, "scps") if account else (),
            rcps=self._of_organisation(owner, "rcps"),
            grants=self._grants(requirement.resource) if is_key else (),
            public_access_block=self._public_access(requirement.resource) if is_bucket else None,
            management_account=self._manages(account),
            resource_in_management_account=self._manages(owner),
        )

    def document(self, text: PolicyText, name: str, kind: PolicyKind) -> Document:
        """A parsed document; the same text under the same name is parsed once."""
        key = (name, kind, text)
        found = self._parsed.get(key)
        if found is None:
            found = self._parsed[key] = parse(text, name=name, kind=kind)
        return found

    # --- identity ------------------------------------------------------------------------------

    def _identity(self, principal: str) -> Policies:
        found = self._identities.get(principal)
        if found is None:
            found = self._identities[principal] = self._read_identity(principal)
        return found

    def _read_identity(self, principal: str) -> Policies:
        if not principal.startswith("arn:") or ":root" in principal:
            return Policies()
        reading: Reading[Role] | Reading[User] = (
            self.snapshot.user(principal)
            if ":user/" in principal
            else find_role(self.snapshot, principal)
        )
        if reading.state is State.UNREADABLE:
            gap = Unreadable(principal, reading.why)
            return Policies(identity=(gap,), boundaries=(gap,))
        if reading.value is None:
            return Policies()
        return Policies(
            identity=self._attached(reading.value.policies, principal, PolicyKind.IDENTITY),
            boundaries=self._boundary(reading.value.boundary, principal),
        )

    def _attached(
        self, policies: Reading[tuple[NamedPolicy, ...]], owner: str, kind: PolicyKind
    ) -> tuple[Policy, ...]:
        if policies.state is State.UNREADABLE:
            return (Unreadable(owner, policies.why),)
        return tuple(self._named(policy, kind) for policy in policies.value or ())

    def _named(self, policy: NamedPolicy, kind: PolicyKind) -> Policy:
        name = policy.arn or policy.name
        if policy.document.value is None:
            return Unreadable(name, policy.document.why or "the document is gone")
        return self.document(policy.document.value, name, kind)

    def _boundary(self, boundary: Reading[NamedPolicy], owner: str) -> tuple[Policy, ...] | None:
        if boundary.state is State.UNREADABLE:
            return (Unreadable(f"permissions boundary of {owner}", boundary.why),)
        return (
            None if boundary.value is None else (self._named(boundary.value, PolicyKind.BOUNDARY),)
        )

    # --- resources -----------------------------------------------------------------------------

    def _resource(self, action: str, resource: str) -> Policy | None:
        lower = action.lower()
        service = lower.partition(":")[0]
        if parse_arn(resource) is None:
            return None  # an action on no resource in particular asks no resource's policy
        if (
            lower not in ASSUME
            and service not in ("s3", "kms", *_WITH_RESOURCE_POLICY)
            and resource not in self.snapshot.policies
        ):
            return None
        key = (service, bucket_of(resource) if service == "s3" else resource)
        if key not in self._resources:
            self._resources[key] = self._read_resource(lower, resource)
        return self._resources[key]

    def _read_resource(self, action: str, resource: str) -> Policy | None:
        reading, kind = resource_policy(self.snapshot, action, resource)
        name = bucket_of(resource) if kind is PolicyKind.BUCKET else resource
        if reading.state is State.UNREADABLE:
            return Unreadable(name, reading.why)
        return None if reading.value is None else self.document(reading.value, name, kind)

    def _grants(self, resource: str) -> tuple[Grant, ...] | Unreadable:
        key = self.snapshot.key(resource)
        if key.state is State.UNREADABLE or (
            key.value is not None and key.value.grants.state is State.UNREADABLE
        ):
            why = key.why if key.value is None else key.value.grants.why
            return Unreadable(f"grants of {resource}", why)
        if key.value is None:
            return ()
        return tuple(
            Grant(
                grantee=grant.grantee,
                operations=frozenset(grant.operations),
                key=key.value.arn,
                name=grant.id,
                encryption_context_equals=grant.encryption_context_equals or None,
                encryption_context_subset=grant.encryption_context_subset or None,
            )
            for grant in key.value.grants.value or ()
        )

    def _public_access(self, resource: str) -> PublicAccessBlock | Unreadable | None:
        bucket = self.snapshot.bucket(bucket_of(resource)).value
        if bucket is None or bucket.public_access_block.value is None:
            # Not known counts as not set: it can only take public access away, which no part of
            # a pipeline needs, and `faults` reports a public policy by itself.
            return None
        block = bucket.public_access_block.value
        return PublicAccessBlock(
            block.block_public_acls,
            block.ignore_public_acls,
            block.block_public_policy,
            block.restrict_public_buckets,
        )

    # --- the organisation and the network ------------------------------------------------------

    def _of_organisation(self, account: str, which: str) -> tuple[Level, ...]:
        key = (account, which)
        if key not in self._levels:
            self._levels[key] = self._read_levels(account, which)
        return self._levels[key]

    def _read_levels(self, account: str, which: str) -> tuple[Level, ...]:
        name = f"{which[:3].upper()}s of account {account or '(unknown)'}"
        membership = self.snapshot.membership(account) if account else unreadable("owner unknown")
        if membership.state is State.UNREADABLE:
            return (Level(name, (Unreadable(name, membership.why),)),)
        if membership.value is None:
            return ()
        levels: Reading[tuple[PolicyLevel, ...]] = getattr(membership.value, which)
        if levels.state is State.UNREADABLE:
            return (Level(name, (Unreadable(name, levels.why),)),)
        kind = PolicyKind.SCP if which == "scps" else PolicyKind.RCP
        return tuple(
            Level(level.target, self._attached(level.policies, f"{name} at {level.target}", kind))
            for level in levels.value or ()
        )

    def _manages(self, account: str) -> bool:
        membership = self.snapshot.memberships.get(account)
        value: Membership | None = membership.value if membership is not None else None
        return value is not None and value.management

    def _endpoints(self, requirement: Requirement) -> tuple[Policy, ...]:
        if not requirement.vpc_id:
            return ()
        reading = self.snapshot.description(requirement.vpc_id)
        name = f"endpoints of {requirement.vpc_id}"
        if reading.state is State.UNREADABLE:
            return (Unreadable(name, reading.why),)
        service = requirement.action.lower().partition(":")[0]
        wanted = _ENDPOINTS.get(service, (service,))
        found: list[Policy] = []
        for endpoint in (reading.value or {}).get("VpcEndpoints", ()):
            short = str(endpoint.get("ServiceName", "")).split(".", 3)[-1]
            text = endpoint.get("PolicyDocument")
            if short in wanted and isinstance(text, str):
                id = str(endpoint.get("VpcEndpointId", name))
                found.append(self.document(text, id, PolicyKind.VPCE))
        # Two endpoints of a service: the request passes one of them, and nobody knows which.
        return (
            tuple(found[:1])
            if len({each.text for each in found if isinstance(each, Document)}) < 2
            else (Unreadable(name, f"{len(found)} endpoints of {service} have different policies"),)
        )


def settled(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Of the alternatives of one need only those that come closest to being allowed.

    One of several is enough: while one is allowed or may be, the others deny nothing.
    """
    kept = tuple(checks)
    best: dict[tuple[str, ...], int] = {}
    for check in kept:
        if check.requirement.alternative:
            key = _alternative(check)
            best[key] = min(best.get(key, len(_CLOSENESS)), _closeness(check))
    return tuple(
        check
        for check in kept
        if not check.requirement.alternative or _closeness(check) <= best[_alternative(check)]
    )


_CLOSENESS = {
    Decision.ALLOWED: 0,
    Decision.UNKNOWN: 1,
    Decision.IMPLICIT_DENY: 2,
    Decision.EXPLICIT_DENY: 2,
}


def _closeness(check: Check) -> int:
    return _CLOSENESS[check.verdict.decision]


def _alternative(check: Check) -> tuple[str, ...]:
    need = check.requirement
    return (need.alternative, need.principal, need.resource, need.stage, need.pipeline_action)


def _share(resource: str, account: str) -> Unreadable | None:
    """What lets another account use a connection: a share of AWS RAM, which nobody reads here.

    https://docs.aws.amazon.com/dtconsole/latest/userguide/connections-share.html
    """
    arn = parse_arn(resource)
    if arn is None or arn.service != "codeconnections" or account in ("", arn.account):
        return None
    return Unreadable(f"resource share of {resource}", "shares of AWS RAM are not read")
