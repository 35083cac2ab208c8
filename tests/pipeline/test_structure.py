"""GetPipeline's answer and back.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipeline.html
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from workers.pipeline.structure import pipeline_from_api, pipeline_to_api
from workers.snapshot.model import ActionType, Rule, Store, unreadable

ANSWER: dict[str, Any] = {
    "pipeline": {
        "name": "MyPipeline",
        "roleArn": "arn:aws:iam::111111111111:role/PipelineRole",
        "artifactStores": {
            "us-east-1": {"type": "S3", "location": "home"},
            "eu-west-1": {
                "type": "S3",
                "location": "away",
                "encryptionKey": {"id": "alias/away", "type": "KMS"},
            },
        },
        "stages": [
            {
                "name": "Source",
                "actions": [
                    {
                        "name": "Get",
                        "actionTypeId": {
                            "category": "Source",
                            "owner": "AWS",
                            "provider": "CodeCommit",
                            "version": "1",
                        },
                        "runOrder": 1,
                        "configuration": {"RepositoryName": "app"},
                        "outputArtifacts": [{"name": "Source"}],
                        "inputArtifacts": [],
                        "namespace": "SourceVariables",
                    }
                ],
            },
            {
                "name": "Build",
                "onFailure": {"result": "ROLLBACK"},
                "beforeEntry": {
                    "conditions": [
                        {
                            "result": "FAIL",
                            "rules": [
                                {
                                    "name": "Calm",
                                    "ruleTypeId": {
                                        "category": "Rule",
                                        "owner": "AWS",
                                        "provider": "CloudWatchAlarm",
                                        "version": "1",
                                    },
                                    "configuration": {"AlarmName": "errors"},
                                    "inputArtifacts": [],
                                    "region": "us-east-1",
                                }
                            ],
                        }
                    ]
                },
                "actions": [
                    {
                        "name": "Make",
                        "actionTypeId": {
                            "category": "Compute",
                            "owner": "AWS",
                            "provider": "Commands",
                            "version": "1",
                        },
                        "runOrder": 2,
                        "region": "eu-west-1",
                        "roleArn": "arn:aws:iam::222222222222:role/Make",
                        "commands": ["make"],
                        "environmentVariables": [{"name": "CI", "value": "1"}],
                        "inputArtifacts": [{"name": "Source"}],
                        "outputArtifacts": [{"name": "Built", "files": ["app.zip"]}],
                        "timeoutInMinutes": 20,
                    }
                ],
            },
        ],
        "version": 7,
        "executionMode": "QUEUED",
        "pipelineType": "V2",
        "variables": [{"name": "TARGET", "defaultValue": "test"}],
        "triggers": [{"providerType": "CodeStarSourceConnection"}],
    },
    "metadata": {"pipelineArn": "arn:aws:codepipeline:us-east-1:111111111111:MyPipeline"},
}


def test_an_answer_becomes_a_pipeline() -> None:
    pipeline = pipeline_from_api(ANSWER, "111111111111", "us-east-1")
    assert pipeline.arn == "arn:aws:codepipeline:us-east-1:111111111111:MyPipeline"
    assert (pipeline.type, pipeline.version) == ("V2", 7)
    assert set(pipeline.stores) == {
        Store("us-east-1", "home"),
        Store("eu-west-1", "away", "alias/away"),
    }
    get, make = pipeline.actions
    assert (get.stage, get.outputs, get.namespace) == ("Source", ("Source",), "SourceVariables")
    assert make.type == ActionType("Compute", "AWS", "Commands", "1")
    assert (make.region, make.role_arn) == ("eu-west-1", "arn:aws:iam::222222222222:role/Make")
    assert (make.inputs, make.outputs, make.run_order) == (("Source",), ("Built",), 2)
    assert (make.commands, make.environment) == (("make",), ({"name": "CI", "value": "1"},))
    assert pipeline.stages[1].rules == (
        Rule(
            "Build",
            "beforeEntry",
            "Calm",
            ActionType("Rule", "AWS", "CloudWatchAlarm"),
            {"AlarmName": "errors"},
            None,
            "us-east-1",
        ),
    )
    assert pipeline.tags == unreadable(), "GetPipeline does not say"


def test_what_is_written_back_means_the_same() -> None:
    pipeline = pipeline_from_api(ANSWER, "111111111111", "us-east-1")
    again = pipeline_from_api(pipeline_to_api(pipeline), "111111111111", "us-east-1")
    assert again == pipeline


def test_one_store_is_one_store() -> None:
    structure = ANSWER["pipeline"] | {
        "artifactStores": None,
        "artifactStore": {"type": "S3", "location": "home"},
    }
    pipeline = pipeline_from_api(structure, "111111111111", "us-east-1")
    assert pipeline.stores == (Store("us-east-1", "home"),)
    assert "artifactStores" not in pipeline_to_api(pipeline)


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-northwest-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov")],
)
def test_the_region_tells_the_partition(region: str, partition: str) -> None:
    pipeline = pipeline_from_api({"name": "p", "stages": []}, "111111111111", region)
    assert pipeline.partition == partition


def test_no_structure_is_refused() -> None:
    with pytest.raises(ValidationError):
        pipeline_from_api({"name": "p", "stages": [{"actions": []}]}, "1", "us-east-1")
