"""Service and resource control policies, level by level, and all the ways not to know them."""

from __future__ import annotations

import json
import time

import pytest

from tests.aws.cloud import Call, Cloud
from tests.aws.conftest import MANAGEMENT, PIPELINES, REGION, WORKLOAD
from workers.aws.calls import Calls, Chain
from workers.aws.documents import Home
from workers.aws.organisations import ask_ahead
from workers.aws.organisations import read as read_kind
from workers.aws.sessions import Sessions
from workers.settings import Settings, validate
from workers.snapshot.model import Kind, Membership, Reading, Reference, State

DENY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "codebuild:*", "Resource": "*"}],
    }
)


@pytest.fixture
def settings() -> Settings:
    return validate(
        {
            "defaults": {"regions": [REGION], "external_id": "our-external-id"},
            "accounts": [
                {"id": PIPELINES, "alias": "pipelines"},
                {"id": WORKLOAD, "alias": "workload"},
            ],
            "organisation": {"account": MANAGEMENT, "read_role": "pipeline-access-organisation"},
        },
        "test.toml",
    )


class Tree:
    """An organisation whose answers are set by hand, four levels deep:
    root r-1 > unit ou-1 > unit ou-2 > the pipelines' account; the workload's is under the root."""

    def __init__(self) -> None:
        self.parents = {PIPELINES: "ou-2", "ou-2": "ou-1", "ou-1": "r-1", WORKLOAD: "r-1"}
        self.attached = {"r-1": ["p-full"], "ou-1": ["p-full", "p-deny"], "ou-2": ["p-full"]}
        self.types = ["SERVICE_CONTROL_POLICY"]

    def parent(self, call: Call) -> dict[str, object]:
        parent = self.parents[json.loads(call.body)["ChildId"]]
        kind = "ROOT" if parent.startswith("r-") else "ORGANIZATIONAL_UNIT"
        return {"Parents": [{"Id": parent, "Type": kind}]}

    def policies(self, call: Call) -> dict[str, object]:
        asked = json.loads(call.body)
        ids = self.attached.get(asked["TargetId"], ["p-full"])
        return {
            "Policies": [
                {"Id": id, "Name": id, "Arn": f"arn:aws:organizations::{MANAGEMENT}:policy/{id}"}
                for id in ids
            ]
        }

    def policy(self, call: Call) -> dict[str, object]:
        id = json.loads(call.body)["PolicyId"]
        return {"Policy": {"Content": DENY if id == "p-deny" else '{"Statement":[]}'}}

    def roots(self, call: Call) -> dict[str, object]:
        types = [{"Type": each, "Status": "ENABLED"} for each in self.types]
        return {"Roots": [{"Id": "r-1", "PolicyTypes": types}]}


@pytest.fixture
def tree(cloud: Cloud) -> Tree:
    tree = Tree()
    organisation = {"Organization": {"Id": "o-acme", "MasterAccountId": MANAGEMENT}}
    cloud.answer("organizations", "DescribeOrganization", organisation)
    cloud.answer("organizations", "ListParents", tree.parent)
    cloud.answer("organizations", "ListPoliciesForTarget", tree.policies)
    cloud.answer("organizations", "DescribePolicy", tree.policy)
    cloud.answer("organizations", "ListRoots", tree.roots)
    return tree


def read(calls: Calls, account: str = PIPELINES) -> Reading[Membership]:
    reference = Reference(Kind.MEMBERSHIP, account, account)
    (entry,) = read_kind(Chain(calls), reference, Home(PIPELINES, REGION))
    assert (entry.map, entry.id) == ("memberships", account)
    reading: Reading[Membership] = entry.reading
    return reading


def test_every_level_is_read_from_the_root_down(
    cloud: Cloud, sessions: Sessions, tree: Tree
) -> None:
    with Calls(sessions) as calls:
        found = read(calls).require()

    assert (found.organisation, found.management) == ("o-acme", False)
    levels = found.scps.require()
    assert [level.target for level in levels] == ["r-1", "ou-1", "ou-2", PIPELINES]
    assert [policy.name for policy in levels[1].policies.require()] == ["p-full", "p-deny"]
    assert levels[1].policies.require()[1].document.require() == DENY
    # Resource control policies are not enabled in this organisation: they have no say.
    assert found.rcps.state is State.ABSENT
    (assumed,) = cloud.made("sts", "AssumeRole")
    assert "pipeline-access-organisation" in assumed.body


def test_what_two_accounts_share_is_asked_for_once(
    cloud: Cloud, sessions: Sessions, tree: Tree
) -> None:
    tree.types.append("RESOURCE_CONTROL_POLICY")
    with Calls(sessions) as calls:
        first, second = read(calls).require(), read(calls, WORKLOAD).require()
    assert [level.target for level in second.scps.require()] == ["r-1", WORKLOAD]
    assert len(first.rcps.require()) == 4
    asked = [call.identity for call in cloud.made("organizations")]
    assert len(asked) == len(set(asked))
    assert len(cloud.made("organizations", "DescribePolicy")) == 2


@pytest.mark.parametrize(
    ("named", "asked_ahead"), [(None, "DescribePolicy"), (PIPELINES, "ListParents")]
)
def test_what_needs_no_pipeline_is_read_while_it_is_looked_for(
    cloud: Cloud, sessions: Sessions, tree: Tree, named: str | None, asked_ahead: str
) -> None:
    with Calls(sessions) as calls:
        ask_ahead(Chain(calls), named)
        until = time.monotonic() + 30
        while not cloud.made("organizations", asked_ahead):
            assert time.monotonic() < until, "nobody asked"
            time.sleep(0.01)
        assert named or cloud.made("organizations", "ListParents") == []
        found = read(calls).require()

    assert [level.target for level in found.scps.require()] == ["r-1", "ou-1", "ou-2", PIPELINES]
    asked = [call.identity for call in cloud.made("organizations")]
    assert len(asked) == len(set(asked)), "nothing is asked again"


def test_a_level_that_is_refused_is_the_only_one_unknown(
    cloud: Cloud, sessions: Sessions, tree: Tree
) -> None:
    cloud.refuse(
        "organizations",
        "ListPoliciesForTarget",
        code="AccessDeniedException",
        status=400,
        when=lambda call: "ou-1" in call.body,
    )
    with Calls(sessions) as calls:
        levels = read(calls).require().scps.require()
    assert [level.policies.known for level in levels] == [True, False, True, True]
    assert "deploy/aws/organisation-role.yaml" in levels[1].policies.why


def test_an_organisation_that_refuses_all_is_unknown_and_says_what_to_deploy(
    cloud: Cloud, sessions: Sessions, tree: Tree
) -> None:
    for operation in ("ListParents", "ListRoots", "ListPoliciesForTarget"):
        cloud.refuse("organizations", operation, code="AccessDeniedException", status=400)
    with Calls(sessions) as calls:
        found = read(calls)
    assert found.state is State.UNREADABLE
    assert "may not organizations:ListParents on the parent of 111111111111" in found.why
    assert "deploy/aws/organisation-role.yaml" in found.why


def test_an_account_in_no_organisation_is_absent(
    cloud: Cloud, sessions: Sessions, tree: Tree
) -> None:
    cloud.refuse("organizations", "ListParents", code="ChildNotFoundException", status=400)
    cloud.refuse(
        "organizations",
        "DescribeOrganization",
        code="AWSOrganizationsNotInUseException",
        status=400,
    )
    with Calls(sessions) as calls:
        assert read(calls).state is State.ABSENT


def test_an_account_of_another_organisation_is_unknown(
    cloud: Cloud, sessions: Sessions, tree: Tree
) -> None:
    cloud.refuse("organizations", "ListParents", code="ChildNotFoundException", status=400)
    with Calls(sessions) as calls:
        found = read(calls).require()
    assert found.scps.state is State.UNREADABLE
    assert f"not in the organisation of account {MANAGEMENT}" in found.scps.why


def test_without_a_configured_organisation_the_account_tells_whether_it_has_one(
    cloud: Cloud, settings: Settings, tree: Tree
) -> None:
    sessions = Sessions(settings.model_copy(update={"organisation": None}), attempts=2)
    with Calls(sessions) as calls:
        found = read(calls).require()
    assert found.organisation == "o-acme"
    assert "the configuration names no [organisation] account" in found.scps.why

    cloud.refuse(
        "organizations",
        "DescribeOrganization",
        code="AWSOrganizationsNotInUseException",
        status=400,
    )
    with Calls(sessions) as calls:
        assert read(calls).state is State.ABSENT


def test_the_management_account_knows_itself(cloud: Cloud, settings: Settings, tree: Tree) -> None:
    tree.parents[MANAGEMENT] = "r-1"
    with Calls(Sessions(settings, attempts=2)) as calls:
        assert read(calls, MANAGEMENT).require().management is True
