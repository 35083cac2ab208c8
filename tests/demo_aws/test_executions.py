"""Simulated executions are honest: they end as the documents in force want it."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

from demo.aws.cloud import Cloud
from demo.aws.world import World
from demo.aws.world.cures import cure
from demo.aws.world.model import Pipeline


def test_the_person_who_cannot_approve(scratch: Cloud, world: World) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-iam-permissions.html"""
    pipeline = world.pipeline("tax-release")
    iam = scratch.client("iam", pipeline.account)
    key = iam.create_access_key(UserName="release-manager")["AccessKey"]
    alex = scratch.client_as(
        {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        },
        "codepipeline",
    )
    state = alex.get_pipeline_state(name=pipeline.name)
    waiting = state["stageStates"][2]["actionStates"][0]["latestExecution"]
    assert waiting["status"] == "InProgress"
    approval = {
        "pipelineName": pipeline.name,
        "stageName": "Approve",
        "actionName": "Release",
        "token": waiting["token"],
        "result": {"summary": "fine", "status": "Approved"},
    }
    with pytest.raises(ClientError) as refused:
        alex.put_approval_result(**approval)
    assert refused.value.response["Error"]["Message"] == (
        "User: arn:aws:iam::111111111111:user/release-manager is not authorized to perform: "
        "codepipeline:PutApprovalResult on resource: arn:aws:codepipeline:us-east-1:"
        "111111111111:tax-release/Approve/Release because no identity-based policy allows the "
        "codepipeline:PutApprovalResult action"
    )
    cure(scratch, world, pipeline)
    assert alex.put_approval_result(**approval)["approvedAt"]
    assert finished(scratch, pipeline) == "Succeeded"


def finished(cloud: Cloud, pipeline: Pipeline) -> str:
    """The status of the newest execution once it has ended."""
    client = cloud.client("codepipeline", pipeline.account, pipeline.region)
    until = time.monotonic() + 10
    while True:
        runs = client.list_pipeline_executions(pipelineName=pipeline.name)
        status = str(runs["pipelineExecutionSummaries"][0]["status"])
        if status != "InProgress" or time.monotonic() > until:
            return status
        time.sleep(0.05)


def test_a_retry_succeeds_only_as_far_as_the_documents_allow(scratch: Cloud, world: World) -> None:
    """payments-deploy: fixing the key alone brings the next denial to light."""
    pipeline = world.pipeline("payments-deploy")
    client = scratch.client("codepipeline", pipeline.account)
    newest = client.list_pipeline_executions(pipelineName=pipeline.name)
    execution = newest["pipelineExecutionSummaries"][0]["pipelineExecutionId"]
    retry = {
        "pipelineName": pipeline.name,
        "stageName": "Production",
        "pipelineExecutionId": execution,
        "retryMode": "FAILED_ACTIONS",
    }

    def failed_at() -> tuple[str, str]:
        assert finished(scratch, pipeline) == "Failed"
        state = client.get_pipeline_state(name=pipeline.name)["stageStates"][2]
        action = next(
            each for each in state["actionStates"] if each["latestExecution"]["status"] == "Failed"
        )
        return action["actionName"], action["latestExecution"]["errorDetails"]["message"]

    client.retry_stage_execution(**retry)
    action, message = failed_at()
    assert action == "PrepareChanges"
    assert "kms:Decrypt" in message

    cure(scratch, world, pipeline.model_copy(update={"cure": pipeline.cure[:1]}))
    client.retry_stage_execution(**retry)
    action, message = failed_at()
    assert action == "Release"
    assert "s3:PutObject" in message
    assert "acme-payments-artifacts" in message

    cure(scratch, world, pipeline.model_copy(update={"cure": pipeline.cure[1:]}))
    client.retry_stage_execution(**retry)
    assert finished(scratch, pipeline) == "Succeeded"

    with pytest.raises(ClientError) as refused:
        client.retry_stage_execution(**retry)
    assert refused.value.response["Error"]["Code"] == "StageNotRetryableException"
    with pytest.raises(ClientError) as old:
        client.retry_stage_execution(**{**retry, "pipelineExecutionId": "0" * 36})
    assert old.value.response["Error"]["Code"] == "NotLatestPipelineExecutionException"


def test_the_answers_that_are_simulated_say_so(scratch: Cloud) -> None:
    client = scratch.client("codepipeline", "111111111111")
    simulated = client.get_pipeline_state(name="docs-site")["ResponseMetadata"]["HTTPHeaders"]
    real = client.get_pipeline(name="docs-site")["ResponseMetadata"]["HTTPHeaders"]
    assert simulated["x-simulated"] == "pipeline-access-demo"
    assert "x-simulated" not in real
    listed = {each["name"]: each["why"] for each in scratch.simulated}
    assert listed["codepipeline:GetPipelineState"]
    assert "codepipeline:GetPipeline" not in listed


def test_an_execution_that_ends_sends_the_event_of_eventbridge(scratch: Cloud) -> None:
    """A pipeline started by hand ends in the queue of failures."""
    client = scratch.client("codepipeline", "111111111111")
    execution = client.start_pipeline_execution(name="orders-deploy")["pipelineExecutionId"]
    queue = scratch.client("sqs", "111111111111")
    url = queue.get_queue_url(QueueName="pipeline-access-failures")["QueueUrl"]
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for message in queue.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", ()):
            event = json.loads(message["Body"])
            if event["detail"]["execution-id"] == execution:
                assert event["detail-type"] == "CodePipeline Pipeline Execution State Change"
                assert event["detail"]["state"] == "FAILED"
                assert event["resources"] == [
                    "arn:aws:codepipeline:us-east-1:111111111111:orders-deploy"
                ]
                return
    pytest.fail("no event arrived")
