"""The local world, read over its AWS endpoint: the true cause of every pipeline is named.

What is true of each is data of the world (`truth`, `also`) that no code of the product sees.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from demo.aws.cloud import Cloud
from demo.aws.world import World, build, load
from demo.aws.world.model import Pipeline, Truth
from workers.aws.reader import read_snapshot
from workers.aws.sessions import Sessions
from workers.commands.diagnose import diagnose as command
from workers.diagnosis import diagnose
from workers.diagnosis.model import Finding, FixKind, Outcome, Report
from workers.pipeline import catalogue
from workers.settings import Settings, validate

PIPELINES = load().pipelines


def configuration(world: World) -> dict[str, object]:
    bot = world.bot
    return {
        "accounts": [
            {"id": each.id, "alias": each.alias, "regions": ["us-east-1"]}
            for each in world.organisation.accounts
        ],
        "defaults": {"read_role": bot.read_role, "external_id": bot.external_id},
        "organisation": {
            "account": world.organisation.management,
            "read_role": bot.organisation_role,
            "external_id": bot.external_id,
        },
    }


@pytest.fixture(scope="module")
def world() -> World:
    return load()


@pytest.fixture(scope="module")
def settings(world: World) -> Iterator[Settings]:
    """The world, running, with the worker's credentials in the environment."""
    with Cloud(action_seconds=0.02) as cloud, pytest.MonkeyPatch.context() as environment:
        build(cloud, world)
        for name, value in cloud.role_session(world.bot.worker, "worker").items():
            environment.setenv(name, value)
        environment.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
        environment.setenv("AWS_REGION", "us-east-1")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield validate(json.loads(json.dumps(configuration(world))), "the local world")


def report_of(pipeline: Pipeline, settings: Settings) -> Report:
    snapshot, _ = read_snapshot(
        settings,
        Sessions(settings, request_id="test"),
        pipeline.name,
        pipeline.account,
        pipeline.region,
        caller=pipeline.asker,
    )
    return diagnose(snapshot, catalogue=catalogue.load(), settings=settings)


def names(found: Finding, truth: Truth) -> bool:
    return (
        found.component in (truth.component, *truth.component_alternatives)
        and (truth.principal in ("", found.principal) or not truth.action)
        and truth.action in ("", found.action, *found.actions)
        and fnmatch.fnmatchcase(truth.resource, found.resource)
    )


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda each: f"{each.name} in {each.account}")
def test_the_true_cause_is_named(pipeline: Pipeline, settings: Settings) -> None:
    report = report_of(pipeline, settings)
    if pipeline.outcome == "retry":
        assert report.outcome is Outcome.CLEAR
        assert [each.fix and each.fix.kind for each in report.findings] == [FixKind.RETRY]
    else:
        assert report.outcome == pipeline.outcome
    if pipeline.outcome == "clear":
        assert report.findings == ()
    if pipeline.outcome == "unknown":
        assert report.unreadable
        assert any(each.grant for each in report.unreadable)
    if pipeline.truth is not None:
        assert names(report.findings[0], pipeline.truth), report.findings[0]


@pytest.mark.parametrize(
    "pipeline", [each for each in PIPELINES if each.also], ids=lambda each: each.name
)
def test_what_would_be_denied_next_is_named_as_well(pipeline: Pipeline, settings: Settings) -> None:
    report = report_of(pipeline, settings)
    told = (*report.findings, *report.advice)
    for truth in pipeline.also:
        document = truth.policy.rpartition(":")[2].rpartition("/")[2]
        unread = document and [each for each in report.unreadable if document in each.what]
        # What a document that is no document would say is not known, and that is said.
        assert unread or any(names(found, truth) for found in told), (truth, report.unreadable)


def test_the_command_reads_aws_and_its_snapshot_gives_the_same_report(
    settings: Settings, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pipeline-access.toml"
    bot = world.bot
    accounts = "\n".join(
        f'[[accounts]]\nid = "{each.id}"\nalias = "{each.alias}"\nregions = ["us-east-1"]'
        for each in world.organisation.accounts
    )
    file.write_text(
        f'[defaults]\nread_role = "{bot.read_role}"\nexternal_id = "{bot.external_id}"\n'
        f'[organisation]\naccount = "{world.organisation.management}"\n'
        f'read_role = "{bot.organisation_role}"\nexternal_id = "{bot.external_id}"\n{accounts}\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("PIPELINE_ACCESS_CONFIG", str(file))
    saved = tmp_path / "snapshot.json"
    live = CliRunner().invoke(command, ["payments-deploy", "--json", "--save-snapshot", str(saved)])
    assert live.exit_code == 1, live.output
    again = CliRunner().invoke(command, ["--snapshot", str(saved), "--json"])
    first, second = json.loads(live.output), json.loads(again.output)
    assert first["checked"].pop("seconds") > 0
    assert second["checked"].pop("seconds") == 0
    assert json.dumps(first) == json.dumps(second)
    assert first["checked"]["aws_calls"] > 0
    # The local Access Analyzer was asked about every proposed document, and agrees.
    assert [each["fix"]["remarks"] for each in first["findings"]] == [
        ["IAM Access Analyzer has nothing to object."]
    ] * len(first["findings"])
    missing = CliRunner().invoke(command, ["payment-deploy"])
    assert missing.exit_code == 2
    assert "payments-deploy" in missing.output
