"""KMS keys: policy, state, grants, aliases, tags.

DescribeKey and ListGrants may be asked from another account, the rest only from the key's own:
https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
"""

from __future__ import annotations

from typing import Any

from workers.aws import reasons
from workers.aws.arns import parse
from workers.aws.calls import Answer, Chain, Place, then
from workers.aws.documents import Entries, Entry, Home, place, tags
from workers.snapshot.model import (
    Key,
    KeyGrant,
    Reading,
    Reference,
    State,
    present,
    unreadable,
)

_POLICY = "default"  # the only policy name that KMS knows


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The key of an ARN, alias ARN, id or alias, under that name and under its own ARN."""
    where = place("kms", reference, home)
    if not chain.calls.sessions.configured(where.account):
        return _entries(reference.id, _foreign(chain, reference.id, where, home))
    arn = parse(reference.id)
    if arn is not None and arn.resource.startswith("key/"):
        return _entries(reference.id, _key(chain, where, reference.id))
    described = _describe(chain, where, reference.id)
    if described.state is not State.PRESENT:
        return _entries(reference.id, Reading(described.state, None, described.why))
    return _entries(reference.id, _key(chain, where, described.require()["KeyMetadata"]["Arn"]))


def _entries(asked: str, reading: Reading[Key]) -> Entries:
    names = [asked]
    if reading.state is State.PRESENT and reading.require().arn != asked:
        names.append(reading.require().arn)
    return tuple(Entry("keys", name, reading) for name in names)


def _describe(chain: Chain, where: Place, id: str) -> Reading[Answer]:
    return chain.read(where, "DescribeKey", subject=id, KeyId=id)


def _key(chain: Chain, where: Place, arn: str) -> Reading[Key]:
    policy = chain.fork(
        lambda side: side.read(where, "GetKeyPolicy", subject=arn, KeyId=arn, PolicyName=_POLICY)
    )
    grants = chain.fork(lambda side: _grants(side, where, arn))
    aliases = chain.fork(
        lambda side: side.pages(where, "ListAliases", "Aliases", subject=arn, KeyId=arn)
    )
    tagged = chain.fork(
        lambda side: side.pages(where, "ListResourceTags", "Tags", subject=arn, KeyId=arn)
    )
    described = _describe(chain, where, arn)
    facts: dict[str, Reading[Any]] = {
        "policy": then(policy.join(), lambda answer: str(answer["Policy"])),
        "grants": grants.join(),
        "aliases": then(
            aliases.join(), lambda items: tuple(str(item["AliasName"]) for item in items)
        ),
        "tags": then(tagged.join(), tags),
    }
    if described.state is State.ABSENT:
        return Reading(State.ABSENT)
    if not any(reading.known for reading in (described, *facts.values())):
        return unreadable(described.why)
    return present(
        Key(arn=arn, account=where.account, region=where.region, **_state(described), **facts)
    )


def _foreign(chain: Chain, id: str, where: Place, home: Home) -> Reading[Key]:
    """What the pipeline's own account may see of a key in an account that nobody configured."""
    here = Place("kms", home.account, where.region)
    grants = chain.fork(lambda side: _grants(side, here, id))
    described = _describe(chain, here, id)
    granted = grants.join()
    closed = {
        what: unreadable(reasons.text("key_owner_only", account=where.account, what=words))
        for what, words in (("policy", "its policy"), ("aliases", "aliases"), ("tags", "tags"))
    }
    if not described.known:
        return unreadable(closed["policy"].why)
    if described.state is State.ABSENT:
        return Reading(State.ABSENT)
    arn = described.require()["KeyMetadata"]["Arn"]
    return present(
        Key(arn, where.account, where.region, grants=granted, **_state(described), **closed)
    )


def _state(described: Reading[Answer]) -> dict[str, Any]:
    return {
        "state": then(described, lambda answer: str(answer["KeyMetadata"]["KeyState"])),
        "manager": then(described, lambda answer: str(answer["KeyMetadata"]["KeyManager"])),
    }


def _grants(chain: Chain, where: Place, arn: str) -> Reading[tuple[KeyGrant, ...]]:
    listed = chain.pages(where, "ListGrants", "Grants", subject=arn, KeyId=arn)
    return then(listed, lambda grants: tuple(_grant(grant) for grant in grants))


def _grant(grant: Answer) -> KeyGrant:
    constraints = grant.get("Constraints", {})
    return KeyGrant(
        id=grant["GrantId"],
        grantee=grant.get("GranteePrincipal", ""),
        operations=tuple(grant.get("Operations", ())),
        retiring=grant.get("RetiringPrincipal", ""),
        encryption_context_equals=tags(constraints.get("EncryptionContextEquals", {})),
        encryption_context_subset=tags(constraints.get("EncryptionContextSubset", {})),
    )
