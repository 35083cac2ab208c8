"""The incident: a shared key breaks, three pipelines fail, it is healed, they run again."""

from __future__ import annotations

import json
import time
from typing import Any

from demo.aws import incident
from demo.aws.cloud import Cloud
from demo.aws.world import World

TOOLS = "111111111111"


def events(cloud: Cloud, world: World, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """The events of those executions, received as the bot's worker, by pipeline."""
    url = cloud.client("sqs", TOOLS).get_queue_url(QueueName="pipeline-access-failures")
    worker = cloud.client_as(cloud.role_session(world.bot.worker), "sqs")
    found: dict[str, dict[str, Any]] = {}
    until = time.monotonic() + 15
    while len(found) < len(wanted) and time.monotonic() < until:
        answer = worker.receive_message(
            QueueUrl=url["QueueUrl"], MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        for message in answer.get("Messages", ()):
            event = json.loads(message["Body"])
            if event["detail"]["execution-id"] in wanted:
                found[event["detail"]["pipeline"]] = event
            worker.delete_message(QueueUrl=url["QueueUrl"], ReceiptHandle=message["ReceiptHandle"])
    return found


def test_an_incident_from_the_careless_edit_to_the_recovery(scratch: Cloud, world: World) -> None:
    incident.break_shared_key(scratch)
    failed = events(scratch, world, set(incident.run_pipelines(scratch).values()))
    assert set(failed) == {"cart-service", "email-service", "media-service"}
    assert {each["detail"]["state"] for each in failed.values()} == {"FAILED"}
    for name in failed:
        steps = scratch.rehearse(TOOLS, "us-east-1", name)
        assert {each["do"] for each in steps if not each["met"]} == {
            "kms:Decrypt",
            "kms:GenerateDataKey",
        }

    changes = scratch.client("cloudtrail", TOOLS).lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutKeyPolicy"}]
    )["Events"]
    record = json.loads(changes[0]["CloudTrailEvent"])
    assert changes[0]["Username"] == incident.ACTOR
    policy = json.loads(record["requestParameters"]["policy"])
    users = next(each for each in policy["Statement"] if each["Sid"] == "UseByTheStorefront")
    assert users["Principal"] == {"AWS": [incident.ROLE]}

    incident.heal_shared_key(scratch, world)
    healed = events(scratch, world, set(incident.run_pipelines(scratch).values()))
    assert {each["detail"]["state"] for each in healed.values()} == {"SUCCEEDED"}


def test_any_event_can_be_put_into_the_queue(scratch: Cloud, world: World) -> None:
    detail = {"execution-id": "made-up", "pipeline": "nobody-knows", "state": "FAILED"}
    scratch.post(
        "event", {"source": "aws.codepipeline", "account": "000000000000", "detail": detail}
    )
    assert events(scratch, world, {"made-up"})["nobody-knows"]["account"] == "000000000000"
