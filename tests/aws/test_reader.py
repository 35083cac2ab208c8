"""Reading everything that has a say in a pipeline, and what happens when AWS will not answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.aws.cloud import Cloud
from tests.aws.conftest import PIPELINES, REGION, TOOLS, WORKLOAD
from tests.aws.world import (
    ALLOW_ARTIFACTS,
    READ_ONLY,
    aws_managed,
    make_bucket,
    make_key,
    make_pipeline,
    make_role,
)
from workers.aws.reader import Progress, read_snapshot
from workers.aws.sessions import Sessions
from workers.settings import Settings
from workers.snapshot.model import Kind, Reference, Snapshot, State

BUCKET = "artifacts-of-shop"
BUCKET_POLICY = '{"Version":"2012-10-17","Statement":[],\n  "Statement": []}'


def wanted(snapshot: Snapshot) -> Iterable[Reference]:
    """Roles, buckets and keys that the structure names: a stand-in for the catalogue."""
    if snapshot.pipeline.state is not State.PRESENT:
        return
    pipeline = snapshot.pipeline.require()
    for arn in (pipeline.role_arn, *(action.role_arn for action in pipeline.actions)):
        if arn:
            yield Reference(Kind.ROLE, arn, arn.split(":")[4])
    for store in pipeline.stores:
        yield Reference(Kind.BUCKET, store.bucket, pipeline.account, store.region)
        if store.key:
            yield Reference(Kind.KEY, store.key, store.key.split(":")[4], store.region)


@pytest.fixture
def shop(cloud: Cloud) -> dict[str, str]:
    """A pipeline in one account that deploys into another."""
    for account in (PIPELINES, WORKLOAD):
        aws_managed(account)
    service = make_role(
        cloud,
        PIPELINES,
        "ShopPipeline",
        inline={"artifacts": json.dumps(ALLOW_ARTIFACTS)},
        attached=(READ_ONLY,),
        Tags=[{"Key": "owner", "Value": "shop"}],
    )
    deploy = make_role(cloud, WORKLOAD, "ShopDeploy", attached=(READ_ONLY,))
    make_bucket(cloud, PIPELINES, BUCKET)
    key = make_key(cloud, PIPELINES)
    make_pipeline(
        cloud,
        PIPELINES,
        "shop",
        role=service,
        bucket=BUCKET,
        key=key,
        deploy={"roleArn": deploy},
    )
    return {"service": service, "deploy": deploy, "key": key}


def read(settings: Settings, sessions: Sessions, name: str = "shop") -> Snapshot:
    snapshot, _ = read_snapshot(settings, sessions, name, PIPELINES, REGION, wanted=wanted)
    return snapshot


def test_a_pipeline_over_two_accounts_is_read_whole(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: dict[str, str]
) -> None:
    snapshot = read(settings, sessions)

    pipeline = snapshot.pipeline.require()
    assert pipeline.arn == f"arn:aws:codepipeline:{REGION}:{PIPELINES}:shop"
    assert pipeline.tags.require() == {"team": "payments"}
    assert [(store.bucket, store.key) for store in pipeline.stores] == [(BUCKET, shop["key"])]
    source, deploy = pipeline.actions
    assert (source.stage, source.type.provider, source.outputs) == (
        "Source",
        "CodeCommit",
        ("Code",),
    )
    assert deploy.role_arn == shop["deploy"]

    role = snapshot.role(shop["service"]).require()
    assert json.loads(role.trust.require())["Statement"][0]["Action"] == "sts:AssumeRole"
    managed, inline = role.policies.require()
    assert (managed.name, managed.aws_managed) == ("ReadOnlyAccess", True)
    assert json.loads(managed.document.require())["Version"] == "2012-10-17"
    assert json.loads(inline.document.require()) == ALLOW_ARTIFACTS
    assert role.boundary.state is State.ABSENT
    assert role.tags.require() == {"owner": "shop"}
    assert role.unique_id.startswith("AROA")
    assert snapshot.role(shop["deploy"]).state is State.PRESENT

    bucket = snapshot.bucket(BUCKET).require()
    assert (bucket.account, bucket.region) == (PIPELINES, REGION)
    assert bucket.policy.state is State.ABSENT

    key = snapshot.key(shop["key"]).require()
    assert (key.state.require(), key.manager.require()) == ("Enabled", "CUSTOMER")
    assert "Statement" in json.loads(key.policy.require())
    assert key.grants.require() == ()
    assert snapshot.aliases == {PIPELINES: "pipelines", WORKLOAD: "workload", TOOLS: "tools"}


def test_no_call_is_made_twice(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: dict[str, str]
) -> None:
    _, counts = read_snapshot(settings, sessions, "shop", PIPELINES, REGION, wanted=wanted)

    made = Counter(call.identity for call in cloud.calls)
    assert {call: times for call, times in made.items() if times > 1} == {}
    # Both roles carry ReadOnlyAccess, in two accounts: AWS's own policy is read once.
    assert len(cloud.made("iam", "GetPolicyVersion")) == 1
    assert counts.total == len(cloud.calls)
    assert counts.calls["s3"] == len(cloud.made("s3"))
    # assume, pipeline, policies of the role, the policy, its version
    assert counts.chain == 5


def test_texts_are_kept_as_they_were_written(
    cloud: Cloud, settings: Settings, sessions: Sessions
) -> None:
    twice = (
        '{"Version": "2012-10-17",\n "Statement": [{"Effect": "Allow",\n'
        '  "Action": "s3:*", "Action": "kms:*", "Resource": "*"}]}'
    )
    role = make_role(cloud, PIPELINES, "Twice", inline={"twice": twice})
    make_bucket(cloud, PIPELINES, BUCKET)
    cloud.client("s3", PIPELINES).put_bucket_policy(Bucket=BUCKET, Policy=BUCKET_POLICY)
    make_pipeline(cloud, PIPELINES, "shop", role=role, bucket=BUCKET)

    snapshot = read(settings, sessions)

    (policy,) = snapshot.role(role).require().policies.require()
    assert policy.document.require() == twice
    assert snapshot.bucket(BUCKET).require().policy.require() == BUCKET_POLICY


def test_progress_moves_to_the_end(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: dict[str, str]
) -> None:
    seen: list[Progress] = []
    read_snapshot(
        settings, sessions, "shop", PIPELINES, REGION, wanted=wanted, progress=seen.append
    )
    # The pipeline, its tags and runs, the account's place in the organisation, two roles, a
    # bucket, a key.
    assert [each.done for each in seen] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert seen[-1].total == 8
    assert all(each.done <= each.total for each in seen)
