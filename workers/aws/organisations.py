"""An account's place in its organisation, with the service and resource control policies.

Only the management account or a delegated administrator may read them:
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_available-policies.html
ListPoliciesForTarget lists what is attached to one target, so every level of the tree is asked:
https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListPoliciesForTarget.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from workers.aws import reasons
from workers.aws.calls import Answer, Chain, Place, then
from workers.aws.documents import Entries, Entry, Home
from workers.snapshot.model import (
    Membership,
    NamedPolicy,
    PolicyLevel,
    Reading,
    Reference,
    State,
    absent,
    present,
    unreadable,
)

_SCP, _RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
_DEEPEST = 7  # a root, five levels of units, an account


class _Level(NamedTuple):
    """One level of the tree: what is attached to it, by type of policy."""

    target: str
    policies: Mapping[str, Reading[tuple[NamedPolicy, ...]]]


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The membership of the account of an id; absent when it is in no organisation."""
    account = reference.id
    organisation = chain.calls.sessions.settings.organisation
    if organisation is None:
        return (Entry("memberships", account, _from_inside(chain, account, home.region)),)
    where = _place(chain, organisation.account)
    return (Entry("memberships", account, _from_above(chain, where, account)),)


def ask_ahead(chain: Chain, account: str | None = None) -> None:
    """Begin to read while it is looked for where a pipeline is: all about the account, where one
    was named, and else what is the same for every account. A later `read` finds it answered."""
    organisation = chain.calls.sessions.settings.organisation
    if organisation is not None:
        where = _place(chain, organisation.account)
        chain.fork(lambda side: side.read(where, "DescribeOrganization"))
        if account is None:
            chain.fork(partial(_root_once, where))
        else:
            chain.fork(lambda side: _levels(side, where, account))


def _from_above(chain: Chain, where: Place, account: str) -> Reading[Membership]:
    described = chain.fork(lambda side: side.read(where, "DescribeOrganization"))
    levels = _levels(chain, where, account)
    organisation = described.join()
    if levels.state is State.ABSENT or organisation.state is State.ABSENT:
        return _outside(chain, account, where)
    if levels.state is State.UNREADABLE:
        return unreadable(levels.why)
    facts = _facts(organisation)
    return present(
        Membership(
            account=account,
            organisation=facts.get("Id", ""),
            management=facts.get("MasterAccountId") == account,
            scps=_of_type(levels.require(), _SCP),
            rcps=_of_type(levels.require(), _RCP),
        )
    )


def _from_inside(chain: Chain, account: str, region: str) -> Reading[Membership]:
    """What the account itself may know: whether it is in an organisation, not its policies."""
    described = chain.read(Place("organizations", account, region), "DescribeOrganization")
    if described.state is not State.PRESENT:
        return Reading(described.state, None, described.why)
    facts = _facts(described)
    why = unreadable(
        reasons.text("no_organisation", account=account, organisation=facts.get("Id", "?"))
    )
    return present(
        Membership(account, facts.get("Id", ""), facts.get("MasterAccountId") == account, why, why)
    )


def _outside(chain: Chain, account: str, where: Place) -> Reading[Membership]:
    """The configured organisation does not know the account: it has none, or another."""
    inside = _from_inside(chain, account, where.region)
    if inside.state is State.ABSENT:
        return absent()
    said = f": {inside.why}" if inside.why else "."
    why = unreadable(
        reasons.text("other_organisation", account=account, management=where.account, said=said)
    )
    if inside.state is State.UNREADABLE:
        return why
    found = inside.require()
    return present(Membership(account, found.organisation, found.management, why, why))


def _levels(chain: Chain, where: Place, account: str) -> Reading[tuple[_Level, ...]]:
    """The levels from the root down to the account; absent when the account is not below.

    The policies of a level are asked for as soon as the level is known, those of the root even
    before the way up has led there.
    """
    root = chain.fork(partial(_root_once, where))
    target, above = account, [chain.fork(partial(_level, where, account))]
    while len(above) <= _DEEPEST:
        parents = chain.pages(where, "ListParents", "Parents", subject=target, ChildId=target)
        if parents.state is not State.PRESENT:
            return Reading(parents.state, None, parents.why)
        if not parents.require():
            break
        target = parents.require()[0]["Id"]
        above.append(chain.fork(partial(_level, where, target)))
        if parents.require()[0]["Type"] == "ROOT":
            break
    root.join()
    return present(tuple(branch.join() for branch in reversed(above)))


def _level(where: Place, target: str, chain: Chain) -> _Level:
    """What is attached to a target, by type; absent for a type that is not enabled."""
    enabled = chain.once("policy types", where, lambda side: _types(side, where))

    def attached(side: Chain, type: str) -> Reading[tuple[NamedPolicy, ...]]:
        if enabled.state is State.PRESENT and type not in enabled.require():
            return absent()
        return _attached(side, where, target, type)

    scps, rcps = chain.each(attached, (_SCP, _RCP))
    return _Level(target, {_SCP: scps, _RCP: rcps})


def _root_once(where: Place, chain: Chain) -> None:
    chain.once("root", where, lambda first: _root(first, where))


def _root(chain: Chain, where: Place) -> None:
    """Ask for the policies of every root; whoever walks up to it finds them answered."""
    roots = chain.pages(where, "ListRoots", "Roots")
    chain.each(lambda side, root: _level(where, root["Id"], side), roots.value or ())


def _types(chain: Chain, where: Place) -> Reading[frozenset[str]]:
    """The types of policies that are enabled: those of a type that is not have no say.

    https://docs.aws.amazon.com/organizations/latest/APIReference/API_PolicyTypeSummary.html
    """
    roots = chain.pages(where, "ListRoots", "Roots")
    return then(
        roots,
        lambda found: frozenset(
            each["Type"]
            for root in found
            for each in root.get("PolicyTypes", ())
            if each.get("Status") == "ENABLED"
        ),
    )


def _of_type(levels: tuple[_Level, ...], type: str) -> Reading[tuple[PolicyLevel, ...]]:
    found = [PolicyLevel(level.target, level.policies[type]) for level in levels]
    if any(level.policies.state is State.ABSENT for level in found):
        return absent()
    if not any(level.policies.known for level in found):
        return unreadable(found[0].policies.why)
    return present(tuple(found))


def _attached(
    chain: Chain, where: Place, target: str, type: str
) -> Reading[tuple[NamedPolicy, ...]]:
    listed = chain.pages(
        where, "ListPoliciesForTarget", "Policies", subject=target, TargetId=target, Filter=type
    )
    return then(
        listed,
        lambda summaries: chain.each(lambda side, each: _policy(side, where, each), summaries),
    )


def _policy(chain: Chain, where: Place, summary: Mapping[str, str]) -> NamedPolicy:
    answer = chain.read(where, "DescribePolicy", subject=summary["Name"], PolicyId=summary["Id"])
    document = then(answer, lambda found: str(found["Policy"]["Content"]))
    return NamedPolicy(summary["Name"], document, summary["Arn"])


def _place(chain: Chain, management: str) -> Place:
    return Place("organizations", management, chain.calls.sessions.home_region)


def _facts(described: Reading[Answer]) -> Mapping[str, str]:
    return described.require()["Organization"] if described.state is State.PRESENT else {}
