"""Many pipelines in one go: what they share is asked for once."""

from __future__ import annotations

import json

import pytest

from tests.aws.cloud import Cloud
from tests.aws.conftest import PIPELINES, REGION, TOOLS, WORKLOAD
from tests.aws.test_reader import BUCKET, wanted
from tests.aws.world import ALLOW_ARTIFACTS, make_bucket, make_key, make_pipeline, make_role
from workers.aws.calls import Calls
from workers.aws.search import Listed, find_pipelines, list_pipelines
from workers.aws.sessions import Sessions
from workers.aws.sweep import read_pipelines
from workers.settings import Settings
from workers.snapshot.model import State

NAMES = tuple(f"shop-{number}" for number in range(6))


@pytest.fixture
def shops(cloud: Cloud) -> list[Listed]:
    """Six pipelines with one role, one bucket and one key."""
    inline = {"artifacts": json.dumps(ALLOW_ARTIFACTS)}
    role = make_role(cloud, PIPELINES, "ShopPipeline", inline=inline)
    make_bucket(cloud, PIPELINES, BUCKET)
    key = make_key(cloud, PIPELINES)
    for name in NAMES:
        make_pipeline(cloud, PIPELINES, name, role=role, bucket=BUCKET, key=key)
    return [Listed(name, PIPELINES, REGION) for name in NAMES]


def test_what_is_shared_is_asked_for_once(
    cloud: Cloud, settings: Settings, sessions: Sessions, shops: list[Listed]
) -> None:
    with Calls(sessions) as calls:
        read = dict(read_pipelines(settings, sessions, shops, calls, wanted=wanted))
    assert [one.name for one in read] == list(NAMES)
    for one, snapshot in read.items():
        assert snapshot.pipeline.require().name == one.name
        assert snapshot.bucket(BUCKET).state is State.PRESENT
    assert len(cloud.made("codepipeline", "GetPipeline")) == 6
    for shared in (("iam", "GetRole"), ("s3", "GetBucketPolicy"), ("kms", "GetKeyPolicy")):
        assert len(cloud.made(*shared)) == 1


def test_a_sweep_that_is_stopped_begins_no_further_pipeline(
    cloud: Cloud, settings: Settings, sessions: Sessions, shops: list[Listed]
) -> None:
    with Calls(sessions) as calls:
        done: list[str] = []
        swept = read_pipelines(
            settings, sessions, shops, calls, at_once=1, wanted=wanted, stop=lambda: len(done) >= 2
        )
        for one, _ in swept:
            done.append(one.name)
    assert done == ["shop-0", "shop-1"]
    assert len(cloud.made("codepipeline", "GetPipeline")) == 2


def test_the_answers_about_one_pipeline_are_forgotten(
    cloud: Cloud, settings: Settings, sessions: Sessions, shops: list[Listed]
) -> None:
    with Calls(sessions) as calls:
        list(read_pipelines(settings, sessions, shops, calls, wanted=wanted))
        list(read_pipelines(settings, sessions, shops[:1], calls, wanted=wanted))
    again = [call for call in cloud.made("codepipeline", "GetPipeline") if "shop-0" in call.body]
    assert len(again) == 2
    assert len(cloud.made("iam", "GetRole")) == 1


# --- finding -------------------------------------------------------------------------------------


def test_a_pipeline_is_found_by_its_exact_name(
    cloud: Cloud, settings: Settings, sessions: Sessions, shops: list[Listed]
) -> None:
    found = find_pipelines(settings, sessions, " shop-3 ")
    assert found.matches == (Listed("shop-3", PIPELINES, REGION),)
    assert (found.nearest, found.unseen) == ((), ())


def test_a_name_in_two_accounts_and_an_account_that_refuses(
    cloud: Cloud, settings: Settings, sessions: Sessions, shops: list[Listed]
) -> None:
    make_pipeline(
        cloud, WORKLOAD, "shop-1", role=make_role(cloud, WORKLOAD, "ShopPipeline"), bucket=BUCKET
    )
    cloud.refuse("sts", "AssumeRole", when=lambda call: TOOLS in call.body)
    found = find_pipelines(settings, sessions, "shop-1")
    assert [each.account for each in found.matches] == [PIPELINES, WORKLOAD]
    (unseen,) = found.unseen
    assert unseen.account == TOOLS
    assert "cannot assume" in unseen.why


def test_without_a_match_the_nearest_names_are_offered(
    cloud: Cloud, settings: Settings, sessions: Sessions, shops: list[Listed]
) -> None:
    assert find_pipelines(settings, sessions, "shpo-2").nearest[0].name == "shop-2"
    assert [each.name for each in find_pipelines(settings, sessions, "SHOP").nearest][:1] == [
        "shop-0"
    ]
    assert find_pipelines(settings, sessions, "zzzzzz").nearest == ()


@pytest.mark.parametrize("text", ["", "../shop", "a b", "x" * 500, "<!channel>", "shop\n"])
def test_what_is_no_name_is_not_asked_for(
    cloud: Cloud, settings: Settings, sessions: Sessions, text: str
) -> None:
    find_pipelines(settings, sessions, text)
    asked = [call.body for call in cloud.made("codepipeline", "GetPipeline")]
    assert all('"shop"' in body for body in asked)


def test_account_and_region_narrow_the_search(
    cloud: Cloud, settings: Settings, sessions: Sessions, shops: list[Listed]
) -> None:
    assert find_pipelines(settings, sessions, "shop-1", account="workload").matches == ()
    assert len(find_pipelines(settings, sessions, "shop-1", account="pipelines").matches) == 1
    assert find_pipelines(settings, sessions, "shop-1", region="eu-central-1").matches == ()


def test_pipelines_are_listed_by_a_part_of_their_name(
    cloud: Cloud, settings: Settings, sessions: Sessions, shops: list[Listed]
) -> None:
    assert [each.name for each in list_pipelines(settings, sessions, "OP-").matches] == list(NAMES)
    assert list_pipelines(settings, sessions, "other").matches == ()


def test_what_finding_read_is_not_read_again(
    cloud: Cloud, settings: Settings, sessions: Sessions, shops: list[Listed]
) -> None:
    with Calls(sessions) as calls:
        find_pipelines(settings, sessions, "shop-1", calls=calls)
        list(read_pipelines(settings, sessions, shops[1:2], calls, wanted=wanted))
    assert len(cloud.made("codepipeline", "GetPipeline")) == 3  # once in each account
