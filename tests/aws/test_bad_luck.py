"""AWS refuses, limits, hangs, hides or has deleted: the rest of the reading still arrives, and
what is missing says who was refused what, where, and what to grant."""

from __future__ import annotations

import ast
import json
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from moto.iam.models import iam_backends

import workers.aws
from tests.aws.cloud import Call, Cloud
from tests.aws.conftest import PIPELINES, REGION, STRANGER, WORKLOAD
from tests.aws.test_reader import BUCKET, wanted
from tests.aws.world import ALLOW_ARTIFACTS, make_bucket, make_key, make_pipeline, make_role
from workers.aws.calls import Calls, Chain, Place
from workers.aws.reader import Wanted, read_snapshot
from workers.aws.sessions import Sessions
from workers.settings import Settings, validate
from workers.snapshot.model import Kind, Reference, Snapshot, State

READER = f"arn:aws:iam::{PIPELINES}:role/pipeline-access-read"


@pytest.fixture
def role(cloud: Cloud) -> str:
    inline = {"artifacts": json.dumps(ALLOW_ARTIFACTS)}
    return make_role(cloud, PIPELINES, "ShopPipeline", inline=inline)


@pytest.fixture
def shop(cloud: Cloud, role: str) -> str:
    make_bucket(cloud, PIPELINES, BUCKET)
    make_pipeline(cloud, PIPELINES, "shop", role=role, bucket=BUCKET)
    return role


def read(settings: Settings, sessions: Sessions, name: str = "shop") -> Snapshot:
    return read_snapshot(settings, sessions, name, PIPELINES, REGION, wanted=wanted)[0]


def paged(call: Call) -> str:
    """ListRolePolicies as IAM answers it, a hundred names a page (moto gives all at once)."""
    sent = parse_qs(call.body)
    names = sorted(iam_backends[PIPELINES]["aws"].get_role(sent["RoleName"][0]).policies)
    start = int(sent.get("Marker", ["0"])[0])
    members = "".join(f"<member>{name}</member>" for name in names[start : start + 100])
    more = start + 100 < len(names)
    return (
        "<ListRolePoliciesResponse><ListRolePoliciesResult>"
        f"<PolicyNames>{members}</PolicyNames><IsTruncated>{str(more).lower()}</IsTruncated>"
        f"{f'<Marker>{start + 100}</Marker>' if more else ''}"
        "</ListRolePoliciesResult></ListRolePoliciesResponse>"
    )


def only(*references: Reference) -> Wanted:
    def wants(snapshot: Snapshot) -> Iterable[Reference]:
        return references

    return wants


def test_a_refused_policy_text_is_unreadable_and_the_others_are_not(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.refuse(
        "iam",
        "GetRolePolicy",
        message="User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: "
        "iam:GetRolePolicy with an explicit deny in a service control policy",
    )
    role = read(settings, sessions).role(shop).require()

    (policy,) = role.policies.require()
    assert role.trust.state is State.PRESENT
    assert policy.name == "artifacts"
    assert policy.document.why == (
        f"{READER} may not iam:GetRolePolicy on the role's inline policy artifacts of "
        f"ShopPipeline in account {PIPELINES}, with an explicit deny in a service control "
        "policy. Allow iam:GetRolePolicy in the policy of that role "
        "(deploy/aws/read-role.yaml has it)."
    )


def test_half_the_policies_listed_is_not_all_of_them(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.refuse("iam", "ListAttachedRolePolicies")
    attached, inline = read(settings, sessions).role(shop).require().policies.require()

    assert attached.name == "attached policies"
    assert attached.document.state is State.UNREADABLE
    assert inline.document.state is State.PRESENT


def test_a_role_whose_description_is_refused_keeps_its_policies(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.refuse("iam", "GetRole")
    role = read(settings, sessions).role(shop).require()

    assert role.trust.state is State.UNREADABLE
    assert role.boundary.state is State.UNREADABLE
    assert role.policies.state is State.PRESENT


def test_a_role_that_is_gone_is_absent_not_unreadable(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    gone = f"arn:aws:iam::{WORKLOAD}:role/Deleted"
    wants = only(Reference(Kind.ROLE, gone, WORKLOAD))
    snapshot, _ = read_snapshot(settings, sessions, "shop", PIPELINES, REGION, wanted=wants)
    assert snapshot.role(gone).state is State.ABSENT


def test_an_account_that_refuses_the_read_role_takes_only_itself_away(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.refuse("sts", "AssumeRole", when=lambda call: WORKLOAD in call.body)
    there = f"arn:aws:iam::{WORKLOAD}:role/ShopDeploy"
    wants = only(Reference(Kind.ROLE, there, WORKLOAD), Reference(Kind.ROLE, shop, PIPELINES))
    snapshot, counts = read_snapshot(settings, sessions, "shop", PIPELINES, REGION, wanted=wants)

    assert snapshot.role(shop).state is State.PRESENT
    why = snapshot.role(there).why
    assert f"cannot assume arn:aws:iam::{WORKLOAD}:role/pipeline-access-read" in why
    assert len([call for call in cloud.made("sts", "AssumeRole") if WORKLOAD in call.body]) == 1
    assert counts.calls["sts"] == 2


def test_an_account_that_is_not_configured_is_said_so(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    foreign = f"arn:aws:iam::{STRANGER}:role/Elsewhere"
    wants = only(Reference(Kind.ROLE, foreign, STRANGER))
    snapshot, _ = read_snapshot(settings, sessions, "shop", PIPELINES, REGION, wanted=wants)
    assert snapshot.role(foreign).why.startswith(f"account {STRANGER} is not in the configuration")


def test_a_pipeline_that_was_deleted_meanwhile_is_absent(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.client("codepipeline", PIPELINES).delete_pipeline(name="shop")
    cloud.refuse("codepipeline", "ListActionExecutions", code="PipelineNotFoundException")
    cloud.refuse("codepipeline", "GetPipelineState", code="PipelineNotFoundException")
    snapshot = read(settings, sessions)

    assert snapshot.pipeline.state is State.ABSENT
    assert snapshot.runs.state is State.ABSENT


def test_a_call_that_is_limited_is_tried_again(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.refuse("iam", "GetRole", code="Throttling", message="Rate exceeded", times=1)
    snapshot = read(settings, sessions)

    assert snapshot.role(shop).require().trust.state is State.PRESENT
    assert len(cloud.made("iam", "GetRole")) == 2


def test_a_call_that_stays_limited_says_so(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.refuse("iam", "GetRole", code="Throttling", message="Rate exceeded")
    why = read(settings, sessions).role(shop).require().trust.why
    assert why.startswith(f"AWS limited the rate of iam:GetRole in account {PIPELINES}")


def test_a_role_with_a_thousand_policies_is_read_page_by_page(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    backend = iam_backends[PIPELINES]["aws"]
    for number in range(1000):
        document = json.dumps(ALLOW_ARTIFACTS | {"Id": f"number {number}"})
        backend.put_role_policy("ShopPipeline", f"policy-{number}", document)
    cloud.answer("iam", "ListRolePolicies", paged)
    policies = read(settings, sessions).role(shop).require().policies.require()

    documents = {policy.name: json.loads(policy.document.require()) for policy in policies}
    assert len(documents) == 1001
    for number in range(1000):
        assert documents[f"policy-{number}"]["Id"] == f"number {number}"
    assert len(cloud.made("iam", "ListRolePolicies")) == 11


def test_a_list_that_breaks_off_is_no_list(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    backend = iam_backends[PIPELINES]["aws"]
    for number in range(150):
        backend.put_role_policy("ShopPipeline", f"p{number}", json.dumps(ALLOW_ARTIFACTS))
    cloud.answer("iam", "ListRolePolicies", paged)
    cloud.refuse("iam", "ListRolePolicies", when=lambda call: "Marker=" in call.body)
    policies = read(settings, sessions).role(shop).require().policies.require()
    assert [(each.name, each.document.state) for each in policies] == [
        ("inline policies", State.UNREADABLE)
    ]


def test_the_largest_bucket_policy_arrives_whole(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    # 20 KB is the limit: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
    policy = json.dumps(ALLOW_ARTIFACTS | {"Id": "x" * 20_000})
    cloud.client("s3", PIPELINES).put_bucket_policy(Bucket=BUCKET, Policy=policy)
    assert read(settings, sessions).bucket(BUCKET).require().policy.require() == policy


def test_a_bucket_of_another_configured_account_is_found_there(
    cloud: Cloud, settings: Settings, sessions: Sessions, role: str
) -> None:
    make_bucket(cloud, WORKLOAD, BUCKET)
    policy = '{"Version":"2012-10-17","Statement":[]}'
    cloud.client("s3", WORKLOAD).put_bucket_policy(Bucket=BUCKET, Policy=policy)
    make_pipeline(cloud, PIPELINES, "shop", role=role, bucket=BUCKET)
    bucket = read(settings, sessions).bucket(BUCKET).require()

    assert bucket.account == WORKLOAD
    assert bucket.policy.require() == policy
    assert all(
        call.headers["HTTP_X_AMZ_EXPECTED_BUCKET_OWNER"] in settings.model_dump_json()
        for call in cloud.made("s3")
    )


def test_a_bucket_of_a_stranger_is_unreadable_with_all_that_was_tried(
    cloud: Cloud, settings: Settings, sessions: Sessions, role: str
) -> None:
    make_bucket(cloud, STRANGER, BUCKET)
    make_pipeline(cloud, PIPELINES, "shop", role=role, bucket=BUCKET)
    reading = read(settings, sessions).bucket(BUCKET)

    assert reading.state is State.UNREADABLE
    assert f"no configured account could read the bucket {BUCKET}" in reading.why
    assert f"account {PIPELINES}" in reading.why
    assert f"account {WORKLOAD}" in reading.why


def test_a_bucket_that_does_not_exist_is_absent(
    cloud: Cloud, settings: Settings, sessions: Sessions, role: str
) -> None:
    make_pipeline(cloud, PIPELINES, "shop", role=role, bucket=BUCKET)
    assert read(settings, sessions).bucket(BUCKET).state is State.ABSENT


def test_a_bucket_whose_policy_alone_is_refused_keeps_the_rest(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.refuse("s3", "GetBucketPolicy", message="Access Denied")
    bucket = read(settings, sessions).bucket(BUCKET).require()

    assert bucket.policy.state is State.UNREADABLE
    assert f"may not s3:GetBucketPolicy on the bucket policy {BUCKET}" in bucket.policy.why
    assert bucket.account == PIPELINES
    assert bucket.public_access_block.known


def test_a_key_of_a_stranger_tells_what_it_shows_to_others(
    cloud: Cloud, settings: Settings, sessions: Sessions, role: str
) -> None:
    """DescribeKey works across accounts, GetKeyPolicy does not:
    https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyPolicy.html"""
    key = f"arn:aws:kms:{REGION}:{STRANGER}:key/11111111-2222-3333-4444-555555555555"
    cloud.answer(
        "kms",
        "DescribeKey",
        {
            "KeyMetadata": {
                "KeyId": "1",
                "Arn": key,
                "KeyState": "Disabled",
                "KeyManager": "CUSTOMER",
            }
        },
    )
    cloud.answer("kms", "ListGrants", {"Grants": []})
    wants = only(Reference(Kind.KEY, key, STRANGER, REGION))
    snapshot, _ = read_snapshot(settings, sessions, "shop", PIPELINES, REGION, wanted=wants)

    found = snapshot.key(key).require()
    assert found.state.require() == "Disabled"
    assert f"the key belongs to account {STRANGER}" in found.policy.why
    assert cloud.made("kms", "GetKeyPolicy") == []


def test_an_alias_leads_to_its_key_under_both_names(
    cloud: Cloud, settings: Settings, sessions: Sessions, role: str
) -> None:
    key = make_key(cloud, PIPELINES)
    cloud.client("kms", PIPELINES).create_alias(AliasName="alias/artifacts", TargetKeyId=key)
    alias = f"arn:aws:kms:{REGION}:{PIPELINES}:alias/artifacts"
    wants = only(Reference(Kind.KEY, alias, PIPELINES, REGION))
    snapshot, _ = read_snapshot(settings, sessions, "shop", PIPELINES, REGION, wanted=wants)

    assert snapshot.key(alias).require().arn == key
    assert snapshot.key(key) == snapshot.key(alias)
    assert snapshot.key(key).require().aliases.require() == ("alias/artifacts",)


def test_a_region_that_is_not_enabled_says_what_to_enable(
    cloud: Cloud, settings: Settings, sessions: Sessions
) -> None:
    cloud.refuse(
        "codepipeline",
        "GetPipeline",
        code="UnrecognizedClientException",
        message="The security token included in the request is invalid.",
    )
    snapshot, _ = read_snapshot(
        settings, sessions, "shop", PIPELINES, "me-south-1", wanted=lambda snapshot: ()
    )
    assert "codepipeline in me-south-1 does not accept the session" in snapshot.pipeline.why
    assert f"enable it in account {PIPELINES}" in snapshot.pipeline.why


def test_a_place_that_does_not_answer_says_so(
    cloud: Cloud, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEPIPELINE", "http://127.0.0.1:9")
    sessions = Sessions(settings, attempts=1, connect_seconds=0.5)
    snapshot = read(settings, sessions)
    assert snapshot.pipeline.why.startswith(f"codepipeline in {REGION} did not answer")


def test_another_partition_is_read_in_its_own_words(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "cn-north-1")
    settings = validate(
        {"accounts": [{"id": PIPELINES, "alias": "cn", "regions": ["cn-north-1"]}]}, "test.toml"
    )
    cloud.answer(
        "codepipeline",
        "GetPipeline",
        {"pipeline": {"name": "shop", "artifactStore": {"type": "S3", "location": BUCKET}}},
    )
    sessions = Sessions(settings, attempts=1)
    snapshot, _ = read_snapshot(
        settings, sessions, "shop", PIPELINES, "cn-north-1", wanted=lambda snapshot: ()
    )
    assert snapshot.pipeline.require().arn == f"arn:aws-cn:codepipeline:cn-north-1:{PIPELINES}:shop"
    (assumed,) = cloud.made("sts", "AssumeRole")
    assert f"arn%3Aaws-cn%3Aiam%3A%3A{PIPELINES}%3Arole" in assumed.body


def test_what_is_late_is_unreadable_and_the_rest_arrives(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.answers["s3", "GetBucketPolicy"] = lambda call: time.sleep(8)
    with Calls(sessions, seconds=3) as calls:
        snapshot, _ = read_snapshot(
            settings, sessions, "shop", PIPELINES, REGION, wanted=wanted, calls=calls
        )
    assert snapshot.role(shop).state is State.PRESENT
    assert "the time for this diagnosis (3 s) was over" in snapshot.bucket(BUCKET).why


def test_a_fault_of_a_reader_does_not_silence_the_others(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: str
) -> None:
    cloud.answer("kms", "DescribeKey", {"KeyMetadata": {}})  # an answer that AWS never gives
    key = f"arn:aws:kms:{REGION}:{PIPELINES}:alias/broken"
    wants = only(Reference(Kind.KEY, key), Reference(Kind.ROLE, shop))
    snapshot, _ = read_snapshot(settings, sessions, "shop", PIPELINES, REGION, wanted=wants)

    assert snapshot.role(shop).state is State.PRESENT
    assert snapshot.key(key).why == "KeyError: 'Arn'"


def test_waiting_for_each_other_in_one_small_pool_never_hangs(
    cloud: Cloud, settings: Settings, sessions: Sessions
) -> None:
    def nested(chain: Chain, depth: int) -> int:
        if depth == 0:
            return 1
        return sum(chain.each(lambda side, _: nested(side, depth - 1), range(3)))

    with Calls(sessions, threads=2) as calls:
        assert nested(Chain(calls), 5) == 3**5


def test_a_chain_is_as_long_as_its_longest_branch(cloud: Cloud, sessions: Sessions) -> None:
    where = Place("iam", PIPELINES, REGION)
    with Calls(sessions, threads=4) as calls:
        chain = Chain(calls)
        short = chain.fork(lambda side: side.read(where, "GetRole", RoleName="a"))

        def two(side: Chain) -> None:
            side.read(where, "GetUser", UserName="b")
            side.read(where, "GetUser", UserName="c")

        long = chain.fork(two)
        short.join()
        long.join()
        assert chain.length == 3  # assume, one user, the other
        assert calls.counts().calls == {"iam": 3, "sts": 1}
        assert chain.read(where, "GetUser", UserName="c").state is State.ABSENT
        assert calls.counts().total == 4  # known already


def test_every_sentence_is_used_and_every_sentence_used_exists() -> None:
    package = Path(next(iter(workers.aws.__path__)))
    sentences = tomllib.loads((package / "reasons.toml").read_text("utf-8"))
    written = {
        node.value
        for file in package.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(sentences) - written == set()
    for name in written:
        if name.startswith(("change_", "check_", "retry_")):
            assert name in sentences
