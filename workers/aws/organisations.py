"""An account's place in its organisation, with the service and resource control policies.

Only the management account or a delegated administrator may read them:
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_available-policies.html
ListPoliciesForTarget lists what is attached to one target, so every level of the tree is asked:
https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListPoliciesForTarget.html
"""

from __future__ import annotations

from collections.abc import Mapping

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


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The membership of the account of an id; absent when it is in no organisation."""
    account = reference.id
    organisation = chain.calls.sessions.settings.organisation
    if organisation is None:
        return (Entry("memberships", account, _from_inside(chain, account, home.region)),)
    where = Place("organizations", organisation.account, home.region)
    return (Entry("memberships", account, _from_above(chain, where, account)),)


def _from_above(chain: Chain, where: Place, account: str) -> Reading[Membership]:
    described = chain.fork(lambda side: side.read(where, "DescribeOrganization"))
    types = chain.fork(lambda side: side.once("policy types", where, lambda s: _types(s, where)))
    path = _path(chain, where, account)
    organisation = described.join()
    if path.state is State.ABSENT or organisation.state is State.ABSENT:
        return _outside(chain, account, where)
    if path.state is State.UNREADABLE:
        return unreadable(path.why)
    enabled = types.join()
    levels = path.require()
    scps = chain.fork(lambda side: _levels(side, where, levels, _SCP, enabled))
    rcps = _levels(chain, where, levels, _RCP, enabled)
    facts = _facts(organisation)
    return present(
        Membership(
            account=account,
            organisation=facts.get("Id", ""),
            management=facts.get("MasterAccountId") == account,
            scps=scps.join(),
            rcps=rcps,
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


def _path(chain: Chain, where: Place, account: str) -> Reading[tuple[str, ...]]:
    """The targets from the root down to the account; absent when the account is not below."""
    path = [account]
    while len(path) <= _DEEPEST:
        parents = chain.pages(where, "ListParents", "Parents", subject=path[0], ChildId=path[0])
        if parents.state is not State.PRESENT:
            return Reading(parents.state, None, parents.why)
        if not parents.require():
            break
        parent = parents.require()[0]
        path.insert(0, parent["Id"])
        if parent["Type"] == "ROOT":
            break
    return present(tuple(path))


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


def _levels(
    chain: Chain,
    where: Place,
    path: tuple[str, ...],
    type: str,
    enabled: Reading[frozenset[str]],
) -> Reading[tuple[PolicyLevel, ...]]:
    if enabled.state is State.PRESENT and type not in enabled.require():
        return absent()
    levels = chain.each(
        lambda side, target: PolicyLevel(target, _attached(side, where, target, type)), path
    )
    refused = [level.policies for level in levels if not level.policies.known]
    return unreadable(refused[0].why) if len(refused) == len(levels) else present(levels)


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


def _facts(described: Reading[Answer]) -> Mapping[str, str]:
    return described.require()["Organization"] if described.state is State.PRESENT else {}
