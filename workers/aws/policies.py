"""Policies attached to a role, a user or a group, with their texts as IAM sends them.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from workers.aws.calls import Chain, Place, then
from workers.snapshot.model import (
    NamedPolicy,
    PolicyText,
    Reading,
    State,
    absent,
    present,
    unreadable,
)

Policies = Reading[tuple[NamedPolicy, ...]]
_AWS_OWNED = ":iam::aws:policy/"


def text(document: Any) -> PolicyText:
    """The text of a document that IAM returned URL-encoded (RFC 3986), otherwise untouched."""
    return unquote(str(document))


def managed(chain: Chain, where: Place, arn: str, name: str = "") -> NamedPolicy:
    """A managed policy in its default version. AWS's own is read once for all accounts."""
    owner = "aws" if _AWS_OWNED in arn else where.account
    name = name or arn.rpartition("/")[2]
    document = chain.once("policy", (owner, arn), lambda side: _default(side, where, arn))
    return NamedPolicy(name, document, arn)


def attached(chain: Chain, where: Place, operation: str, **owner: Any) -> Policies:
    """The managed policies that a `List…Policies` operation lists for an owner."""
    subject = next(iter(owner.values()))
    listed = chain.pages(where, operation, "AttachedPolicies", subject=subject, **owner)
    return then(
        listed,
        lambda items: chain.each(
            lambda side, item: managed(side, where, item["PolicyArn"], item["PolicyName"]), items
        ),
    )


def inline(chain: Chain, where: Place, list_them: str, get_one: str, **owner: Any) -> Policies:
    """The inline policies of an owner, by the operations that list them and get one."""
    subject = next(iter(owner.values()))

    def one(side: Chain, name: str) -> NamedPolicy:
        answer = side.read(where, get_one, subject=f"{name} of {subject}", PolicyName=name, **owner)
        return NamedPolicy(name, then(answer, lambda found: text(found["PolicyDocument"])))

    listed = chain.pages(where, list_them, "PolicyNames", subject=subject, **owner)
    return then(listed, lambda names: chain.each(one, names))


def joined(**lists: Policies) -> Policies:
    """All policies of several lists, each list under the words that name it.

    A list that could not be read, beside one that could, stands for its policies as a single one
    whose document is unreadable, so that what is known still counts.
    """
    if all(reading.state is State.UNREADABLE for reading in lists.values()):
        return unreadable(next(iter(lists.values())).why)
    if any(reading.state is State.ABSENT for reading in lists.values()):
        return absent()
    policies: list[NamedPolicy] = []
    for words, reading in lists.items():
        if reading.state is State.PRESENT:
            policies += reading.require()
        else:
            policies.append(NamedPolicy(words.replace("_", " "), unreadable(reading.why)))
    return present(tuple(policies))


def _default(chain: Chain, where: Place, arn: str) -> Reading[PolicyText]:
    described = chain.read(where, "GetPolicy", subject=arn, PolicyArn=arn)
    if described.state is not State.PRESENT:
        return Reading(described.state, None, described.why)
    version = chain.read(
        where,
        "GetPolicyVersion",
        subject=arn,
        PolicyArn=arn,
        VersionId=described.require()["Policy"]["DefaultVersionId"],
    )
    return then(version, lambda answer: text(answer["PolicyVersion"]["Document"]))
