"""Access that nobody should be given as a whole: fixes keep the conditions of AWS's own examples.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-EC2Deploy.html
https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html
"""

from __future__ import annotations

import json
from typing import Any

from tests.diagnosis.examine import examine
from workers.diagnosis.model import FixKind

HOME, REGION = "111111111111", "us-east-1"
SERVICE_ROLE = f"arn:aws:iam::{HOME}:role/PipelineRole"
BUILD_ROLE = f"arn:aws:iam::{HOME}:role/BuildRole"


def role(service: str, *statements: dict[str, Any]) -> dict[str, Any]:
    trusted = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {
        "policies": {"own": {"Version": "2012-10-17", "Statement": list(statements)}},
        "boundary": None,
        "trust": {"Version": "2012-10-17", "Statement": [trusted]},
    }


def allow(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def action(provider: str, category: str, configuration: dict[str, str]) -> dict[str, Any]:
    type = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {
        "stage": category,
        "action": provider,
        "actionTypeId": type,
        "configuration": configuration,
    }


def snapshot(roles: dict[str, Any], *actions: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {
        "pipeline": {
            "name": "demo",
            "account": HOME,
            "region": REGION,
            "roleArn": SERVICE_ROLE,
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "stages": list(actions),
        },
        "roles": roles,
        "buckets": {"artifacts": {"account": HOME, "policy": None, "encryption_key": None}},
        "memberships": {HOME: None},
        **parts,
    }


def given(world: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """The statements with which the fix gives an action."""
    report = examine(json.dumps(world))
    found = next(each for each in report.findings if action in each.actions)
    assert found.fix is not None
    assert found.fix.kind is FixKind.APPLY
    assert found.fix.proven
    statements = json.loads(found.fix.steps[0].after)["Statement"]
    return [each for each in statements if action in each["Action"]]


def test_commands_run_on_the_instances_with_the_tag_and_no_others() -> None:
    configuration = {"InstanceTagKey": "env", "InstanceTagValue": "prod", "InstanceType": "EC2"}
    world = snapshot(
        {
            SERVICE_ROLE: role(
                "codepipeline.amazonaws.com",
                allow("s3:*", "logs:*", "ec2:DescribeInstances", "ssm:Describe*", "ssm:List*"),
            )
        },
        action("EC2", "Deploy", configuration),
        descriptions={"tag:env=prod": {"InstanceProfileArns": []}},
    )
    statements = sorted(given(world, "ssm:SendCommand"), key=lambda each: str(each["Resource"]))
    on_instances, on_documents = statements
    assert on_instances["Resource"] == f"arn:aws:ec2:{REGION}:{HOME}:instance/*"
    assert on_instances["Condition"] == {"StringEquals": {"aws:ResourceTag/env": "prod"}}
    assert on_documents["Resource"] == f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript"


def test_a_build_joins_its_own_subnets_with_its_own_groups() -> None:
    """EC2 decides on network interface, subnet and security groups alike.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
    """
    project = f"arn:aws:codebuild:{REGION}:{HOME}:project/app"
    world = snapshot(
        {
            SERVICE_ROLE: role("codepipeline.amazonaws.com", allow("s3:*", "codebuild:*")),
            BUILD_ROLE: role("codebuild.amazonaws.com", allow("s3:*", "logs:*")),
        },
        action("CodeBuild", "Build", {"ProjectName": "app"}),
        projects={
            project: {
                "service_role": BUILD_ROLE,
                "vpc_id": "vpc-1",
                "subnets": ["subnet-1", "subnet-2"],
                "security_groups": ["sg-1"],
            }
        },
        descriptions={"vpc-1": {"VpcEndpoints": []}},
    )
    start = f"arn:aws:ec2:{REGION}:{HOME}:"
    reached = {
        resource
        for each in given(world, "ec2:CreateNetworkInterface")
        for resource in (
            [each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"]
        )
    }
    assert reached == {
        f"{start}network-interface/*",
        f"{start}subnet/subnet-1",
        f"{start}subnet/subnet-2",
        f"{start}security-group/sg-1",
    }
    (permission,) = given(world, "ec2:CreateNetworkInterfacePermission")
    assert permission["Condition"] == {
        "StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"},
        "ArnEquals": {"ec2:Subnet": [f"{start}subnet/subnet-1", f"{start}subnet/subnet-2"]},
    }


def test_a_role_is_passed_to_a_service_that_is_known_or_nothing_is_applied() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""
    world = snapshot(
        {SERVICE_ROLE: role("codepipeline.amazonaws.com", allow("s3:*", "codebuild:*"))},
        action("CodeBuild", "Build", {"ProjectName": "app"}),
        errors=[
            f"User: {SERVICE_ROLE} is not authorized to perform: iam:PassRole on resource: "
            f"arn:aws:iam::{HOME}:role/admin because no identity-based policy allows the "
            "iam:PassRole action"
        ],
    )
    report = examine(json.dumps(world))
    found = next(each for each in report.findings if each.action == "iam:PassRole")
    assert found.fix is not None
    assert found.fix.kind is FixKind.INSTRUCTIONS
    assert found.fix.steps == ()
    statement = json.loads(found.fix.instructions[found.fix.instructions.index("{") :])
    assert statement["Resource"] == f"arn:aws:iam::{HOME}:role/admin"
    passed = statement["Condition"]["StringEquals"]["iam:PassedToService"]
    assert passed == "<service>.amazonaws.com"
