"""IAM users with the policies of their groups.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html
"""

from __future__ import annotations

from dataclasses import replace

from workers.aws import policies, reasons
from workers.aws.arns import parse
from workers.aws.calls import Answer, Chain, Place
from workers.aws.documents import Entries, Entry, Home, place, tags
from workers.aws.policies import Policies
from workers.aws.roles import boundary
from workers.snapshot.model import (
    NamedPolicy,
    Reading,
    Reference,
    State,
    User,
    absent,
    present,
    unreadable,
)


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The user of an ARN; absent when the account has none of that name."""
    arn = parse(reference.id)
    if arn is None or not arn.resource.startswith("user/"):
        why = reasons.text("not_an_arn", value=reference.id)
        return (Entry("users", reference.id, unreadable(why)),)
    where = place("iam", reference, home)
    return (Entry("users", reference.id, _user(chain, where, reference.id, arn.name)),)


def _user(chain: Chain, where: Place, arn: str, name: str) -> Reading[User]:
    attached = chain.fork(
        lambda side: policies.attached(side, where, "ListAttachedUserPolicies", UserName=name)
    )
    inline = chain.fork(
        lambda side: policies.inline(
            side, where, "ListUserPolicies", "GetUserPolicy", UserName=name
        )
    )
    groups = chain.fork(lambda side: _groups(side, where, name))
    described = chain.read(where, "GetUser", subject=arn, UserName=name)
    found: Answer = described.require()["User"] if described.state is State.PRESENT else {}
    limit = boundary(chain, where, found)
    granted = policies.joined(
        attached_policies=attached.join(),
        inline_policies=inline.join(),
        group_policies=groups.join(),
    )
    if described.state is State.ABSENT:
        return absent()
    if described.state is State.UNREADABLE:
        unread = unreadable(described.why)
        if granted.state is not State.PRESENT:
            return unread
        return present(User(arn, granted, unread, unread))
    return present(
        User(found["Arn"], granted, limit, present(tags(found.get("Tags"))), found["UserId"])
    )


def _groups(chain: Chain, where: Place, user: str) -> Policies:
    listed = chain.pages(where, "ListGroupsForUser", "Groups", subject=user, UserName=user)
    if listed.state is not State.PRESENT:
        return Reading(listed.state, None, listed.why)
    names = [group["GroupName"] for group in listed.require()]
    granted: list[NamedPolicy] = []
    for name, policy in zip(
        names, chain.each(lambda side, name: _group(side, where, name), names), strict=True
    ):
        if policy.state is State.UNREADABLE:
            granted.append(NamedPolicy(f"{name}/policies", unreadable(policy.why)))
        granted += [replace(each, name=f"{name}/{each.name}") for each in policy.value or ()]
    return present(tuple(granted))


def _group(chain: Chain, where: Place, name: str) -> Policies:
    attached = chain.fork(
        lambda side: policies.attached(side, where, "ListAttachedGroupPolicies", GroupName=name)
    )
    inline = policies.inline(chain, where, "ListGroupPolicies", "GetGroupPolicy", GroupName=name)
    return policies.joined(attached_policies=attached.join(), inline_policies=inline)
