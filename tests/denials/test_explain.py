"""`pipeline-access explain` at the terminal."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from workers.commands.explain import explain

SCP = (
    "User: arn:aws:iam::777788889999:user/JohnDoe is not authorized to perform: "
    "codecommit:ListRepositories with an explicit deny in a service control policy"
)
ENCODED = "Encoded authorization failure message: Q92aQ6EXAMPLEabcdefghij-K_l"


def test_the_words_go_to_the_terminal() -> None:
    result = CliRunner().invoke(explain, [SCP])
    assert result.exit_code == 0
    assert "The user JohnDoe in account 777788889999 was refused" in result.output
    assert "only the organisation's administrators" in result.output


def test_the_text_may_come_unquoted_or_from_standard_input() -> None:
    unquoted = CliRunner().invoke(explain, SCP.split())
    piped = CliRunner().invoke(explain, ["-"], input=SCP.replace(" ", "\n"))
    assert unquoted.output == piped.output == CliRunner().invoke(explain, [SCP]).output


def test_json_for_a_program() -> None:
    result = CliRunner().invoke(
        explain, ["--json", f"{SCP}\nCross-account pass role is not allowed."]
    )
    document = json.loads(result.stdout)
    assert document["schema"] == 1
    first, second = document["denials"]
    assert first["layer"] == "scp"
    assert first["effect"] == "explicitDeny"
    assert first["explanation"]["headline"].startswith("The user JohnDoe")
    assert second["kind"] == "cross_account_pass_role"


@pytest.mark.parametrize("text", ["deploys are failing", "[red]", "\x1b[31m", "{}"])
def test_nothing_recognised_is_status_2_with_help(text: str) -> None:
    result = CliRunner().invoke(explain, [text])
    assert result.exit_code == 2
    assert "No AWS denial was recognised" in result.stderr
    as_json = CliRunner().invoke(explain, ["--json", text])
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["denials"] == []


def test_decode_asks_sts_and_tells_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    import workers.aws.authorization as authorization

    answer = {"explicitDeny": True, "context": {"action": "ec2:StopInstances"}}
    asked: list[str] = []

    def decode(message: str) -> str:
        asked.append(message)
        return json.dumps(answer)

    monkeypatch.setattr(authorization, "decode", decode)
    result = CliRunner().invoke(explain, ["--decode", ENCODED])
    assert asked == ["Q92aQ6EXAMPLEabcdefghij-K_l"]
    assert "was refused ec2:StopInstances" in result.output
    assert result.exit_code == 0


def test_a_refused_decode_is_told_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    import workers.aws.authorization as authorization

    def decode(message: str) -> str:
        raise authorization.CannotDecode("AccessDenied: sts:DecodeAuthorizationMessage")

    monkeypatch.setattr(authorization, "decode", decode)
    result = CliRunner().invoke(explain, ["--decode", ENCODED])
    assert "could not be decoded: AccessDenied" in result.stderr
    assert "aws sts decode-authorization-message" in result.stdout


def test_explaining_needs_no_aws_library() -> None:
    code = (
        "import sys; from workers.commands.explain import explain; "
        "explain.main(['Access Denied'], standalone_mode=False); "
        "sys.exit(bool({'boto3', 'botocore'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
