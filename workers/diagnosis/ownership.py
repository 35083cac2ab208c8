"""Whether code owns a resource: a change by hand would be undone by its next deployment.

CloudFormation tags what it makes
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html);
other tools are told by the tags of the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from workers.diagnosis.lookup import find_role
from workers.diagnosis.model import Target, TargetKind
from workers.diagnosis.texts import Texts
from workers.settings import Settings
from workers.snapshot.model import Reading, Snapshot, absent

_STACK = "aws:cloudformation:stack-name"
_LOGICAL_ID = "aws:cloudformation:logical-id"
# The CDK ends the logical ids that it makes with eight hexadecimal digits.
_CDK_ID = re.compile(r"[A-Za-z0-9]+[0-9A-F]{8}")


def owner_of(target: Target, snapshot: Snapshot, settings: Settings | None, texts: Texts) -> str:
    """The code that owns the target, in words; "" where none is known."""
    tags = _tags(target, snapshot).value or {}
    stack = tags.get(_STACK)
    if stack:
        made_by_cdk = any(key.startswith("aws-cdk:") for key in tags) or _CDK_ID.fullmatch(
            tags.get(_LOGICAL_ID, "")
        )
        return texts.say("owners.cdk" if made_by_cdk else "owners.cloudformation", stack=stack)
    for key, value in (settings.ownership.tags if settings is not None else {}).items():
        if key in tags and value in ("", "*", tags[key]):
            return texts.say("owners.tag", key=key, value=tags[key])
    return ""


def _tags(target: Target, snapshot: Snapshot) -> Reading[Mapping[str, str]]:
    match target.kind:
        case TargetKind.ROLE_POLICY | TargetKind.TRUST_POLICY:
            role = find_role(snapshot, target.id).value
            return role.tags if role is not None else absent()
        case TargetKind.BUCKET_POLICY | TargetKind.BUCKET_OWNERSHIP:
            bucket = snapshot.bucket(target.id).value
            return bucket.tags if bucket is not None else absent()
        case TargetKind.KEY_POLICY:
            key = snapshot.key(target.id).value
            return key.tags if key is not None else absent()
        case TargetKind.PROJECT_KEY:
            project = snapshot.project(target.id).value
            return project.tags if project is not None else absent()
        case TargetKind.ARTIFACT_STORE:
            pipeline = snapshot.pipeline.value
            return pipeline.tags if pipeline is not None else absent()
