"""Single mutations of healthy snapshots, made on the JSON: each breaks one access, or none.

A mutation knows what it broke because it is made for one request that the pipeline needs: it takes
that request's permission away, and no other one's.
"""

from __future__ import annotations

import copy
import fnmatch
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.diagnosis.examine import known, snapshot_of
from workers.pipeline.requirement import Part, Requirement, Strength
from workers.pipeline.requirements import requirements

Json = dict[str, Any]
OTHER_ACCOUNT = "999999999999"


@dataclass(frozen=True)
class Mutation:
    """What was done to a snapshot, for whom, and where the diagnosis has to point."""

    source: str
    done: str
    principal: str
    action: str
    resource: str
    snapshot: Json
    component: str
    decision: str
    fixable: bool
    layer: str

    @property
    def id(self) -> str:
        name = self.principal.rsplit("/", 1)[-1][-24:]
        return f"{self.source}: {self.done} {self.action} of {name}"


COMPONENTS = {Part.SERVICE_ROLE: "service_role", Part.BUILD_ROLE: "build_role"}


def needed(snapshot: Json) -> tuple[Requirement, ...]:
    """The requests of roles that must be allowed, each once and without alternatives."""
    found: dict[tuple[str, str, str], Requirement] = {}
    for need in requirements(snapshot_of(snapshot), known()):
        if need.strength is Strength.DOCUMENTED or need.alternative or need.part is Part.SERVICE:
            continue
        if need.unresolved:
            continue
        if need.principal in snapshot["roles"]:
            found.setdefault((need.principal, need.action, need.shown), need)
    return tuple(found.values())


def mutations(source: str, healthy: Json) -> Iterator[Mutation]:
    """One mutation for each needed request; the ways of breaking it take turns."""
    needs = needed(healthy)
    for number, need in enumerate(needs):
        for turn in range(len(WAYS)):
            way = WAYS[(number + turn) % len(WAYS)]
            if way in OF_IDENTITY and named_by_resource(healthy, need):
                continue
            broken = copy.deepcopy(healthy)
            outcome = way(broken, need, needs)
            if outcome is not None:
                done, component, decision, fixable, layer = outcome
                yield Mutation(
                    source,
                    done,
                    need.principal,
                    need.action,
                    need.shown,
                    broken,
                    component,
                    decision,
                    fixable,
                    layer,
                )
                break


Outcome = tuple[str, str, str, bool, str] | None
Way = Callable[[Json, Requirement, tuple[Requirement, ...]], Outcome]


def component(need: Requirement) -> str:
    return COMPONENTS.get(need.part, "action_role")


def policies(snapshot: Json, principal: str) -> Iterator[Json]:
    yield from _documents(snapshot["roles"][principal])


def _documents(role: Json) -> Iterator[Json]:
    """The documents of a role, whose policies stand by name or in a list."""
    written = role["policies"]
    for policy in written.values() if isinstance(written, dict) else written:
        document = policy.get("document", policy)
        if "Statement" in document:
            yield document


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(document: Json) -> list[Json]:
    document["Statement"] = listed(document["Statement"])
    found: list[Json] = document["Statement"]
    return found


def covers(patterns: Any, action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), each.lower()) for each in listed(patterns))


def granting(snapshot: Json, need: Requirement) -> list[Json]:
    """The Allow statements of the principal that take in the action."""
    return [
        each
        for document in policies(snapshot, need.principal)
        for each in statements(document)
        if each["Effect"] == "Allow" and "Action" in each and covers(each["Action"], need.action)
    ]


def without_action(snapshot: Json, need: Requirement, needs: tuple[Requirement, ...]) -> Outcome:
    """The action is taken out; what else a wildcard stood for is written out in its place."""
    for document in policies(snapshot, need.principal):
        kept = []
        for each in statements(document):
            if each["Effect"] == "Allow" and covers(each.get("Action", ()), need.action):
                others = {
                    other.action
                    for other in needs
                    if other.principal == need.principal
                    and other.action != need.action
                    and covers(each["Action"], other.action)
                }
                plain = {a for a in listed(each["Action"]) if not covers(a, need.action)}
                if not others | plain:
                    continue
                each["Action"] = sorted(others | plain)
            kept.append(each)
        document["Statement"] = kept or [
            {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
        ]
    return "without", component(need), "implicitDeny", True, "identity"


def another_resource(snapshot: Json, need: Requirement, needs: tuple[Requirement, ...]) -> Outcome:
    """The statements are for a resource of another account or name."""
    del needs
    if need.resource == "*":
        return None
    for each in granting(snapshot, need):
        each["Resource"] = [_renamed(text) for text in listed(each["Resource"])]
    return "another resource for", component(need), "implicitDeny", True, "identity"


def _renamed(text: str) -> str:
    parts = text.split(":", 5)
    if len(parts) < 6:
        return f"arn:aws:nothing::{OTHER_ACCOUNT}:at-all"
    if parts[4]:
        parts[4] = OTHER_ACCOUNT
        return ":".join(parts)
    return ":".join([*parts[:5], f"renamed-{parts[5]}"])


def impossible_condition(
    snapshot: Json, need: Requirement, needs: tuple[Requirement, ...]
) -> Outcome:
    del needs
    for each in granting(snapshot, need):
        each["Condition"] = {"StringEquals": {"aws:PrincipalAccount": OTHER_ACCOUNT}}
    return "an impossible condition on", component(need), "implicitDeny", True, "identity"


def explicit_deny(snapshot: Json, need: Requirement, needs: tuple[Requirement, ...]) -> Outcome:
    del needs
    document = next(policies(snapshot, need.principal), None)
    if document is None:
        return None
    statements(document).append(_deny(need))
    return "a deny of", component(need), "explicitDeny", False, "identity"


def boundary(snapshot: Json, need: Requirement, needs: tuple[Requirement, ...]) -> Outcome:
    """A boundary with everything but the action."""
    del needs
    snapshot["roles"][need.principal]["boundary"] = {
        "Boundary": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "NotAction": need.action, "Resource": "*"}],
        }
    }
    return "a boundary without", component(need), "implicitDeny", False, "boundary"


def scp(snapshot: Json, need: Requirement, needs: tuple[Requirement, ...]) -> Outcome:
    del needs
    account = need.principal.split(":")[4]
    full = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
    levels = [
        {"target": "r-root", "policies": {"FullAWSAccess": full}},
        {"target": account, "policies": {"FullAWSAccess": full, "Guardrail": {
            "Version": "2012-10-17", "Statement": [_deny(need) | {"Resource": "*"}]}}},
    ]  # fmt: skip
    snapshot["memberships"][account] = {"organisation": "o-example", "scps": levels, "rcps": []}
    return "an SCP against", "scp", "explicitDeny", False, "scp"


def _deny(need: Requirement) -> Json:
    return {
        "Sid": "Forbidden",
        "Effect": "Deny",
        "Action": need.action,
        "Resource": need.resource,
    }


WAYS: tuple[Way, ...] = (
    without_action,
    another_resource,
    explicit_deny,
    impossible_condition,
    boundary,
    scp,
)
OF_IDENTITY = (without_action, another_resource, impossible_condition)


def named_by_resource(snapshot: Json, need: Requirement) -> bool:
    """Whether the policy of the resource names the role, which is enough inside one account.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    """
    if need.principal.split(":")[4] != need.resource_account:
        return False
    bucket = need.resource.split(":::")[-1].split("/")[0]
    document = (
        snapshot.get("buckets", {}).get(bucket, {}).get("policy")
        or snapshot.get("keys", {}).get(need.resource, {}).get("policy")
        or (
            need.action == "sts:AssumeRole"
            and snapshot["roles"].get(need.resource, {}).get("trust")
        )
        or {"Statement": []}
    )
    return any(
        each["Effect"] == "Allow" and need.principal in json.dumps(each.get("Principal"))
        for each in statements(document)
    )


# --- mutations that break nothing --------------------------------------------------------------


def harmless(healthy: Json) -> Iterator[tuple[str, Json]]:
    """What people do to policies that changes no decision."""
    for name, change in HARMLESS.items():
        changed = copy.deepcopy(healthy)
        change(changed)
        yield name, changed


def _each_document(snapshot: Json) -> Iterator[Json]:
    for role in snapshot["roles"].values():
        yield from _documents(role)


def _reordered(snapshot: Json) -> None:
    for document in _each_document(snapshot):
        statements(document).reverse()


def _twice(snapshot: Json) -> None:
    for document in _each_document(snapshot):
        document["Statement"] = [
            {key: value for key, value in each.items() if key != "Sid"}
            for each in statements(document) * 2
        ]


def _lists(snapshot: Json) -> None:
    for document in _each_document(snapshot):
        for each in statements(document):
            each["Resource"] = listed(each["Resource"])
            if "Action" in each:
                each["Action"] = listed(each["Action"])


def _upper_case(snapshot: Json) -> None:
    for document in _each_document(snapshot):
        for each in statements(document):
            if "Action" in each:
                each["Action"] = [
                    action.split(":")[0].upper() + ":" + action.split(":")[1].upper()
                    if ":" in action
                    else action
                    for action in listed(each["Action"])
                ]


def _denies_something_else(snapshot: Json) -> None:
    for document in _each_document(snapshot):
        statements(document).append(
            {"Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"}
        )


def _denies_elsewhere(snapshot: Json) -> None:
    for document in _each_document(snapshot):
        statements(document).append(
            {
                "Effect": "Deny",
                "Action": "*",
                "Resource": f"arn:aws:s3:::bucket-of-{OTHER_ACCOUNT}/*",
            }
        )


def _denies_insecure(snapshot: Json) -> None:
    for document in _each_document(snapshot):
        statements(document).append(
            {"Effect": "Deny", "Action": "*", "Resource": "*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        )  # fmt: skip


def _everything_more(snapshot: Json) -> None:
    for role in snapshot["roles"].values():
        for document in _documents(role):
            statements(document).append({"Effect": "Allow", "Action": "*", "Resource": "*"})


def _wide_boundary(snapshot: Json) -> None:
    for role in snapshot["roles"].values():
        role["boundary"] = {
            "Wide": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
            }
        }


def _a_stranger(snapshot: Json) -> None:
    snapshot["roles"][f"arn:aws:iam::{OTHER_ACCOUNT}:role/Stranger"] = {
        "trust": {"Version": "2012-10-17", "Statement": []},
        "policies": {},
        "boundary": None,
    }


HARMLESS: dict[str, Callable[[Json], None]] = {
    "statements in another order": _reordered,
    "every statement twice": _twice,
    "lists for single values": _lists,
    "actions in capitals": _upper_case,
    "a deny of something else": _denies_something_else,
    "a deny elsewhere": _denies_elsewhere,
    "a deny of insecure transport": _denies_insecure,
    "more than is needed": _everything_more,
    "a boundary that allows everything": _wide_boundary,
    "a role that has no part in it": _a_stranger,
}


def loaded(text: str) -> Json:
    value: Json = json.loads(text)
    return value
