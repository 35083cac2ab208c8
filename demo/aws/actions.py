"""Which IAM action an API operation needs, and on which resource.

The names of most operations are those of their actions; what differs stands in the tables,
after the service authorization reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html)
and S3's own page
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.aws.identity import Caller
from demo.aws.live import Live
from demo.aws.wire import Call

_PREFIXES = {
    "accessanalyzer": "access-analyzer",
    "elbv2": "elasticloadbalancing",
    "stepfunctions": "states",
}

_ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:UploadPart": "s3:PutObject",
}

# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
WITHOUT_PERMISSION = frozenset({"sts:GetCallerIdentity"})

_READS = ("Batch", "Check", "Decode", "Describe", "Get", "Head", "List", "Lookup", "Simulate")
_NO_WRITES = frozenset({"AssumeRole", "ReceiveMessage", "ValidatePolicy", "ValidateTemplate"})


@dataclass(frozen=True, slots=True)
class Need:
    """One permission that a call needs: an action on a resource, which `owner` owns."""

    action: str
    resource: str
    owner: str
    context: Mapping[str, str] = field(default_factory=dict)


def is_write(operation: str) -> bool:
    """Whether an operation changes something."""
    return not operation.startswith(_READS) and operation not in _NO_WRITES


def needs(call: Call, caller: Caller, live: Live) -> tuple[Need, ...]:
    """Every permission the call needs; all of them must be allowed."""
    if call.name in WITHOUT_PERMISSION:
        return ()
    return tuple(_needs(call, caller, live))


def resources(call: Call, caller: Caller, live: Live) -> tuple[str, ...]:
    """ARNs of what the call is about; `*` when the action has no resource."""
    find = _FINDERS.get(call.service)
    return tuple(find(call.params, caller.account, call.region, live)) if find else ("*",)


def _needs(call: Call, caller: Caller, live: Live) -> Iterator[Need]:
    action = _ACTIONS.get(call.name) or f"{_PREFIXES.get(call.service, call.service)}:" + (
        call.operation
    )
    for resource in resources(call, caller, live):
        yield Need(action, resource, _owner(resource, caller, live), _context(call))
    if call.name == "codepipeline:UpdatePipeline":
        # https://docs.aws.amazon.com/codepipeline/latest/userguide/security-iam.html: whoever
        # saves a pipeline passes its service role.
        role = str(call.params["pipeline"].get("roleArn"))
        yield _pass_role(role, "codepipeline.amazonaws.com")
    if call.name == "codebuild:UpdateProject" and call.params.get("serviceRole"):
        yield _pass_role(str(call.params["serviceRole"]), "codebuild.amazonaws.com")


def _pass_role(role: str, service: str) -> Need:
    return Need("iam:PassRole", role, role.split(":")[4], {"iam:PassedToService": service})


def _context(call: Call) -> dict[str, str]:
    params = call.params
    context = {"aws:RequestedRegion": call.region}
    if call.service == "iam" and "PolicyArn" in params:
        context["iam:PolicyARN"] = str(params["PolicyArn"])
    if call.service == "iam" and "PermissionsBoundary" in params:
        context["iam:PermissionsBoundary"] = str(params["PermissionsBoundary"])
    return context


def _owner(resource: str, caller: Caller, live: Live) -> str:
    parts = resource.split(":")
    if len(parts) > 5 and parts[4].isdigit():
        return parts[4]
    if resource.startswith("arn:aws:s3:::"):
        name = resource.removeprefix("arn:aws:s3:::").split("/", 1)[0]
        return live.bucket_owner(name) or caller.account
    return caller.account


# --- resources, per service ---------------------------------------------------------------------

_Params = Mapping[str, Any]
_Finder = Callable[[_Params, str, str, Live], Iterator[str]]


def _iam(params: _Params, account: str, _region: str, live: Live) -> Iterator[str]:
    if name := params.get("RoleName"):
        role = live.role_named(account, str(name))
        yield role.arn if role else f"arn:aws:iam::{account}:role/{name}"
    elif name := params.get("UserName"):
        yield f"arn:aws:iam::{account}:user/{name}"
    elif name := params.get("GroupName"):
        yield f"arn:aws:iam::{account}:group/{name}"
    elif arn := params.get("PolicyArn") or params.get("PolicySourceArn"):
        yield str(arn)
    else:
        yield "*"


def _s3(params: _Params, _account: str, _region: str, _live: Live) -> Iterator[str]:
    bucket, key = params.get("Bucket"), params.get("Key")
    if not bucket:
        yield "*"
    else:
        yield f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")


def _kms(params: _Params, account: str, region: str, live: Live) -> Iterator[str]:
    wanted = params.get("KeyId") or params.get("TargetKeyId")
    if not wanted:
        yield "*"
        return
    key = live.key(str(wanted), account, region)
    if key is not None:
        yield key.arn
    elif str(wanted).startswith("arn:"):
        yield str(wanted)
    else:
        kind = "" if str(wanted).startswith("alias/") else "key/"
        yield f"arn:aws:kms:{region}:{account}:{kind}{wanted}"


def _codepipeline(params: _Params, account: str, region: str, _live: Live) -> Iterator[str]:
    if arn := params.get("resourceArn"):
        yield str(arn)
        return
    name = params.get("name") or params.get("pipelineName")
    name = name or (params.get("pipeline") or {}).get("name")
    if not name:
        yield "*"
        return
    path = "/".join(str(params[k]) for k in ("stageName", "actionName") if params.get(k))
    arn = f"arn:aws:codepipeline:{region}:{account}:{name}"
    yield f"{arn}/{path}" if path else arn


def _codebuild(params: _Params, account: str, region: str, _live: Live) -> Iterator[str]:
    names = params.get("names") or [params.get("name") or params.get("projectName")]
    for name in names:
        if not name:
            yield "*"
        else:
            prefix = f"arn:aws:codebuild:{region}:{account}:project/"
            yield name if str(name).startswith("arn:") else prefix + str(name)


def _connections(params: _Params, _account: str, _region: str, _live: Live) -> Iterator[str]:
    yield str(params.get("ConnectionArn") or params.get("HostArn") or "*")


def _lambda(params: _Params, account: str, region: str, _live: Live) -> Iterator[str]:
    name = params.get("FunctionName")
    if not name:
        yield "*"
    elif str(name).startswith("arn:"):
        yield str(name)
    else:
        yield f"arn:aws:lambda:{region}:{account}:function:{name}"


def _sqs(params: _Params, account: str, region: str, _live: Live) -> Iterator[str]:
    name = str(params.get("QueueUrl") or params.get("QueueName") or "").rsplit("/", 1)[-1]
    yield f"arn:aws:sqs:{region}:{account}:{name}" if name else "*"


def _sns(params: _Params, _account: str, _region: str, _live: Live) -> Iterator[str]:
    yield str(params.get("TopicArn") or "*")


def _sts(params: _Params, _account: str, _region: str, _live: Live) -> Iterator[str]:
    yield str(params.get("RoleArn") or "*")


_FINDERS: Mapping[str, _Finder] = {
    "codebuild": _codebuild,
    "codeconnections": _connections,
    "codepipeline": _codepipeline,
    "codestar-connections": _connections,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "s3": _s3,
    "sns": _sns,
    "sqs": _sqs,
    "sts": _sts,
}
