"""The parts of an ARN and what a region says about its partition.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ARN = re.compile(r"^arn:(?P<partition>aws[\w-]*):(?P<service>[\w-]+):"
                  r"(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>.+)$", re.DOTALL)  # fmt: skip

# Prefix of the region's name -> partition, as botocore's endpoint data has them.
_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("us-iso-", "aws-iso"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
)
_KNOWN_HOSTS = frozenset({"aws", "aws-us-gov"})


@dataclass(frozen=True, slots=True)
class Arn:
    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse(text: str | None) -> Arn | None:
    """The parts of an ARN; None when the text is none."""
    found = _ARN.match(text or "")
    return Arn(**found.groupdict()) if found else None


def account_of(text: str | None) -> str:
    """The account in an ARN; empty when it names none (S3) or the text is no ARN."""
    arn = parse(text)
    return arn.account if arn else ""


def region_of(text: str | None) -> str:
    arn = parse(text)
    return arn.region if arn else ""


def partition_of(region: str, example: str | None = None) -> str:
    """The partition of a region; of an ARN that is known to lie in it when there is one."""
    arn = parse(example)
    if arn is not None:
        return arn.partition
    for prefix, partition in _PARTITIONS:
        if region.startswith(prefix):
            return partition
    return "aws"


def service_host(service: str, region: str, partition: str) -> str | None:
    """The host that kms:ViaService carries: `s3.eu-west-1.amazonaws.com`.

    None where nobody here knows it: in China, hosts end in .com.cn, and policies that work there
    are seen with either ending.
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return f"{service}.{region}.amazonaws.com" if partition in _KNOWN_HOSTS else None
