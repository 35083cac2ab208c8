"""`pipeline-access doctor`: what is missing is found, named, and has its remedy beside it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from tests.aws.cloud import Call, Cloud
from tests.aws.conftest import PIPELINES, REGION, WORKLOAD
from workers.aws.operations import operations
from workers.cli import cli

CONFIGURATION = f"""
[defaults]
regions = ["{REGION}"]
external_id = "our-external-id"
[[accounts]]
id = "{PIPELINES}"
alias = "pipelines"
[[accounts]]
id = "{WORKLOAD}"
alias = "workload"
[slack]
workspace = "T0ACME"
"""
READS = {
    action for each in operations().values() if "read" in each.roles for action in each.actions
}


def simulated(call: Call, *denied: str) -> str:
    members = "".join(
        f"<member><EvalActionName>{action}</EvalActionName><EvalDecision>"
        f"{'implicitDeny' if action in denied else 'allowed'}</EvalDecision></member>"
        for action in sorted(READS)
        if action.replace(":", "%3A") in call.body
    )
    return (
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false"
        f"</IsTruncated><EvaluationResults>{members}</EvaluationResults>"
        "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )


class _Slack(BaseHTTPRequestHandler):
    """auth.test as Slack answers it: https://docs.slack.dev/reference/methods/auth.test"""

    answer: ClassVar[dict[str, Any]] = {}

    def do_POST(self) -> None:
        body = json.dumps(self.answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Slack]]:
    server = HTTPServer(("127.0.0.1", 0), _Slack)
    _Slack.answer = {"ok": True, "user": "bot", "team": "Acme", "team_id": "T0ACME"}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("SLACK_API_URL", f"http://127.0.0.1:{server.server_port}/api/")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-not-a-token")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "not-a-secret")
    yield _Slack
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def configured(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    file = tmp_path / "pipeline-access.toml"
    file.write_text(CONFIGURATION, "utf-8")
    monkeypatch.setenv("PIPELINE_ACCESS_CONFIG", str(file))
    cloud.answer("iam", "SimulatePrincipalPolicy", simulated)
    # As the templates have it: nobody gets in without the external id.
    cloud.refuse("sts", "AssumeRole", when=lambda call: "ExternalId" not in call.body)
    return cloud


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments])


def checks(result: Result) -> dict[str, dict[str, str]]:
    return {each["what"]: each for each in json.loads(result.output)["checks"]}


def test_where_all_is_in_place_it_says_so(configured: Cloud, slack: type[_Slack]) -> None:
    result = doctor("--skip", "redis")
    assert result.exit_code == 0, result.output
    assert "All is in place." in result.output
    assert "pipelines (111111111111): read role" in result.output


def test_every_account_is_tried(configured: Cloud, slack: type[_Slack]) -> None:
    result = doctor("--skip", "redis", "--json")
    found = checks(result)
    assert {name: each["health"] for name, each in found.items()} == {
        "configuration": "ok",
        "worker credentials": "ok",
        "pipelines (111111111111): read role": "ok",
        "pipelines (111111111111): external id": "ok",
        "pipelines (111111111111): fix role": "ok",
        f"pipelines (111111111111): pipelines in {REGION}": "ok",
        "pipelines (111111111111): permissions of the read role": "ok",
        "workload (222222222222): read role": "ok",
        "workload (222222222222): external id": "ok",
        "workload (222222222222): fix role": "ok",
        f"workload (222222222222): pipelines in {REGION}": "ok",
        "workload (222222222222): permissions of the read role": "ok",
        "organisation": "advice",
        "Slack: bot token": "ok",
        "redis": "skipped",
    }


def test_an_account_without_the_role_fails_alone(configured: Cloud) -> None:
    configured.refuse("sts", "AssumeRole", when=lambda call: WORKLOAD in call.body)
    result = doctor("--skip", "redis", "--skip", "slack", "--json")
    found = checks(result)
    assert result.exit_code == 1
    assert found["workload (222222222222): read role"]["health"] == "failed"
    assert "Deploy deploy/aws/read-role.yaml" in found["workload (222222222222): read role"]["text"]
    assert found["pipelines (111111111111): read role"]["health"] == "ok"


def test_missing_reads_are_named(configured: Cloud) -> None:
    configured.answer(
        "iam", "SimulatePrincipalPolicy", lambda call: simulated(call, "kms:GetKeyPolicy")
    )
    result = doctor("--skip", "redis", "--skip", "slack", "--json")
    found = checks(result)["workload (222222222222): permissions of the read role"]
    assert found["health"] == "failed"
    assert "lacks 1 of its actions (kms:GetKeyPolicy)" in found["text"]


def test_a_role_that_lets_anybody_in_is_advised_against(configured: Cloud) -> None:
    configured.faults.clear()
    found = checks(doctor("--skip", "redis", "--skip", "slack", "--json"))
    assert found["pipelines (111111111111): external id"]["health"] == "advice"
    assert "without the external id" in found["pipelines (111111111111): external id"]["text"]


def test_the_fix_role_is_tried_with_a_session_that_may_do_nothing(configured: Cloud) -> None:
    doctor("--skip", "redis", "--skip", "slack")
    bodies = [call.body for call in configured.made("sts", "AssumeRole")]
    fixes = [body for body in bodies if "pipeline-access-fix" in body]
    assert len(fixes) == 2
    assert all("Deny" in body and "SourceIdentity=doctor" in body for body in fixes)


def test_a_token_of_another_workspace_fails(configured: Cloud, slack: type[_Slack]) -> None:
    slack.answer = {"ok": True, "user": "bot", "team": "Other", "team_id": "T0OTHER"}
    result = doctor("--skip", "aws", "--skip", "redis", "--json")
    assert checks(result)["Slack: workspace"]["text"] == (
        "the token is of T0OTHER, slack.workspace is T0ACME"
    )
    assert result.exit_code == 1


def test_a_token_that_slack_refuses_fails(configured: Cloud, slack: type[_Slack]) -> None:
    slack.answer = {"ok": False, "error": "invalid_auth"}
    result = doctor("--skip", "aws", "--skip", "redis")
    assert result.exit_code == 1
    assert "Slack says invalid_auth" in result.output
    assert "xoxb-not-a-token" not in result.output


def test_redis_that_does_not_answer_fails_without_its_password(
    configured: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:hush@127.0.0.1:9/0")
    result = doctor("--skip", "aws", "--skip", "slack")
    assert result.exit_code == 1
    assert "Check REDIS_URL" in result.output
    assert "hush" not in result.output


def test_redis_is_asked_whether_it_keeps_what_it_is_given(
    configured: Cloud, valkey: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", valkey)
    before = redis.config_get("maxmemory-policy")["maxmemory-policy"]
    assert before
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        found = checks(doctor("--skip", "aws", "--skip", "slack", "--json"))
    finally:
        redis.config_set("maxmemory-policy", before)
    assert found["Redis"]["health"] == "ok"
    assert found["Redis: keeps what it is given"]["health"] == "advice"
    assert "maxmemory-policy is allkeys-lru" in found["Redis: keeps what it is given"]["text"]


def test_a_configuration_that_cannot_be_used_ends_with_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.settings import ConfigurationError

    monkeypatch.setenv("PIPELINE_ACCESS_CONFIG", str(tmp_path / "none.toml"))
    assert isinstance(doctor().exception, ConfigurationError)  # `main` makes it status 2
