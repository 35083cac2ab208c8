"""`pipeline-access catalogue` as somebody types it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from tests.pipeline.build import catalogue as known
from workers.commands.catalogue import catalogue


def run(*arguments: str, width: int = 80) -> tuple[int, str]:
    result = CliRunner().invoke(catalogue, list(arguments), env={"COLUMNS": str(width)})
    return result.exit_code, result.output


def test_it_lists_every_provider() -> None:
    code, output = run()
    assert code == 0
    names = {each.provider for each in known().providers} - {"*"}
    assert [name for name in names if name not in output] == []


def test_it_prints_every_permission_of_one_in_whatever_case() -> None:
    code, output = run("codebuild")
    assert code == 0
    assert "executing role needs, to start the build and follow it" in output
    for action in ("codebuild:StartBuildBatch", "codecommit:GitPull", "s3:GetObject"):
        assert action in output
    assert "if BatchEnabled is true" in output
    assert max(map(len, output.splitlines())) <= 80


def test_a_name_in_two_categories_prints_both() -> None:
    _, output = run("S3")
    assert "S3 (Deploy, AWS)" in output
    assert "S3 (Source, AWS)" in output


def test_a_source_reads_no_artifacts() -> None:
    _, output = run("CodeCommit")
    assert "read the input artifact" not in output


def test_an_unknown_name_gets_the_nearest_ones_and_status_2() -> None:
    code, output = run("CodeBild")
    assert code == 2
    assert "There is no provider CodeBild" in output
    assert "CodeBuild" in output


def test_json_for_a_program() -> None:
    code, output = run("--json", "StepFunctions")
    assert code == 0
    (described,) = json.loads(output)
    first = described["access"][0]
    assert described["provider"] == "StepFunctions"
    assert first["actions"] == ["states:StartExecution", "states:DescribeStateMachine"]
    assert first["strength"] == "always"
    assert first["documentation"].startswith("https://docs.aws.amazon.com/")
    code, everything = run("--json")
    assert len(json.loads(everything)) == len(known().providers)
