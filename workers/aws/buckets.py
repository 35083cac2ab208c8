"""Buckets: policy, Object Ownership, encryption, Block Public Access, versioning, tags.

A bucket's name does not say whose it is, and S3 shows a bucket's policy only to its owner's
account: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html. So the accounts
are tried with ExpectedBucketOwner, the most likely first, and an answer proves the owner:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from __future__ import annotations

from collections.abc import Mapping

from workers.aws import reasons
from workers.aws.calls import Answer, Branch, Chain, Place, then
from workers.aws.documents import Entries, Entry, Home, tags
from workers.snapshot.model import (
    Bucket,
    PublicAccessBlock,
    Reading,
    Reference,
    State,
    absent,
    present,
    unreadable,
)

_OPERATIONS = (
    "GetBucketLocation",
    "GetBucketPolicy",
    "GetBucketOwnershipControls",
    "GetBucketEncryption",
    "GetPublicAccessBlock",
    "GetBucketVersioning",
    "GetBucketTagging",
)
# GetBucketLocation says nothing for us-east-1, and an old name for another.
_REGIONS = {"EU": "eu-west-1"}
# Encryption with KMS and no key named means the AWS managed key.
_AWS_MANAGED_KEY = "alias/aws/s3"


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The bucket of a name (or ARN); absent when no account of the partition has one."""
    name = reference.id.rpartition(":::")[2].partition("/")[0]
    likely = reference.account or home.account
    region = reference.region or home.region
    found = _asked(chain, name, likely, region)
    if found.state is State.UNREADABLE:
        found = _searched(chain, name, likely, region, found.why)
    return (Entry("buckets", reference.id, found),)


def _asked(chain: Chain, name: str, account: str, region: str) -> Reading[Bucket]:
    """The bucket if this account owns it; unreadable when that cannot be told."""
    where = Place("s3", account, region)

    def ask(operation: str) -> Branch[Reading[Answer]]:
        return chain.fork(
            lambda side: side.read(
                where, operation, subject=name, Bucket=name, ExpectedBucketOwner=account
            )
        )

    branches = {operation: ask(operation) for operation in _OPERATIONS}
    answers = {operation: branch.join() for operation, branch in branches.items()}
    location = answers["GetBucketLocation"]
    if location.state is State.ABSENT:
        return absent()
    if not any(answer.known for answer in answers.values()):
        return unreadable(location.why)
    return present(_bucket(name, account, region, answers))


def _searched(chain: Chain, name: str, tried: str, region: str, why: str) -> Reading[Bucket]:
    """The bucket in whichever other configured account owns it."""
    accounts = chain.calls.sessions.settings.accounts
    others = [account.id for account in accounts if account.id != tried]
    whys = [why]

    def locate(side: Chain, account: str) -> Reading[Answer]:
        return side.read(
            Place("s3", account, region),
            "GetBucketLocation",
            subject=name,
            Bucket=name,
            ExpectedBucketOwner=account,
        )

    for account, answer in zip(others, chain.each(locate, others), strict=True):
        if answer.state is State.PRESENT:
            return _asked(chain, name, account, region)
        whys.append(answer.why)
    return unreadable(
        reasons.text(
            "bucket_owner_unknown", bucket=name, tried=" ".join(dict.fromkeys(filter(None, whys)))
        )
    )


def _bucket(name: str, account: str, region: str, answers: Mapping[str, Reading[Answer]]) -> Bucket:
    location = answers["GetBucketLocation"]
    if location.state is State.PRESENT:
        constraint = location.require().get("LocationConstraint") or "us-east-1"
        region = _REGIONS.get(constraint, constraint)
    return Bucket(
        name=name,
        account=account,
        region=region,
        policy=then(answers["GetBucketPolicy"], lambda answer: str(answer["Policy"])),
        ownership=then(answers["GetBucketOwnershipControls"], _ownership),
        encryption_key=_key(answers["GetBucketEncryption"]),
        bucket_key=then(answers["GetBucketEncryption"], _has_bucket_key),
        public_access_block=then(answers["GetPublicAccessBlock"], _public_access_block),
        versioning=then(
            answers["GetBucketVersioning"], lambda answer: str(answer.get("Status", "Off"))
        ),
        tags=then(answers["GetBucketTagging"], lambda answer: tags(answer["TagSet"])),
    )


def _ownership(answer: Answer) -> str:
    return str(answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"])


def _key(encryption: Reading[Answer]) -> Reading[str]:
    """The key of the default encryption; absent when S3's own keys are used (SSE-S3)."""
    if encryption.state is not State.PRESENT:
        return Reading(encryption.state, None, encryption.why)
    for rule in encryption.require()["ServerSideEncryptionConfiguration"]["Rules"]:
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        if default.get("SSEAlgorithm", "").startswith("aws:kms"):
            return present(str(default.get("KMSMasterKeyID", _AWS_MANAGED_KEY)))
    return Reading(State.ABSENT)


def _has_bucket_key(answer: Answer) -> bool:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html"""
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    return any(bool(rule.get("BucketKeyEnabled")) for rule in rules)


def _public_access_block(answer: Answer) -> PublicAccessBlock:
    given = answer["PublicAccessBlockConfiguration"]
    return PublicAccessBlock(
        block_public_acls=given.get("BlockPublicAcls", False),
        ignore_public_acls=given.get("IgnorePublicAcls", False),
        block_public_policy=given.get("BlockPublicPolicy", False),
        restrict_public_buckets=given.get("RestrictPublicBuckets", False),
    )
