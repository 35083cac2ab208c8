"""Every healthy pipeline with one statement, or one action of one, taken out of one document.

What must follow is worked out here by patterns alone, without the evaluator: the statement that is
the only one to fit a needed request is missed, by name; one that fits no needed request is not.
Of what lies between (two statements that overlap) only the weaker half is asked: if something is
missed, it is missed there.
"""

from __future__ import annotations

import copy
import fnmatch
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.diagnosis.examine import HEALTHY, examine, known, snapshot_of, told
from workers.diagnosis.model import Finding, Outcome
from workers.pipeline.requirement import Requirement, Strength
from workers.pipeline.requirements import requirements

Json = dict[str, Any]
MOST = 900  # of the removals, evenly spread over all of them


@dataclass(frozen=True)
class Removal:
    """What was taken out of which document, and the requests that it alone can have allowed."""

    source: str
    place: tuple[str, ...]  # the way to the document in the snapshot
    index: int  # of the statement
    action: str | None  # None: the whole statement
    missed: tuple[Requirement, ...]  # surely missed now
    touched: tuple[Requirement, ...]  # perhaps missed now

    @property
    def id(self) -> str:
        where = " ".join((*self.place[:-1], self.place[-1])).replace("arn:aws:", "")[-60:]
        return f"{self.source}: {where} #{self.index} {self.action or ''}"

    @property
    def holder(self) -> str:
        return self.place[1]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def fits(patterns: Any, text: str) -> bool:
    return any(fnmatch.fnmatchcase(text.lower(), str(each).lower()) for each in listed(patterns))


def may_cover(statement: Json, need: Requirement, action: str | None = None) -> bool:
    """Whether an Allow can be what allows the request; conditions are taken to hold."""
    if statement["Effect"] != "Allow":
        return False
    if action is not None:
        by_action = fits(action, need.action)
    elif "Action" in statement:
        by_action = fits(statement["Action"], need.action)
    else:
        by_action = not fits(statement["NotAction"], need.action)
    if not by_action:
        return False
    if "Resource" in statement:
        return fits(statement["Resource"], need.resource)
    return "NotResource" not in statement or not fits(statement["NotResource"], need.resource)


def names(statement: Json, principal: str) -> bool:
    """Whether the Principal of a statement takes in a role or a service."""
    named = statement.get("Principal", {})
    if named == "*":
        return True
    account = principal.split(":")[4] if principal.startswith("arn:") else ""
    choices = [str(each) for value in named.values() for each in listed(value)]
    return any(
        each in ("*", principal, account) or each.endswith(f"::{account}:root")
        for each in choices
        if each
    )


def documents(snapshot: Json) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Every policy of a role, every trust, bucket and key policy, with the way to it."""
    for arn, role in snapshot.get("roles", {}).items():
        policies = role["policies"]
        for name in policies if isinstance(policies, dict) else range(len(policies)):
            held = policies[name]
            document = held.get("document", held)
            if "Statement" in document:
                yield ("roles", arn, "policies", str(name)), document
        if role.get("trust"):
            yield ("roles", arn, "trust"), role["trust"]
    for kind in ("buckets", "keys"):
        for id, thing in snapshot.get(kind, {}).items():
            if thing and thing.get("policy"):
                yield (kind, id, "policy"), thing["policy"]


def needed(snapshot: Json) -> list[Requirement]:
    return [
        need
        for need in requirements(snapshot_of(snapshot), known())
        if need.strength is not Strength.DOCUMENTED and (not need.unresolved or need.shown == "*")
    ]


def alternatives(need: Requirement, needs: list[Requirement]) -> list[Requirement]:
    """The requests of which one is enough, the given one among them."""
    if not need.alternative:
        return [need]
    return [
        each
        for each in needs
        if (each.alternative, each.principal, each.resource)
        == (need.alternative, need.principal, need.resource)
    ]


def concerned(place: tuple[str, ...], need: Requirement) -> bool:
    """Whether a document has a say in the request as the side that allows it."""
    kind, id = place[0], place[1]
    if kind == "buckets":
        return need.resource.split(":::")[-1].split("/")[0] == id and need.action.startswith("s3:")
    if kind == "keys":
        return need.resource == id
    if place[2] == "trust":
        return need.action == "sts:AssumeRole" and need.resource == id
    return need.principal == id


def covering(
    place: tuple[str, ...], statement: Json, need: Requirement, action: str | None = None
) -> bool:
    if not concerned(place, need) or not may_cover(statement, need, action):
        return False
    return place[2] == "policies" or names(statement, need.principal)


def suffices_elsewhere(
    place: tuple[str, ...], need: Requirement, everything: list[tuple[tuple[str, ...], Json]]
) -> bool:
    """Whether, inside one account, the other side may allow the request by itself.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    """
    if place[0] == "keys" or need.principal.split(":")[4:5] != [need.resource_account]:
        return False
    return any(
        covering(other, statement, need)
        for other, document in everything
        if (other[2] == "policies") is not (place[2] == "policies")
        for statement in listed(document["Statement"])
    )


def removals(source: str, snapshot: Json) -> Iterator[Removal]:
    everything, needs = list(documents(snapshot)), needed(snapshot)
    for place, document in everything:
        statements = listed(document["Statement"])
        beside = [
            (other, each)
            for other, held in everything
            if other[:3] == place[:3]
            for each in listed(held["Statement"])
        ]
        for index, statement in enumerate(statements):
            patterns = listed(statement["Action"]) if "Action" in statement else []
            for action in (None, *(patterns if len(patterns) > 1 else ())):
                touched = [need for need in needs if covering(place, statement, need, action)]
                left = [each for each in patterns if each != action] if action else []
                missed = tuple(
                    need
                    for need in touched
                    if not any(
                        fits(left, one.action)
                        or suffices_elsewhere(place, one, everything)
                        or any(
                            covering(other, each, one)
                            for other, each in beside
                            if each is not statement
                        )
                        for one in alternatives(need, needs)
                    )
                )
                yield Removal(source, place, index, action, missed, tuple(touched))


def without(snapshot: Json, removal: Removal) -> Json:
    changed = copy.deepcopy(snapshot)
    document = next(held for place, held in documents(changed) if place == removal.place)
    document["Statement"] = listed(document["Statement"])
    if removal.action is None:
        del document["Statement"][removal.index]
    else:
        statement = document["Statement"][removal.index]
        statement["Action"] = [each for each in statement["Action"] if each != removal.action]
    return changed


def leaves_a_stack_role_empty(snapshot: Json, removal: Removal) -> bool:
    """CloudFormation makes the template's resources with it. What they need nobody can say; that
    nothing is not enough, anybody can."""
    pipeline = snapshot["pipeline"]
    actions = [action for stage in pipeline["stages"] for action in stage["actions"]]
    if removal.holder not in [a.get("configuration", {}).get("RoleArn") for a in actions]:
        return False
    left = documents(without(snapshot, removal))
    return not any(
        statement["Effect"] == "Allow"
        for place, document in left
        if place[:3] == ("roles", removal.holder, "policies")
        for statement in document["Statement"]
    )


def about(found: Finding, need: Requirement) -> bool:
    return found.principal == need.principal and need.action in (found.action, *found.actions)


SNAPSHOTS: dict[str, Json] = {
    file.stem: json.loads(file.read_text("utf-8")) for file in sorted(HEALTHY.glob("*.json"))
}
ALL = [each for name, healthy in SNAPSHOTS.items() for each in removals(name, healthy)]
STEP = max(1, -(-len(ALL) // MOST))
CHOSEN = ALL[::STEP]


def test_every_kind_of_document_and_of_removal_is_among_them() -> None:
    assert len(CHOSEN) >= 400
    kinds = {(each.place[0], each.place[2]) for each in CHOSEN}
    assert kinds == {
        ("roles", "policies"),
        ("roles", "trust"),
        ("buckets", "policy"),
        ("keys", "policy"),
    }
    for kind in kinds:
        of_kind = [each for each in CHOSEN if (each.place[0], each.place[2]) == kind]
        assert any(each.missed for each in of_kind), kind
    assert {each.source for each in CHOSEN} == set(SNAPSHOTS)
    assert sum(not each.touched for each in CHOSEN) >= 100
    assert any(each.action for each in CHOSEN if each.missed)


@pytest.mark.parametrize("removal", CHOSEN, ids=lambda each: each.id)
def test_what_was_taken_away_is_what_is_missed(removal: Removal) -> None:
    report = examine(without(SNAPSHOTS[removal.source], removal))
    if not removal.touched:
        if leaves_a_stack_role_empty(SNAPSHOTS[removal.source], removal):
            assert report.outcome is Outcome.UNKNOWN, told(report)
            (found,) = report.findings
            assert found.principal == removal.holder
        else:
            assert report.outcome is Outcome.CLEAR, told(report)
        return
    for found in report.findings:
        assert any(about(found, need) for need in removal.touched), told(report)
        assert found.certainty == "proven"
        assert found.decision == "implicitDeny"
    for need in removal.missed:
        assert report.outcome is Outcome.BLOCKED
        assert any(about(found, need) for found in report.findings), told(report)
