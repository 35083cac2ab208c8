"""IAM Access Analyzer on documents that are proposed: is it well written, does it open more?

https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-policy-validation.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-custom-policy-checks.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workers.aws.calls import Chain, Place, then
from workers.snapshot.model import PolicyText, Reading

PolicyType = Literal[
    "IDENTITY_POLICY", "RESOURCE_POLICY", "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
]


@dataclass(frozen=True, slots=True)
class Remark:
    """One finding of the validation. `type`: ERROR, SECURITY_WARNING, WARNING or SUGGESTION."""

    type: str
    code: str
    text: str
    documentation: str


def validate(
    chain: Chain,
    account: str,
    region: str,
    document: PolicyText,
    type: PolicyType,
    resource_type: str = "",
) -> Reading[tuple[Remark, ...]]:
    """The remarks on a document; `resource_type` as in AWS::S3::Bucket, for resource policies
    of the types that Access Analyzer knows (there is none for KMS keys)."""
    given: dict[str, Any] = {"validatePolicyResourceType": resource_type} if resource_type else {}
    found = chain.pages(
        Place("accessanalyzer", account, region),
        "ValidatePolicy",
        "findings",
        policyDocument=document,
        policyType=type,
        **given,
    )
    return then(
        found,
        lambda items: tuple(
            Remark(
                item["findingType"],
                item["issueCode"],
                item["findingDetails"],
                item.get("learnMoreLink", ""),
            )
            for item in items
        ),
    )


def opens_nothing_new(
    chain: Chain,
    account: str,
    region: str,
    before: PolicyText,
    after: PolicyText,
    type: Literal["IDENTITY_POLICY", "RESOURCE_POLICY"],
) -> Reading[bool]:
    """Whether `after` grants nothing that `before` does not. AWS bills each of these calls."""
    answer = chain.read(
        Place("accessanalyzer", account, region),
        "CheckNoNewAccess",
        existingPolicyDocument=before,
        newPolicyDocument=after,
        policyType=type,
    )
    return then(answer, lambda found: found["result"] == "PASS")
