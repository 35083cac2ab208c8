"""`pipeline-access diagnose` at the terminal, without AWS."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.diagnosis.examine import CASES
from tests.diagnosis.world import SERVICE, STAGING, reference
from workers.commands.diagnose import diagnose

BLOCKED = CASES / "19-xacct-cfn-deploy-role-cannot-read-artifacts.json"


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIPELINE_ACCESS_CONFIG", str(tmp_path / "none.toml"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: object, given: str | None = None) -> Result:
    return CliRunner().invoke(diagnose, [str(each) for each in arguments], input=given)


def saved(tmp_path: Path, snapshot: dict[str, Any]) -> Path:
    file = tmp_path / "snapshot.json"
    file.write_text(json.dumps(snapshot), encoding="utf-8")
    return file


def test_a_clear_pipeline_ends_with_status_0(tmp_path: Path) -> None:
    result = run("--snapshot", saved(tmp_path, reference()))
    assert result.exit_code == 0
    assert "✔ clear  payments-deploy" in result.output


def test_a_blocked_one_ends_with_status_1_and_names_who_what_and_where() -> None:
    result = run("--snapshot", BLOCKED)
    assert result.exit_code == 1
    words = " ".join(result.output.split())
    assert "✖ blocked example-pipeline" in words
    assert "CfnDeploymentRole may not s3:GetObject" in words
    assert '+ "AWS": "arn:aws:iam::222222222222:role/CfnDeploymentRole"' in words


def test_one_that_cannot_be_decided_ends_with_status_3_and_says_what_to_grant(
    tmp_path: Path,
) -> None:
    snapshot = reference()
    snapshot["memberships"][STAGING] = {"$unreadable": "AccessDeniedException"}
    result = run("--snapshot", saved(tmp_path, snapshot))
    assert result.exit_code == 3
    words = " ".join(result.output.split())
    assert "? not known payments-deploy" in words
    assert "organizations:ListPoliciesForTarget" in words


def test_a_pipeline_that_does_not_exist_ends_with_status_2(tmp_path: Path) -> None:
    assert run("--snapshot", saved(tmp_path, {"snapshot": 1, "pipeline": None})).exit_code == 2


def test_a_pipeline_that_may_not_be_read_ends_with_status_3(tmp_path: Path) -> None:
    snapshot = {"snapshot": 1, "pipeline": {"$unreadable": "not allowed to assume the role"}}
    result = run("payments-deploy", "--snapshot", saved(tmp_path, snapshot))
    assert result.exit_code == 3
    assert "payments-deploy" in result.output
    assert "not allowed to assume the role" in result.output


def test_the_snapshot_can_come_from_standard_input() -> None:
    from_file = run("--snapshot", BLOCKED, "--json")
    from_input = run("--snapshot", "-", "--json", given=BLOCKED.read_text("utf-8"))
    assert from_input.output == from_file.output
    assert json.loads(from_file.output)["verdict"] == "blocked"


def test_a_saved_snapshot_gives_the_same_report_byte_for_byte(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    first = run("--snapshot", BLOCKED, "--json", "--save-snapshot", copy)
    assert run("--snapshot", copy, "--json").output == first.output


def test_an_error_text_and_a_person_can_be_added(tmp_path: Path) -> None:
    text = (
        "User: arn:aws:sts::111111111111:assumed-role/Developers/anna is not authorized to "
        "perform: codepipeline:RetryStageExecution on resource: "
        "arn:aws:codepipeline:eu-west-1:111111111111:payments-deploy/Build"
    )
    file = saved(tmp_path, reference())
    result = run("--snapshot", file, "--json", "--error", text, "--as", SERVICE)
    report = json.loads(result.output)
    assert report["findings"][0]["component"] == "user"
    assert report["findings"][0]["action"] == "codepipeline:RetryStageExecution"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name a pipeline"),
        (("--snapshot", "/no/such/file.json"), "cannot be read"),
        (("arn:aws:s3:::bucket", "--snapshot", BLOCKED), "no pipeline's name"),
        (("another", "--snapshot", BLOCKED), "not of another"),
        (("payments-deploy",), "no such file"),
    ],
    ids=["nothing", "no file", "another service", "another name", "no configuration"],
)
def test_a_wrong_call_says_what_to_do(arguments: tuple[object, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2 or result.exception is not None
    assert words in result.output + str(result.exception)


def test_a_snapshot_that_is_none_says_where(tmp_path: Path) -> None:
    file = saved(tmp_path, {"snapshot": 1, "rolls": {}})
    result = run("--snapshot", file)
    assert result.exit_code == 2
    assert "$.rolls" in result.output


def test_the_map_is_written_as_svg(tmp_path: Path) -> None:
    file = tmp_path / "map.svg"
    run("--snapshot", BLOCKED, "--map", file)
    assert re.match(r"(<\?xml[^>]*>\s*)?<svg", file.read_text("utf-8"))
