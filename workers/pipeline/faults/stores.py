"""The artifact stores: bucket, key, and who shares them across accounts.

https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-cross-account.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from workers.pipeline.arn import account_of, region_of
from workers.pipeline.faults.fault import Fault, named, of_action, of_pipeline
from workers.pipeline.keys import resolve_key
from workers.pipeline.situation import Situation, Situations
from workers.snapshot.model import Pipeline, Role, Snapshot, State, Store

_UPDATE = "codepipeline:UpdatePipeline"
_KEY = "artifactStore.encryptionKey"
_MAY_PUT = re.compile(r'"(s3:(Put\*|PutObject|PutObject\*|\*)|\*)"', re.IGNORECASE)
_MAY_HAND_OVER = re.compile(r'"(s3:(Put\*|PutObjectAcl|PutObject\*|\*)|\*)"', re.IGNORECASE)


def find(snapshot: Snapshot, situations: Situations) -> Iterator[Fault]:
    pipeline, each = situations.pipeline, list(situations)
    for store in pipeline.stores:
        users = [
            situation
            for situation in each
            if situation.store == store
            and situation.account != pipeline.account
            and (situation.reads or situation.writes)
        ]
        yield from _bucket(snapshot, pipeline, store)
        if store.key is not None:
            yield from _key(snapshot, pipeline, store, store.key, users)
        elif users:
            yield of_pipeline(
                pipeline,
                "store_without_key",
                "config",
                action=_UPDATE,
                resource=_KEY,
                bucket=store.bucket,
                region=store.region,
                account=users[0].account,
                users=named(users),
            )
        yield from _ownership(snapshot, situations, store, each)


def _bucket(snapshot: Snapshot, pipeline: Pipeline, store: Store) -> Iterator[Fault]:
    reading = snapshot.bucket(store.bucket)
    if reading.state is State.ABSENT:
        yield of_pipeline(pipeline, "bucket_missing", "bucket", bucket=store.bucket)
    elif reading.state is State.PRESENT:
        region = reading.require().region
        if region and region != store.region:
            yield of_pipeline(
                pipeline,
                "bucket_in_other_region",
                "config",
                action=_UPDATE,
                resource=f"arn:{pipeline.partition}:s3:::{store.bucket}",
                bucket=store.bucket,
                region=region,
                expected=store.region,
            )


def _key(
    snapshot: Snapshot,
    pipeline: Pipeline,
    store: Store,
    configured: str,
    users: Sequence[Situation],
) -> Iterator[Fault]:
    if users and "alias/" in configured:
        yield of_pipeline(
            pipeline,
            "key_alias_across_accounts",
            "config",
            action=_UPDATE,
            resource=_KEY,
            key=configured,
            account=users[0].account,
            users=named(users),
        )
    resolved = resolve_key(snapshot, configured, pipeline.account, store.region)
    if resolved.state is State.ABSENT:
        yield of_pipeline(pipeline, "key_missing", "kms", resource=configured, key=configured)
    if resolved.state is not State.PRESENT:
        return
    arn = resolved.require()
    if region_of(arn) not in ("", store.region):
        yield of_pipeline(
            pipeline,
            "key_in_other_region",
            "config",
            action=_UPDATE,
            resource=_KEY,
            key=arn,
            region=region_of(arn),
            bucket=store.bucket,
            expected=store.region,
        )
    yield from _state(snapshot, pipeline, arn, users)


def _state(
    snapshot: Snapshot, pipeline: Pipeline, arn: str, users: Sequence[Situation]
) -> Iterator[Fault]:
    reading = snapshot.key(arn)
    if reading.state is State.ABSENT:
        yield of_pipeline(pipeline, "key_missing", "kms", resource=arn, key=arn)
    if reading.state is not State.PRESENT:
        return
    key = reading.require()
    if key.state.state is State.PRESENT and key.state.require() != "Enabled":
        yield of_pipeline(
            pipeline,
            "key_not_enabled",
            "kms",
            action="kms:Decrypt",
            resource=arn,
            key=arn,
            state=key.state.require(),
        )
    if users and key.manager.value == "AWS":
        yield of_pipeline(
            pipeline,
            "aws_managed_key_across_accounts",
            "config",
            action=_UPDATE,
            resource=_KEY,
            key=arn,
            account=users[0].account,
            users=named(users),
        )


def _ownership(
    snapshot: Snapshot, situations: Situations, store: Store, each: Sequence[Situation]
) -> Iterator[Fault]:
    """Objects that a role of another account uploads into a bucket of ObjectWriter ownership.

    CodePipeline hands over what its own actions upload; a role that works beside the pipeline,
    in a build for one, does so only when somebody thought of it.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    """
    bucket = snapshot.bucket(store.bucket).value
    if bucket is None or bucket.ownership.value != "ObjectWriter":
        return
    owner = bucket.account or situations.pipeline.account
    own = {situation.role_arn for situation in each}
    writers = [
        arn
        for arn in sorted(snapshot.roles)
        if arn not in own
        and account_of(arn) != owner
        and _uploads(snapshot.roles[arn].value, store.bucket)
    ]
    readers = [situation for situation in each if situation.reads and situation.store == store]
    if not writers or not readers:
        return
    reader = _failed(snapshot, readers) or readers[-1]
    yield of_action(
        reader,
        "object_ownership",
        "bucket",
        principal=reader.configuration.get("RoleArn") or reader.role_arn,
        action="s3:GetObject",
        resource=f"arn:{situations.pipeline.partition}:s3:::{store.bucket}/*",
        bucket=store.bucket,
        writer=writers[0],
        owner=owner,
    )


def _uploads(role: Role | None, bucket: str) -> bool:
    """Whether a role's policies name the bucket and uploading, but not the hand-over."""
    policies = role.policies.value if role is not None else None
    texts = [policy.document.value or "" for policy in policies or ()]
    about = [text for text in texts if bucket in text]
    return any(_MAY_PUT.search(text) for text in about) and not any(
        _MAY_HAND_OVER.search(text) for text in about
    )


def _failed(snapshot: Snapshot, situations: Sequence[Situation]) -> Situation | None:
    failed = {
        (run.stage, run.action) for run in snapshot.runs.value or () if run.status == "Failed"
    }
    for situation in situations:
        if (situation.action.stage, situation.action.name) in failed:
            return situation
    return None
