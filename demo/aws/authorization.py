"""Refuses calls that the caller's policies do not allow, in AWS's words.

Wording: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from demo.aws.actions import Need, needs
from demo.aws.encoding import encode
from demo.aws.identity import Caller
from demo.aws.live import Live
from demo.aws.verdicts import Asked, Verdict, Verdicts
from demo.aws.wire import AwsError, Call

# Services whose code is AccessDenied; the JSON services say AccessDeniedException.
_SHORT_CODE = frozenset({"cloudformation", "iam", "s3", "sns", "sts"})
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html: callers of another
# account get 405 although they have the permission.
_OWNER_ONLY = frozenset(
    {
        "s3:GetBucketPolicy",
        "s3:PutBucketPolicy",
        "s3:DeleteBucketPolicy",
        "s3:GetBucketPolicyStatus",
    }
)


class Authorization:
    """Decides over every call of a role session or user. Root users pass, as in IAM."""

    def __init__(self, live: Live, verdicts: Verdicts) -> None:
        self._live = live
        self._verdicts = verdicts

    def check(self, call: Call, caller: Caller) -> None:
        """Raise AwsError if any permission that the call needs is not allowed."""
        if caller.is_root:
            return
        if call.name == "sts:AssumeRole":
            self._check_assume_role(call, caller)
            return
        for need in needs(call, caller, self._live):
            verdict = self._decide(caller, need)
            if not verdict.allowed:
                raise _refusal(call, caller, need.action, need.resource, verdict)
            if call.name in _OWNER_ONLY and need.owner != caller.account:
                raise AwsError(
                    "MethodNotAllowed",
                    "The specified method is not allowed against this resource.",
                    405,
                )

    def _decide(self, caller: Caller, need: Need) -> Verdict:
        return self._verdicts.decide(
            Asked(
                identity=caller.identity,
                action=need.action,
                resource=need.resource,
                owner=need.owner,
                context={**caller_context(caller), **need.context},
                session_policy=caller.session_policy,
            )
        )

    def _check_assume_role(self, call: Call, caller: Caller) -> None:
        """Trust policy and identity policy, with the external id, tags and source identity that
        the caller sends (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
        """
        arn = str(call.params.get("RoleArn", ""))
        context = _assume_role_context(call.params)
        actions = ["sts:AssumeRole"]
        actions += ["sts:TagSession"] if call.params.get("Tags") else []
        actions += ["sts:SetSourceIdentity"] if call.params.get("SourceIdentity") else []
        for action in actions:
            if self._live.role(arn) is None:
                verdict = Verdict("implicitDeny")
            else:
                verdict = self._decide(caller, Need(action, arn, arn.split(":")[4], context))
            if not verdict.allowed:
                # AWS does not tell the two sides of a trust apart.
                bare = verdict if verdict.decision == "explicitDeny" else Verdict("implicitDeny")
                raise _refusal(call, caller, action, arn, bare)


def caller_context(caller: Caller) -> dict[str, str]:
    """Keys of the request context that every call of this caller carries
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)."""
    context = {
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
        "aws:ViaAWSService": "false",
        "aws:userid": f"{caller.unique_id}:{caller.session_name}"
        if caller.session_name
        else caller.unique_id,
    }
    if caller.source_identity:
        context["aws:SourceIdentity"] = caller.source_identity
    for key, value in caller.tags.items():
        context[f"aws:PrincipalTag/{key}"] = value
    return context


def denied_message(arn: str, action: str, resource: str, verdict: Verdict) -> str:
    """AWS's text for a refused request."""
    text = f"User: {arn} is not authorized to perform: {action} on resource: {resource}"
    if not verdict.layer:
        return text
    if verdict.decision == "explicitDeny":
        article = "an" if verdict.layer.startswith("identity") else "a"
        return f"{text} with an explicit deny in {article} {verdict.layer}"
    return f"{text} because no {verdict.layer} allows the {action} action"


def _refusal(call: Call, caller: Caller, action: str, resource: str, verdict: Verdict) -> AwsError:
    if call.service == "ec2":
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
        encoded = encode(caller, action, resource, verdict)
        return AwsError(
            "UnauthorizedOperation",
            "You are not authorized to perform this operation. "
            + denied_message(caller.arn, action, resource, verdict)
            + f". Encoded authorization failure message: {encoded}",
            403,
        )
    code = "AccessDenied" if call.service in _SHORT_CODE else "AccessDeniedException"
    status = 403 if code == "AccessDenied" else 400
    if call.service == "s3" and resource != "*":
        resource = json.dumps(resource)
    return AwsError(code, denied_message(caller.arn, action, resource, verdict), status)


def _assume_role_context(params: Mapping[str, object]) -> dict[str, str]:
    context = {"sts:RoleSessionName": str(params.get("RoleSessionName", ""))}
    if params.get("ExternalId"):
        context["sts:ExternalId"] = str(params["ExternalId"])
    if params.get("SourceIdentity"):
        context["sts:SourceIdentity"] = str(params["SourceIdentity"])
    tags = params.get("Tags")
    if isinstance(tags, list):
        for tag in tags:
            context[f"aws:RequestTag/{tag['Key']}"] = str(tag["Value"])
    return context
