"""Roles: trust, policies, permissions boundary, tags.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
"""

from __future__ import annotations

from workers.aws import policies, reasons
from workers.aws.arns import parse
from workers.aws.calls import Answer, Chain, Place
from workers.aws.documents import Entries, Entry, Home, moment, place, tags
from workers.snapshot.model import (
    NamedPolicy,
    Reading,
    Reference,
    Role,
    State,
    absent,
    present,
    unreadable,
)


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The role of an ARN; absent when its account has none of that name (the ARN dangles)."""
    arn = parse(reference.id)
    if arn is None or not arn.resource.startswith("role/"):
        why = reasons.text("not_an_arn", value=reference.id)
        return (Entry("roles", reference.id, unreadable(why)),)
    where = place("iam", reference, home)
    return (Entry("roles", reference.id, _role(chain, where, reference.id, arn.name)),)


def boundary(chain: Chain, where: Place, described: Answer) -> Reading[NamedPolicy]:
    """The permissions boundary of a role or user as GetRole or GetUser describes it."""
    arn = described.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return present(policies.managed(chain, where, arn)) if arn else absent()


def _role(chain: Chain, where: Place, arn: str, name: str) -> Reading[Role]:
    attached = chain.fork(
        lambda side: policies.attached(side, where, "ListAttachedRolePolicies", RoleName=name)
    )
    inline = chain.fork(
        lambda side: policies.inline(
            side, where, "ListRolePolicies", "GetRolePolicy", RoleName=name
        )
    )
    described = chain.read(where, "GetRole", subject=arn, RoleName=name)
    found: Answer = described.require()["Role"] if described.state is State.PRESENT else {}
    limit = boundary(chain, where, found)
    granted = policies.joined(attached_policies=attached.join(), inline_policies=inline.join())
    if described.state is State.ABSENT:
        return absent()
    if described.state is State.UNREADABLE:
        unread = unreadable(described.why)
        if granted.state is not State.PRESENT:
            return unread
        return present(Role(arn, unread, granted, unread, unread))
    return present(
        Role(
            arn=found["Arn"],
            trust=present(policies.text(found["AssumeRolePolicyDocument"])),
            policies=granted,
            boundary=limit,
            tags=present(tags(found.get("Tags"))),
            unique_id=found.get("RoleId", ""),
            created_at=moment(found.get("CreateDate")),
        )
    )
