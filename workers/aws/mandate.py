"""On whose behalf something is changed, and the session that can do nothing but that.

The session policy allows one change of one resource; the source identity and the tags put the
people's names into CloudTrail:
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from workers.aws.arns import parse
from workers.aws.sessions import AssumedRole, Sessions
from workers.diagnosis.model import Step, Target, TargetKind

_IDENTITY_LIMIT = 64
_TAG_LIMIT = 256
_UNUSUAL = re.compile(r"[^\w+=,.@-]", re.ASCII)
_UNUSUAL_IN_TAG = re.compile(r"[^\w\s+=.:/@-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Mandate:
    """Who asked for a change and who approved it, by the names that CloudTrail shall show."""

    request_id: str
    requester: str
    approvers: tuple[str, ...]

    @property
    def source_identity(self) -> str:
        """2 to 64 of [A-Za-z0-9_=,.@-]; the last approver is who lets it happen.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
        """
        who = self.approvers[-1] if self.approvers else self.requester
        return _UNUSUAL.sub("-", who)[:_IDENTITY_LIMIT].ljust(2, "-")

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        given = {
            "pipeline-access-request": self.request_id,
            "pipeline-access-requester": self.requester,
            "pipeline-access-approvers": " ".join(self.approvers),
        }
        return tuple(
            (key, _UNUSUAL_IN_TAG.sub("-", value)[:_TAG_LIMIT]) for key, value in given.items()
        )


def role_for(sessions: Sessions, step: Step, mandate: Mandate) -> AssumedRole:
    """The fix role, narrowed to this step. Raises CannotAssume for an unknown account."""
    target = step.target
    return _narrowed(sessions, target.account, tuple(_statements(sessions, step)), mandate)


def role_for_retry(
    sessions: Sessions, account: str, pipeline_arn: str, stage: str, mandate: Mandate
) -> AssumedRole:
    """The fix role, narrowed to retrying one stage."""
    statement = _allow([f"{pipeline_arn}/{stage}"], "codepipeline:RetryStageExecution")
    return _narrowed(sessions, account, (statement,), mandate)


def role_for_check(sessions: Sessions, account: str, mandate: Mandate) -> AssumedRole:
    """The fix role with a session that may do nothing: only to see whether it can be assumed."""
    nothing = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    return _narrowed(sessions, account, (nothing,), mandate)


def _narrowed(
    sessions: Sessions, account: str, statements: tuple[dict[str, Any], ...], mandate: Mandate
) -> AssumedRole:
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return replace(
        sessions.fix_role(account),
        session_policy=json.dumps(policy, separators=(",", ":")),
        source_identity=mandate.source_identity,
        tags=mandate.tags,
    )


def _statements(sessions: Sessions, step: Step) -> Iterator[dict[str, Any]]:
    target = step.target
    match target.kind:
        case TargetKind.ROLE_POLICY:
            yield _allow(
                [target.id], "iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy"
            )
        case TargetKind.TRUST_POLICY:
            yield _allow([target.id], "iam:GetRole", "iam:UpdateAssumeRolePolicy")
        case TargetKind.BUCKET_POLICY:
            yield _allow(
                [_bucket_arn(sessions, target)],
                "s3:GetBucketPolicy",
                "s3:PutBucketPolicy",
                "s3:DeleteBucketPolicy",
            )
        case TargetKind.BUCKET_OWNERSHIP:
            yield _allow(
                [_bucket_arn(sessions, target)],
                "s3:GetBucketOwnershipControls",
                "s3:PutBucketOwnershipControls",
            )
        case TargetKind.KEY_POLICY:
            yield _allow([target.id], "kms:GetKeyPolicy", "kms:PutKeyPolicy")
        case TargetKind.PROJECT_KEY:
            yield _allow([target.id], "codebuild:BatchGetProjects", "codebuild:UpdateProject")
        case TargetKind.ARTIFACT_STORE:
            yield _allow([target.id], "codepipeline:GetPipeline", "codepipeline:UpdatePipeline")
            yield _allow(sorted(set(_roles(json.loads(step.after)))), "iam:PassRole") | {
                "Condition": {"StringEquals": {"iam:PassedToService": "codepipeline.amazonaws.com"}}
            }


def _allow(resources: list[str], *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resources}


def _bucket_arn(sessions: Sessions, target: Target) -> str:
    return f"arn:{sessions.partition(target.region or sessions.home_region)}:s3:::{target.id}"


def _roles(structure: Any) -> Iterator[str]:
    """Every role that a pipeline's structure names."""
    if isinstance(structure, dict):
        role = structure.get("roleArn")
        if isinstance(role, str) and parse(role) is not None:
            yield role
        for value in structure.values():
            yield from _roles(value)
    elif isinstance(structure, list):
        for value in structure:
            yield from _roles(value)
