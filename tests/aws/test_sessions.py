"""Assumed sessions and the clients under them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from urllib.parse import parse_qs

import pytest
from botocore.credentials import Credentials

from tests.aws.cloud import Cloud
from tests.aws.conftest import PIPELINES, STRANGER, TOOLS
from workers.aws.models import Session, models
from workers.aws.sessions import CannotAssume, Sessions, session_name
from workers.settings import Settings, validate


def test_the_role_is_assumed_with_the_external_id_and_a_name_that_carries_the_request(
    cloud: Cloud, sessions: Sessions
) -> None:
    sessions.assume(sessions.read_role(PIPELINES))

    (call,) = cloud.made("sts", "AssumeRole")
    sent = parse_qs(call.body)
    assert sent["RoleArn"] == [f"arn:aws:iam::{PIPELINES}:role/pipeline-access-read"]
    assert sent["ExternalId"] == ["our-external-id"]
    assert sent["RoleSessionName"] == ["pipeline-access-R-42"]
    assert "SourceIdentity" not in sent  # reads are the bot's own, nobody's in person


def test_a_role_with_a_path_keeps_it(sessions: Sessions) -> None:
    assert sessions.read_role(TOOLS).role_arn == f"arn:aws:iam::{TOOLS}:role/tools/reader"


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_the_role_is_in_the_partition_of_the_accounts_regions(
    cloud: Cloud, region: str, partition: str
) -> None:
    account = {"id": PIPELINES, "alias": "one", "regions": [region]}
    sessions = Sessions(validate({"accounts": [account]}, "test.toml"))
    assert sessions.read_role(PIPELINES).role_arn.startswith(f"arn:{partition}:iam::")


@pytest.mark.parametrize(
    ("request_id", "name"),
    [
        ("", "pipeline-access"),
        ("r/1 ü", "pipeline-access-r-1--"),
        ("x" * 100, "pipeline-access-" + "x" * 48),
    ],
)
def test_a_session_name_is_one_that_sts_takes(request_id: str, name: str) -> None:
    assert session_name(request_id) == name


def test_an_account_that_is_not_configured_is_said_so(sessions: Sessions) -> None:
    with pytest.raises(
        CannotAssume, match=rf"{STRANGER} is not in the configuration.*\[\[accounts"
    ):
        sessions.read_role(STRANGER)


def test_a_refused_role_names_worker_role_account_and_what_to_deploy(
    cloud: Cloud, sessions: Sessions
) -> None:
    cloud.refuse("sts", "AssumeRole", message="User x is not authorized to perform: sts:AssumeRole")
    role = sessions.read_role(PIPELINES)

    for _ in range(2):
        with pytest.raises(CannotAssume) as caught:
            sessions.assume(role)

    assert f"cannot assume arn:aws:iam::{PIPELINES}:role/pipeline-access-read" in str(caught.value)
    assert "deploy/aws/read-role.yaml in account 111111111111" in str(caught.value)
    assert "external id" in str(caught.value)
    assert "our-external-id" not in str(caught.value)
    assert len(cloud.made("sts", "AssumeRole")) == 1  # a refusal is not asked for twice


def test_no_credentials_are_said_in_words(
    cloud: Cloud, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    models.cache_clear()
    sessions = Sessions(settings)
    with pytest.raises(CannotAssume, match="the worker has no AWS credentials"):
        sessions.assume(sessions.read_role(PIPELINES))


def test_many_threads_share_one_session_and_one_client(cloud: Cloud, sessions: Sessions) -> None:
    role = sessions.read_role(PIPELINES)
    cloud.delay = 0.02
    with ThreadPoolExecutor(16) as pool:
        asked = list(pool.map(lambda _: sessions.assume(role), range(64)))
        clients = list(pool.map(lambda _: sessions.client("iam", role, "eu-west-1"), range(64)))
    assert len(cloud.made("sts", "AssumeRole")) == 1
    assert asked.count(True) == 1
    assert len({id(client) for client in clients}) == 1
    assert sessions.client("iam", role, "us-east-1") is not clients[0]


def test_whoever_needs_a_client_that_is_there_does_not_wait_for_one_that_is_being_made(
    cloud: Cloud, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = sessions.read_role(PIPELINES)
    there = sessions.client("iam", role, "eu-west-1")
    begun, end = Event(), Event()
    make = Session.client_for

    def slowly(self: Session, credentials: Credentials, service: str, **options: object) -> object:
        begun.set()
        assert end.wait(30)
        return make(self, credentials, service, **options)

    monkeypatch.setattr(Session, "client_for", slowly)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(sessions.client, "kms", role, "eu-west-1")
        assert begun.wait(30)
        assert sessions.client("iam", role, "eu-west-1") is there
        assert not other.done()
        end.set()
        assert other.result(30).meta.service_model.service_name == "kms"


def test_the_configuration_of_clients(cloud: Cloud, sessions: Sessions) -> None:
    role = sessions.read_role(PIPELINES)
    config = Sessions(sessions.settings).client("kms", role, "eu-west-1").meta.config
    assert config.retries == {"mode": "adaptive", "total_max_attempts": 8}
    assert config.connect_timeout == 5
    assert "pipeline-access" in config.user_agent


def test_each_request_takes_the_credentials_that_the_environment_has_now(
    cloud: Cloud, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models are shared for the life of the process; whose credentials they are is not."""
    Sessions(settings).worker()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIALATER00000000000")

    Sessions(settings).worker()

    used = [call.access_key for call in cloud.made("sts", "GetCallerIdentity")]
    assert used == ["AKIAWORKER0000000000", "AKIALATER00000000000"]
