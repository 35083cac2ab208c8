"""Snapshots as files: what people write, what programs write, and that neither loses anything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from workers.snapshot.codec import SnapshotError, dump, load
from workers.snapshot.model import (
    ActionType,
    Key,
    NamedPolicy,
    Run,
    Snapshot,
    State,
    Store,
    absent,
    present,
    unreadable,
)
from workers.snapshot.schema import NAME, schema_text

ROOT = Path(__file__).parents[2]
ROLE = "arn:aws:iam::111111111111:role/PipelineRole"
ALLOW = (
    '{"Version": "2012-10-17",'
    ' "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
)
SNAPSHOTS = sorted(
    path for path in (ROOT / "tests" / "cases").rglob("*.json") if "expected" not in path.name
)


def role_file(role: object) -> str:
    return json.dumps({"roles": {ROLE: role}})


def test_an_empty_file_is_a_snapshot_of_which_nothing_is_known() -> None:
    snapshot = load("{}")
    assert snapshot == Snapshot(unreadable())
    assert snapshot.role(ROLE) == unreadable()


def test_missing_null_and_unreadable_are_three_things() -> None:
    snapshot = load(role_file({"trust": {"$unreadable": "AccessDenied"}, "boundary": None}))
    role = snapshot.role(ROLE).require()
    assert role.trust == unreadable("AccessDenied")
    assert role.boundary == absent()
    assert role.policies == unreadable()
    assert load(json.dumps({"roles": {ROLE: None}})).role(ROLE) == absent()


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({"policy": json.loads(ALLOW)}, id="by name"),
        pytest.param(json.loads(ALLOW), id="one bare document"),
        pytest.param(json.loads(ALLOW)["Statement"], id="a list of statements"),
        pytest.param([{"name": "policy", "document": json.loads(ALLOW)}], id="a list of policies"),
        pytest.param({"policy": json.loads(ALLOW)["Statement"]}, id="statements by name"),
    ],
)
def test_policies_may_be_written_in_every_usual_way(written: object) -> None:
    (policy,) = load(role_file({"policies": written})).role(ROLE).require().policies.require()
    assert policy.name == "policy"
    assert policy.arn is None
    assert json.loads(policy.document.require()) == json.loads(ALLOW)


def test_an_arn_for_a_policy_is_a_managed_policy() -> None:
    arn = "arn:aws:iam::aws:policy/AWSCodePipelineApproverAccess"
    for written in ([arn], {arn: json.loads(ALLOW)}, {"Approver": arn}):
        role = load(role_file({"policies": written})).role(ROLE).require()
        (policy,) = role.policies.require()
        assert policy.arn == arn
        assert policy.aws_managed


def test_text_of_a_policy_survives_to_the_letter() -> None:
    text = '{ "Statement": [ /* both accounts */\n {"Effect":"Allow",} ] }'
    snapshot = load(role_file({"policies": {"pasted": text}}))
    (policy,) = snapshot.role(ROLE).require().policies.require()
    assert policy.document == present(text)
    assert load(dump(snapshot)) == snapshot
    assert json.loads(dump(snapshot))["roles"][ROLE]["policies"]["pasted"] == text


def test_a_repeated_key_in_a_policy_is_kept() -> None:
    """The published key policy repeats "AWS"; a JSON reader would lose one of the principals."""
    text = """{"keys": {"arn:aws:kms:us-east-1:111111111111:key/k": {"policy": {"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "one", "AWS": "two"}, "Action": "kms:*"}]}}}}"""
    snapshot = load(text)
    key = snapshot.key("arn:aws:kms:us-east-1:111111111111:key/k").require()
    assert key.policy.require().count('"AWS"') == 2
    assert load(dump(snapshot)) == snapshot
    assert dump(load(dump(snapshot))) == dump(snapshot)


def test_a_repeated_key_elsewhere_is_refused_with_its_place() -> None:
    with pytest.raises(SnapshotError) as refused:
        load('{"buckets": {"b": {"region": "us-east-1", "region": "us-west-2"}}}')
    assert refused.value.faults == (
        ("$.buckets.b", "the key region stands twice; keep one of them"),
    )


def test_stages_may_be_listed_flat_and_tell_what_failed() -> None:
    kind = {"category": "Build", "provider": "CodeBuild"}
    snapshot = load(
        json.dumps(
            {
                "pipeline": {
                    "roleArn": ROLE,
                    "region": "us-east-1",
                    "artifactStore": {"location": "artifacts", "encryptionKey": {"id": "k"}},
                    "stages": [
                        {"stage": "Build", "action": "One", "actionTypeId": kind},
                        {"stage": "Build", "action": "Two", "actionTypeId": kind, "failed": True},
                    ],
                },
                "errors": "Access Denied",
            }
        )
    )
    pipeline = snapshot.pipeline.require()
    assert pipeline.account == "111111111111", "from the role's ARN"
    assert pipeline.stores == (Store("us-east-1", "artifacts", "k"),)
    assert [(stage.name, len(stage.actions)) for stage in pipeline.stages] == [("Build", 2)]
    assert pipeline.actions[0].type == ActionType("Build", "AWS", "CodeBuild", "1")
    assert snapshot.runs == present((Run("Build", "Two", "Failed"),))
    assert snapshot.errors == ("Access Denied",)


def test_a_connection_may_be_its_status() -> None:
    arn = "arn:aws:codeconnections:us-east-1:111111111111:connection/c"
    snapshot = load(json.dumps({"connections": {arn: "PENDING"}}))
    assert snapshot.connection(arn).require().status == present("PENDING")


def test_words_of_aws_are_understood() -> None:
    arn = "arn:aws:codebuild:us-east-1:111111111111:project/p"
    snapshot = load(json.dumps({"projects": {arn: {"serviceRole": ROLE, "encryptionKey": "k"}}}))
    project = snapshot.project(arn).require()
    assert (project.name, project.service_role, project.encryption_key) == ("p", ROLE, "k")


def test_a_key_may_stand_under_its_alias() -> None:
    alias = "arn:aws:kms:us-east-1:111111111111:alias/store"
    own = "arn:aws:kms:us-east-1:111111111111:key/1"
    snapshot = Snapshot(unreadable(), keys={alias: present(Key(own, "111111111111", "us-east-1"))})
    assert load(dump(snapshot)) == snapshot
    assert load(dump(snapshot)).key(alias).require().arn == own


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("{", "line 1, column 2", "not JSON"),
        ("[]", "$", "should be an object"),
        ('{"rolls": {}}', "$.rolls", "did you mean roles?"),
        ('{"runs": 3}', "$.runs", "should be a list"),
        ('{"snapshot": 2}', "$.snapshot", "less than or equal to 1"),
        ('{"roles": {"r": {"polices": {}}}}', "$.roles.r.polices", "did you mean policies?"),
        ('{"roles": {"r": {"trust": 5}}}', "$.roles.r.trust", "a policy document"),
        ('{"roles": {"a/b": []}}', '$.roles["a/b"]', "should be an object"),
        (
            '{"pipeline": {"stages": [{"name": "S", "actions": [{"name": "A"}]}]}}',
            "$.pipeline.stages[0].actions[0].actionTypeId",
            "is missing",
        ),
        (
            '{"pipeline": {"stages": [{"stage": "S", "actionTypeId": {"provider": "S3"}}]}}',
            "$.pipeline.stages[0].action",
            "is missing",
        ),
        (
            '{"pipeline": {"roleArn": "PipelineRole", "stages": []}}',
            "$.pipeline.roleArn",
            "should be the ARN of a role (arn:aws:iam::…:role/…), not 'PipelineRole'",
        ),
        ('{"pipeline": {"name": "\\ud800"}}', "$", "half of a character"),
        ('{"calls": ' + "9" * 5000 + "}", "$", "thousands of digits"),
        ('{"memberships": {"1": {"scps": [{}]}}}', '$.memberships["1"].scps[0].target', "missing"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, place: str, expected: str) -> None:
    with pytest.raises(SnapshotError) as refused:
        load(text)
    ((at, what),) = refused.value.faults
    assert at == place
    assert expected in what
    assert place in str(refused.value)


def test_the_mark_with_which_windows_begins_a_file_is_none_of_it() -> None:
    assert load("\ufeff" + '{"calls": 7}').calls == 7


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(SnapshotError):
        load('{"descriptions": ' + "[" * 100_000)


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_every_kept_snapshot_comes_back_exactly(path: Path) -> None:
    snapshot = load(path.read_text("utf-8"))
    written = dump(snapshot)
    assert load(written) == snapshot
    assert dump(load(written)) == written
    jsonschema.validate(json.loads(written), json.loads(schema_text()))


def test_the_kept_examples_are_many() -> None:
    assert len(SNAPSHOTS) >= 25


def test_the_committed_schema_is_current() -> None:
    committed = (ROOT / "workers" / "snapshot" / NAME).read_text("utf-8")
    assert committed == schema_text(), "python -m workers.snapshot.schema > the file"


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    assert validator.is_valid({"connections": {"c": "PENDING"}, "errors": "text"})
    assert validator.is_valid({"roles": {"r": {"trust": {"$unreadable": "why"}, "boundary": None}}})
    assert not validator.is_valid({"rolls": {}})
    assert not validator.is_valid({"runs": 3})


def test_policies_that_a_map_cannot_hold_are_listed() -> None:
    policies = (
        NamedPolicy("same", present(ALLOW)),
        NamedPolicy("same", unreadable("AccessDenied"), "arn:aws:iam::aws:policy/same"),
    )
    snapshot = load(role_file({"policies": []}))
    role = snapshot.role(ROLE).require()
    assert role.policies.state is State.PRESENT
    changed = replace(snapshot, roles={ROLE: present(replace(role, policies=present(policies)))})
    assert load(dump(changed)) == changed
