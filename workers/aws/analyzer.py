"""IAM Access Analyzer on documents that are proposed: is it well written, does it open more?

https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-policy-validation.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-custom-policy-checks.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workers.aws.calls import Answer, Chain, Place, then
from workers.diagnosis.model import Step, TargetKind
from workers.diagnosis.reviews import digest
from workers.snapshot.model import PolicyText, Reading, Review

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


def new_access(
    chain: Chain,
    account: str,
    region: str,
    before: PolicyText,
    after: PolicyText,
    type: Literal["IDENTITY_POLICY", "RESOURCE_POLICY"],
) -> Reading[tuple[str, ...]]:
    """The statements of `after` that grant what `before` does not, by Sid or `#1`.

    AWS bills each of these calls:
    https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_CheckNoNewAccess.html
    """
    answer = chain.read(
        Place("accessanalyzer", account, region),
        "CheckNoNewAccess",
        existingPolicyDocument=before,
        newPolicyDocument=after,
        policyType=type,
    )
    return then(
        answer,
        lambda found: () if found["result"] == "PASS" else tuple(_statements(found)) or ("?",),
    )


def _statements(found: Answer) -> Iterator[str]:
    for each in found.get("reasons") or ():
        yield str(each.get("statementId") or f"#{each.get('statementIndex', 0) + 1}")


def review(chain: Chain, steps: Iterable[Step], region: str) -> tuple[Review, ...]:
    """What the analyzer says of the policies that steps propose; nothing where it may not."""
    known = chain.calls.sessions.configured
    kept = [each for each in steps if each.target.kind in _TYPES and known(each.target.account)]
    answers = chain.each(lambda side, step: _reviewed(side, step, region), kept)
    return tuple(dict.fromkeys(answer for answer in answers if answer is not None))


_TYPES: Mapping[TargetKind, tuple[Literal["IDENTITY_POLICY", "RESOURCE_POLICY"], str]] = {
    TargetKind.ROLE_POLICY: ("IDENTITY_POLICY", ""),
    TargetKind.TRUST_POLICY: ("RESOURCE_POLICY", "AWS::IAM::AssumeRolePolicyDocument"),
    TargetKind.BUCKET_POLICY: ("RESOURCE_POLICY", "AWS::S3::Bucket"),
    TargetKind.KEY_POLICY: ("RESOURCE_POLICY", ""),
}
# What is merely a matter of style is nobody's concern here.
_TOLD = frozenset({"ERROR", "SECURITY_WARNING", "WARNING"})


def _reviewed(chain: Chain, step: Step, region: str) -> Review | None:
    type, resource = _TYPES[step.target.kind]
    account, before = step.target.account, step.before
    opening = (
        chain.fork(lambda side: new_access(side, account, region, before, step.after, type))
        if before is not None
        else None
    )
    found = validate(chain, account, region, step.after, type, resource)
    opens = opening.join().value if opening is not None else None
    if found.value is None and opens is None:
        return None
    remarks = [each for each in found.value or () if each.type in _TOLD]
    told = tuple(f"{each.type} {each.code}: {each.text}" for each in remarks)
    return Review(digest(step.after), told, opens)
