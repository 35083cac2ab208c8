"""The documents that a fix may change: how each kind is read, written and taken away.

Every function works with a client under the narrowed session. Reading gives the text that the
snapshot holds for the same document, so that the two can be compared byte by byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from workers.aws.arns import parse
from workers.aws.pipelines import parse_pipeline
from workers.aws.policies import text
from workers.diagnosis.model import Step, Target, TargetKind
from workers.pipeline.structure import pipeline_from_api, pipeline_to_api


class TokenWouldBeLost(Exception):
    """The pipeline has a source whose token is shown masked only."""


class NotOneStore(Exception):
    """The step changes more than the key of one artifact store."""


@dataclass(frozen=True, slots=True)
class Handling:
    """How one kind of document is handled. `limit` counts as AWS does; 0 = no limit of ours.

    `read` returns None when there is no such document. `write` and `remove` return AWS's answer;
    there is no `remove` for what always exists.
    """

    service: str
    read: Callable[[Any, Target], str | None]
    write: Callable[[Any, Step, str], Mapping[str, Any]]
    remove: Callable[[Any, Step], Mapping[str, Any]] | None
    limit: int = 0
    white_space_counts: bool = True

    def size(self, document: str) -> int:
        counted = document if self.white_space_counts else "".join(document.split())
        return len(counted.encode("utf-8"))


def comparable(kind: TargetKind, document: str) -> str:
    """What of a document is compared: all of it, but for the number of a pipeline's version,
    which every update raises."""
    if kind is not TargetKind.ARTIFACT_STORE:
        return document
    structure = json.loads(document)
    structure.pop("version", None)
    return json.dumps(structure, sort_keys=True)


# --- roles -----------------------------------------------------------------------------------


def _role_name(target: Target) -> str:
    arn = parse(target.id)
    return arn.name if arn else target.id


def _read_role_policy(iam: Any, target: Target) -> str | None:
    answer = iam.get_role_policy(RoleName=_role_name(target), PolicyName=target.name)
    return text(answer["PolicyDocument"])


def _write_role_policy(iam: Any, step: Step, document: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = iam.put_role_policy(
        RoleName=_role_name(step.target), PolicyName=step.target.name, PolicyDocument=document
    )
    return answer


def _remove_role_policy(iam: Any, step: Step) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = iam.delete_role_policy(
        RoleName=_role_name(step.target), PolicyName=step.target.name
    )
    return answer


def _read_trust(iam: Any, target: Target) -> str | None:
    answer = iam.get_role(RoleName=_role_name(target))
    return text(answer["Role"]["AssumeRolePolicyDocument"])


def _write_trust(iam: Any, step: Step, document: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = iam.update_assume_role_policy(
        RoleName=_role_name(step.target), PolicyDocument=document
    )
    return answer


# --- buckets ---------------------------------------------------------------------------------


def _owned(target: Target) -> dict[str, str]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html"""
    return {"Bucket": target.id, "ExpectedBucketOwner": target.account}


def _read_bucket_policy(s3: Any, target: Target) -> str | None:
    return str(s3.get_bucket_policy(**_owned(target))["Policy"])


def _write_bucket_policy(s3: Any, step: Step, document: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = s3.put_bucket_policy(**_owned(step.target), Policy=document)
    return answer


def _remove_bucket_policy(s3: Any, step: Step) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = s3.delete_bucket_policy(**_owned(step.target))
    return answer


def _read_ownership(s3: Any, target: Target) -> str | None:
    answer = s3.get_bucket_ownership_controls(**_owned(target))
    return str(answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"])


def _write_ownership(s3: Any, step: Step, document: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = s3.put_bucket_ownership_controls(
        **_owned(step.target), OwnershipControls={"Rules": [{"ObjectOwnership": document}]}
    )
    return answer


def _remove_ownership(s3: Any, step: Step) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = s3.delete_bucket_ownership_controls(**_owned(step.target))
    return answer


# --- keys ------------------------------------------------------------------------------------


def _read_key_policy(kms: Any, target: Target) -> str | None:
    return str(kms.get_key_policy(KeyId=target.id, PolicyName="default")["Policy"])


def _write_key_policy(kms: Any, step: Step, document: str) -> Mapping[str, Any]:
    """KMS's own check against locking everybody out stays on:
    https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html"""
    answer: Mapping[str, Any] = kms.put_key_policy(
        KeyId=step.target.id, PolicyName="default", Policy=document
    )
    return answer


# --- pipelines and projects ------------------------------------------------------------------


def _read_store(codepipeline: Any, target: Target) -> str | None:
    """The whole structure, in the words of the snapshot; only a store of it is ever written."""
    return _structure(_live(codepipeline, target), target)


def _write_store(codepipeline: Any, step: Step, document: str) -> Mapping[str, Any]:
    target = step.target
    live = _live(codepipeline, target)
    if any("OAuthToken" in each.get("configuration", {}) for each in _actions(live)):
        raise TokenWouldBeLost
    region = target.path.split(".")[1]
    wanted = pipeline_from_api(json.loads(document), target.account, target.region)
    (key,) = (store.key for store in wanted.stores if store.region == region)
    _set_key(live, region, key)
    if comparable(target.kind, _structure(live, target)) != comparable(target.kind, document):
        raise NotOneStore
    answer: Mapping[str, Any] = codepipeline.update_pipeline(pipeline=live)
    return answer


def _set_key(live: dict[str, Any], region: str, key: str | None) -> None:
    store = live.get("artifactStores", {}).get(region) or live["artifactStore"]
    if key:
        store["encryptionKey"] = {"id": key, "type": "KMS"}
    else:
        store.pop("encryptionKey", None)


def _live(codepipeline: Any, target: Target) -> dict[str, Any]:
    name = target.id.rpartition(":")[2]
    structure: dict[str, Any] = codepipeline.get_pipeline(name=name)["pipeline"]
    return structure


def _structure(live: Mapping[str, Any], target: Target) -> str:
    pipeline = parse_pipeline(live, target.account, target.region)
    return json.dumps(pipeline_to_api(pipeline), indent=2)


def _actions(live: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [action for stage in live.get("stages", ()) for action in stage["actions"]]


def _read_project_key(codebuild: Any, target: Target) -> str | None:
    projects = codebuild.batch_get_projects(names=[target.id])["projects"]
    return projects[0].get("encryptionKey") if projects else None


def _write_project_key(codebuild: Any, step: Step, document: str) -> Mapping[str, Any]:
    name = step.target.id.rpartition("/")[2]
    answer: Mapping[str, Any] = codebuild.update_project(name=name, encryptionKey=document)
    return answer


def _remove_project_key(codebuild: Any, step: Step) -> Mapping[str, Any]:
    """A project without a key of its own uses the AWS managed key of S3."""
    arn = parse(step.target.id)
    assert arn is not None
    managed = f"arn:{arn.partition}:kms:{arn.region}:{arn.account}:alias/aws/s3"
    return _write_project_key(codebuild, step, managed)


HANDLING: Mapping[TargetKind, Handling] = MappingProxyType(
    {
        # IAM counts no white space, and the inline policies of a role together:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        TargetKind.ROLE_POLICY: Handling(
            "iam", _read_role_policy, _write_role_policy, _remove_role_policy, 10_240, False
        ),
        # 2,048 unless the account raised it, to 4,096 at most; AWS knows which.
        TargetKind.TRUST_POLICY: Handling("iam", _read_trust, _write_trust, None, 4_096, False),
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
        TargetKind.BUCKET_POLICY: Handling(
            "s3", _read_bucket_policy, _write_bucket_policy, _remove_bucket_policy, 20_480
        ),
        TargetKind.BUCKET_OWNERSHIP: Handling(
            "s3", _read_ownership, _write_ownership, _remove_ownership
        ),
        # https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
        TargetKind.KEY_POLICY: Handling("kms", _read_key_policy, _write_key_policy, None, 32_768),
        TargetKind.ARTIFACT_STORE: Handling("codepipeline", _read_store, _write_store, None),
        TargetKind.PROJECT_KEY: Handling(
            "codebuild", _read_project_key, _write_project_key, _remove_project_key
        ),
    }
)
