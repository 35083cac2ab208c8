"""AWS's managed policies for CodePipeline, and what they really allow."""

from __future__ import annotations

import json
import re

import pytest

from workers.pipeline.managed import (
    Deprecated,
    ManagedPolicy,
    attached,
    deprecated_policy,
    managed_policies,
    managed_policy,
)
from workers.policy import Decision, Policies, PolicyKind, Request, evaluate, parse
from workers.snapshot.model import NamedPolicy, unreadable

USER = "arn:aws:iam::111111111111:user/ann"
PIPELINE = "arn:aws:codepipeline:eu-west-1:111111111111:payments"
STAGE = f"{PIPELINE}/Production"
ACTION = f"{STAGE}/Approve"
AWS = "arn:aws:iam::aws:policy"
OWN = "arn:aws:iam::111111111111:policy"


def decide(policy: str, action: str, resource: str, **context: str) -> Decision:
    known = managed_policy(policy)
    assert known is not None
    document = parse(known.document, name=policy, kind=PolicyKind.IDENTITY)
    keys = {key.replace("_", ":"): value for key, value in context.items()}
    request = Request(USER, action, resource, resource_account="111111111111", context=keys)
    return evaluate(request, Policies(identity=(document,))).decision


@pytest.mark.parametrize("policy", managed_policies(), ids=lambda policy: policy.name)
def test_every_document_is_a_policy_without_faults(policy: ManagedPolicy) -> None:
    document = parse(policy.document, name=policy.name, kind=PolicyKind.IDENTITY)
    assert json.loads(policy.document)["Version"] == "2012-10-17"
    assert not document.unreadable
    assert document.statements
    assert re.fullmatch(r"v\d+", policy.version)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", policy.date)
    assert policy.page.endswith(f"/{policy.name}.html")


@pytest.mark.parametrize(
    ("policy", "action", "resource", "allowed"),
    [
        # codepipeline/latest/userguide/managed-policies.html: who each policy is for
        ("AWSCodePipeline_FullAccess", "codepipeline:UpdatePipeline", PIPELINE, True),
        ("AWSCodePipeline_FullAccess", "codepipeline:PutApprovalResult", ACTION, True),
        ("AWSCodePipeline_FullAccess", "kms:Decrypt", "*", False),
        ("AWSCodePipeline_FullAccess", "codeconnections:PassConnection", "*", False),
        ("AWSCodePipeline_FullAccess", "s3:GetBucketPolicy", "arn:aws:s3:::codepipeline-x", True),
        ("AWSCodePipeline_FullAccess", "s3:GetBucketPolicy", "arn:aws:s3:::artifacts", False),
        ("AWSCodePipeline_FullAccess", "s3:PutObject", "arn:aws:s3:::codepipeline-x/o", False),
        ("AWSCodePipeline_ReadOnlyAccess", "codepipeline:GetPipelineState", PIPELINE, True),
        ("AWSCodePipeline_ReadOnlyAccess", "codepipeline:ListActionExecutions", PIPELINE, True),
        ("AWSCodePipeline_ReadOnlyAccess", "codepipeline:StartPipelineExecution", PIPELINE, False),
        ("AWSCodePipelineApproverAccess", "codepipeline:PutApprovalResult", ACTION, True),
        ("AWSCodePipelineApproverAccess", "codepipeline:RetryStageExecution", STAGE, False),
        ("AWSCodePipelineApproverAccess", "codepipeline:ListActionExecutions", PIPELINE, False),
        ("AWSCodePipelineCustomActionAccess", "codepipeline:PollForJobs", "*", True),
        ("AWSCodePipelineCustomActionAccess", "codepipeline:GetPipeline", PIPELINE, False),
    ],
)  # fmt: skip
def test_what_each_policy_allows(policy: str, action: str, resource: str, allowed: bool) -> None:
    expected = Decision.ALLOWED if allowed else Decision.IMPLICIT_DENY
    assert decide(policy, action, resource) is expected


@pytest.mark.parametrize(
    ("service", "allowed"), [("codepipeline.amazonaws.com", True), ("ecs.amazonaws.com", False)]
)
def test_full_access_passes_roles_to_codepipeline_only(service: str, allowed: bool) -> None:
    role = "arn:aws:iam::111111111111:role/Pipeline"
    decision = decide(
        "AWSCodePipeline_FullAccess", "iam:PassRole", role, iam_PassedToService=service
    )
    assert (decision is Decision.ALLOWED) is allowed


def test_names_and_arns_lead_to_the_policy() -> None:
    by_name = managed_policy("AWSCodePipelineApproverAccess")
    assert by_name is managed_policy("arn:aws:iam::aws:policy/AWSCodePipelineApproverAccess")
    assert by_name is not None
    assert by_name.arn("aws-cn") == "arn:aws-cn:iam::aws:policy/AWSCodePipelineApproverAccess"
    assert managed_policy("AdministratorAccess") is None
    assert managed_policy("AWSCodePipelineFullAccess") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("AWSCodePipelineFullAccess", "AWSCodePipeline_FullAccess"),
        ("AWSCodePipelineReadOnlyAccess", "AWSCodePipeline_ReadOnlyAccess"),
    ],
)
def test_replaced_names_lead_to_their_replacement(old: str, new: str) -> None:
    """codepipeline/latest/userguide/managed-policies.html, Important."""
    deprecated = deprecated_policy(f"arn:aws:iam::aws:policy/{old}")
    assert deprecated is not None
    assert deprecated.replacement == new
    assert managed_policy(deprecated.replacement) is not None


def named(name: str, place: str) -> NamedPolicy:
    return NamedPolicy(name, unreadable(), f"{place}/{name}")


def test_attached_tells_aws_own_from_a_namesake() -> None:
    policies = [
        named("AWSCodePipelineApproverAccess", AWS),
        named("AWSCodePipelineFullAccess", AWS),
        named("AWSCodePipeline_FullAccess", OWN),
        NamedPolicy("AWSCodePipeline_FullAccess", unreadable()),  # inline
        named("ReadOnlyAccess", AWS),
    ]
    first, second = attached(policies)
    assert isinstance(first, ManagedPolicy)
    assert first.name == "AWSCodePipelineApproverAccess"
    assert isinstance(second, Deprecated)
    assert second.replacement == "AWSCodePipeline_FullAccess"
