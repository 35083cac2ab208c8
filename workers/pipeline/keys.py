"""Which key a configured key id, ARN or alias means.

https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id
"""

from __future__ import annotations

import re

from workers.pipeline.arn import parse, partition_of
from workers.snapshot.model import Key, Reading, Snapshot, State, absent, present, unreadable

_AWS_MANAGED = re.compile(r"(^|:)alias/aws/")


def key_reference(configured: str, account: str, region: str, partition: str = "") -> str:
    """The ARN by which a configured key is asked for: of the key itself, or of its alias.

    A bare id or alias belongs to the account and region in which it is used.
    """
    if parse(configured) is not None:
        return configured
    partition = partition or partition_of(region)
    kind = "" if configured.startswith("alias/") else "key/"
    return f"arn:{partition}:kms:{region}:{account}:{kind}{configured}"


def resolve_key(snapshot: Snapshot, configured: str, account: str, region: str) -> Reading[str]:
    """The ARN of the key that `configured` means when `account` uses it in `region`.

    Absent when there is no such key or alias; unreadable when an alias could not be followed.
    `snapshot.keys` holds a key under the reference by which it was asked for, so what stands
    under an alias's ARN tells the key's own ARN.
    """
    partition = ""
    if snapshot.pipeline.state is State.PRESENT:
        partition = snapshot.pipeline.require().partition
    reference = key_reference(configured, account, region, partition)
    arn = parse(reference)
    if arn is None or not arn.resource.startswith("alias/"):
        return present(reference)
    asked = snapshot.key(reference)
    if asked.state is State.PRESENT:
        return present(asked.require().arn)
    for reading in snapshot.keys.values():
        if reading.state is State.PRESENT and _has_alias(reading.require(), reference):
            return present(reading.require().arn)
    return absent() if asked.state is State.ABSENT else unreadable(asked.why)


def is_aws_alias(configured: str) -> bool:
    """Whether it is an alias that AWS keeps for a key of its own (`alias/aws/s3`)."""
    return _AWS_MANAGED.search(configured) is not None


def is_aws_managed(snapshot: Snapshot, configured: str, account: str, region: str) -> bool:
    """Whether AWS manages the key: its policy lets everybody of its account use it through the
    service, and nobody else."""
    if is_aws_alias(configured):
        return True
    resolved = resolve_key(snapshot, configured, account, region)
    key = snapshot.key(resolved.value or "").value
    return key is not None and key.manager.value == "AWS"


def _has_alias(key: Key, alias_arn: str) -> bool:
    alias = parse(alias_arn)
    if alias is None or (key.account, key.region) != (alias.account, alias.region):
        return False
    names = key.aliases.value if key.aliases.state is State.PRESENT else None
    return any(name in (alias.resource, alias_arn) for name in names or ())
