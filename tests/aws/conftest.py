"""The fixtures of this room: an empty cloud, and settings that know three of its accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.aws import cloud as clouds
from tests.aws.cloud import Cloud
from workers.aws.sessions import Sessions
from workers.settings import Settings, validate

PIPELINES = "111111111111"
WORKLOAD = "222222222222"
TOOLS = "333333333333"
STRANGER = "999999999999"
MANAGEMENT = "444444444444"
REGION = "eu-west-1"


@pytest.fixture(scope="session")
def running_cloud() -> Iterator[Cloud]:
    with clouds.running() as cloud:
        yield cloud


@pytest.fixture
def cloud(running_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """An empty cloud that the environment points at, with the worker's credentials."""
    requests.post(f"{running_cloud.url}/moto-api/reset", timeout=10).raise_for_status()
    running_cloud.calls.clear()
    running_cloud.faults.clear()
    running_cloud.answers.clear()
    running_cloud.delay = 0.0
    running_cloud.slow.clear()
    running_cloud.answer("codepipeline", "ListActionExecutions", {"actionExecutionDetails": []})
    running_cloud.answer("codepipeline", "GetPipelineState", {"stageStates": []})
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", running_cloud.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAWORKER0000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return running_cloud


@pytest.fixture
def settings() -> Settings:
    return validate(
        {
            "defaults": {"regions": [REGION], "external_id": "our-external-id"},
            "accounts": [
                {"id": PIPELINES, "alias": "pipelines"},
                {"id": WORKLOAD, "alias": "workload"},
                {"id": TOOLS, "alias": "tools", "read_role": "tools/reader"},
            ],
        },
        "test.toml",
    )


@pytest.fixture
def sessions(cloud: Cloud, settings: Settings) -> Sessions:
    return Sessions(settings, request_id="R-42", attempts=2)
