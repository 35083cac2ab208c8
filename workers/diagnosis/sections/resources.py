"""The sections about what is used: buckets, keys, connections, roles that are assumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workers.diagnosis.lookup import role_of
from workers.diagnosis.model import Check, Component, Section
from workers.diagnosis.sections.view import View
from workers.pipeline.requirement import Part
from workers.policy import Decision, Document, Effect, PolicyKind, Statement, parse
from workers.snapshot.model import (
    Bucket,
    Connection,
    Key,
    Kind,
    PolicyText,
    Reading,
    State,
    absent,
)

_CONNECTIONS = ("codestar-connections", "codeconnections")
# What a Deny of a bucket policy guards against, by the condition key that it looks at: the two
# denies of https://docs.aws.amazon.com/codepipeline/latest/userguide/S3-artifact-encryption.html
# first, then those that keep others out.
_GUARDS = {
    "aws:securetransport": "transport",
    "s3:x-amz-server-side-encryption": "encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "encryption",
    "aws:principalorgid": "organisation",
    "aws:principalorgpaths": "organisation",
    "aws:sourceorgid": "organisation",
    "aws:principalaccount": "accounts",
    "aws:sourceaccount": "accounts",
    "aws:sourcevpc": "network",
    "aws:sourcevpce": "network",
    "aws:vpcsourceip": "network",
    "aws:sourceip": "network",
    "aws:principalarn": "principals",
    "aws:userid": "principals",
}
_PUBLIC = (
    ("block_public_acls", "BlockPublicAcls"),
    ("ignore_public_acls", "IgnorePublicAcls"),
    ("block_public_policy", "BlockPublicPolicy"),
    ("restrict_public_buckets", "RestrictPublicBuckets"),
)


def buckets(view: View) -> Section:
    """The buckets with policy, ownership, encryption, Block Public Access and what they deny."""
    pipeline = view.snapshot.pipeline.value
    stores = {store.bucket: store.region for store in pipeline.stores} if pipeline else {}
    details = []
    for name, reading in sorted(
        view.snapshot.buckets.items(), key=lambda item: (item[0] not in stores, item[0])
    ):
        state = view.reading(reading) if reading.value is None else _bucket(view, reading.value)
        role = (
            view.say("sections.store", bucket=name, region=stores[name]) if name in stores else name
        )
        details.append(view.status(role, state))
    return view.section(
        "bucket",
        _of(view, ("s3",)),
        view.found(Component.BUCKET),
        nothing="none",
        state=_short_buckets(view, stores),
        details=details,
    )


def keys(view: View) -> Section:
    """The keys with manager, state, policy, grants and aliases."""
    details = [
        view.status(
            view.names.short(arn),
            view.reading(reading) if reading.value is None else _key(view, reading.value),
        )
        for arn, reading in view.snapshot.keys.items()
    ]
    return view.section(
        "kms",
        _of(view, ("kms",)),
        view.found(Component.KMS),
        nothing="no_keys",
        state=_short_keys(view),
        details=details,
    )


def connections(view: View) -> Section:
    """The connections with status and provider, and under which of its two names each is allowed.

    AWS renamed the service, and both prefixes are in use:
    https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
    """
    mine = _of(view, _CONNECTIONS)
    details = []
    for arn, reading in view.snapshot.connections.items():
        state = view.reading(reading) if reading.value is None else _connection(view, reading.value)
        details.append(view.status(view.names.short(arn), state))
    return view.section(
        "connection",
        mine,
        view.found(Component.CONNECTION),
        nothing="no_connections",
        state=_short_connections(view),
        details=(*details, *_prefixes(view, mine)),
        parts={Kind.CONNECTION},
    )


def trust(view: View) -> Section:
    """Who assumes which role."""
    mine = _of(view, ("sts",))
    pairs: dict[tuple[str, str], Check] = {}
    for check in mine:
        need = check.requirement
        pairs.setdefault((role_of(need.principal), need.resource), check)
    details = [
        view.say(
            f"sections.assumes_{check.verdict.decision}",
            who=view.names.who(principal),
            role=view.names.party(role),
        )
        for (principal, role), check in pairs.items()
    ]
    return view.section("trust", mine, view.found(Component.TRUST), nothing="none", details=details)


def _of(view: View, services: Sequence[str]) -> list[Check]:
    """The pipeline's own use of some services; what a person may do is a section of its own."""
    return [
        each
        for each in view.checks
        if each.requirement.action.lower().partition(":")[0] in services
        and each.requirement.part is not Part.USER
    ]


# --- buckets -----------------------------------------------------------------------------------


def _bucket(view: View, bucket: Bucket) -> str:
    return view.say(
        "sections.bucket",
        policy=_policy(view, bucket.policy, PolicyKind.BUCKET),
        ownership=view.reading(bucket.ownership),
        key=_encryption(view, bucket),
        public=_public(view, bucket),
    )


def _short_buckets(view: View, stores: Iterable[str]) -> str:
    """The artifact stores in a phrase each: ownership, encryption, what the policy guards."""
    found = []
    for name in stores:
        bucket = view.snapshot.bucket(name).value
        if bucket is None:
            continue
        guards = _guards(_document(bucket.policy, PolicyKind.BUCKET))
        parts = [view.reading(bucket.ownership), _encryption(view, bucket)]
        if guards:
            words = view.listed([view.say(f"guards.{each}") for each in guards])
            parts.append(view.say("sections.denies", guards=words))
        found.append(view.status(name, ", ".join(parts)))
    return view.several(found)


def _encryption(view: View, bucket: Bucket) -> str:
    if bucket.encryption_key.state is State.ABSENT:
        return view.say("sections.sse_s3")
    key = view.reading(bucket.encryption_key)
    return view.names.what(key) if bucket.encryption_key.value is not None else key


def _public(view: View, bucket: Bucket) -> str:
    block = bucket.public_access_block
    if block.state is State.UNREADABLE:
        return view.say("sections.unread")
    off = [name for field, name in _PUBLIC if not getattr(block.value, field, False)]
    if not off:
        return view.say("sections.public_blocked")
    if len(off) == len(_PUBLIC):
        return view.say("sections.public_open")
    return view.say("sections.public_partly", names=view.listed(off))


# --- keys --------------------------------------------------------------------------------------


def _key(view: View, key: Key) -> str:
    grants = (
        view.say("sections.grants", count=len(key.grants.value or ()))
        if key.grants.known
        else view.reading(key.grants)
    )
    aliases = key.aliases.value
    return view.say(
        "sections.key",
        manager=_manager(view, key),
        state=view.reading(key.state),
        policy=_policy(view, key.policy, PolicyKind.KEY),
        grants=grants,
        alias=view.listed(aliases) if aliases else view.reading(_none(key.aliases)),
    )


def _none(aliases: Reading[tuple[str, ...]]) -> Reading[tuple[str, ...]]:
    """An empty list is as good as none."""
    return absent() if aliases.known else aliases


def _manager(view: View, key: Key) -> str:
    known = {"CUSTOMER": "customer_key", "AWS": "aws_key"}.get(key.manager.value or "")
    return view.say(f"sections.{known}") if known else view.reading(key.manager)


def _short_keys(view: View) -> str:
    found = [
        view.status(view.names.short(arn), f"{_manager(view, key)}, {view.reading(key.state)}")
        for arn, reading in view.snapshot.keys.items()
        if (key := reading.value) is not None
    ]
    return view.several(found)


# --- connections -------------------------------------------------------------------------------


def _connection(view: View, connection: Connection) -> str:
    return ", ".join(
        part for part in (view.reading(connection.status), connection.provider) if part
    )


def _short_connections(view: View) -> str:
    found = [
        view.status(
            view.names.short(arn),
            view.reading(reading.value.status if reading.value is not None else reading),
        )
        for arn, reading in view.snapshot.connections.items()
    ]
    return view.several(found)


def _prefixes(view: View, checks: Iterable[Check]) -> Iterator[str]:
    """Under which prefixes each principal may use a connection; AWS's pages name either."""
    allowed: dict[tuple[str, str], dict[str, None]] = {}
    for check in checks:
        need = check.requirement
        prefix, _, operation = need.action.partition(":")
        if operation.lower() != "useconnection":
            continue
        pair = allowed.setdefault((role_of(need.principal), need.resource), {})
        if check.verdict.decision is Decision.ALLOWED:
            pair[prefix] = None
    for (principal, resource), prefixes in allowed.items():
        yield view.say(
            "sections.prefixes" if prefixes else "sections.no_prefix",
            who=view.names.who(principal),
            what=view.names.what(resource),
            prefixes=view.listed(prefixes),
        )


# --- documents ---------------------------------------------------------------------------------


def _policy(view: View, reading: Reading[PolicyText], kind: PolicyKind) -> str:
    """A policy in words: how many statements, and what those that deny guard against."""
    document = _document(reading, kind)
    if document is None:
        return view.reading(reading)
    denies = [each for each in document.statements if each.effect is Effect.DENY]
    said = view.say("sections.statements", count=len(document.statements))
    if not denies:
        return said
    words = view.listed(_deny(view, each) for each in denies)
    return view.say("sections.statements_deny", statements=said, denies=words)


def _document(reading: Reading[PolicyText], kind: PolicyKind) -> Document | None:
    return parse(reading.value, name="", kind=kind) if reading.value is not None else None


def _deny(view: View, statement: Statement) -> str:
    guard = _guard(statement)
    if guard is None:
        return statement.label
    return view.say("sections.deny", statement=statement.label, guard=view.say(f"guards.{guard}"))


def _guards(document: Document | None) -> list[str]:
    statements = document.statements if document is not None else ()
    found = [_guard(each) for each in statements if each.effect is Effect.DENY]
    return list(dict.fromkeys(each for each in found if each is not None))


def _guard(statement: Statement) -> str | None:
    condition = statement.raw.get("Condition")
    tests = condition.values() if isinstance(condition, dict) else ()
    keys = [key.lower() for test in tests if isinstance(test, dict) for key in test]
    return next((_GUARDS[key] for key in keys if key in _GUARDS), None)
