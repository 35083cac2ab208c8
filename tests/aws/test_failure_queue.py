"""The queue of failure events: what is received, deleted, delivered again and refused."""

from __future__ import annotations

import pytest

from tests.aws.cloud import Cloud
from tests.aws.conftest import REGION, TOOLS
from workers.aws.failure_queue import FailureQueue, QueueFailure

MOTO = "123456789012"  # the account of credentials that moto does not know


@pytest.fixture
def address(cloud: Cloud) -> str:
    url: str = cloud.client("sqs", MOTO, REGION).create_queue(
        QueueName="failures", Attributes={"VisibilityTimeout": "0"}
    )["QueueUrl"]
    return url


def send(cloud: Cloud, address: str, *bodies: str) -> None:
    client = cloud.client("sqs", MOTO, REGION)
    for body in bodies:
        client.send_message(QueueUrl=address, MessageBody=body)


def test_what_is_deleted_is_gone_and_the_rest_comes_again(cloud: Cloud, address: str) -> None:
    send(cloud, address, "one", "two")
    queue = FailureQueue(address, wait_seconds=0)
    first = queue.receive()
    assert {each.body for each in first} == {"one", "two"}
    queue.delete([each for each in first if each.body == "one"])
    (again,) = queue.receive()
    assert again.body == "two"
    assert again.times == 2


def test_ten_at_a_time(cloud: Cloud, address: str) -> None:
    send(cloud, address, *(str(number) for number in range(13)))
    assert len(FailureQueue(address, wait_seconds=0).receive()) == 10


def test_an_empty_queue_is_no_failure(cloud: Cloud, address: str) -> None:
    queue = FailureQueue(address, wait_seconds=0)
    assert queue.receive() == ()
    queue.delete([])


def test_a_queue_that_is_not_there_is_named(cloud: Cloud) -> None:
    url = f"https://sqs.{REGION}.amazonaws.com/{TOOLS}/nowhere"
    with pytest.raises(QueueFailure, match="nowhere cannot be received from"):
        FailureQueue(url, wait_seconds=0).receive()


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-central-1.amazonaws.com/111111111111/q", "eu-central-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/111111111111/q", "cn-north-1"),
        ("https://us-gov-west-1.queue.amazonaws.com/111111111111/q", "us-gov-west-1"),
        ("http://127.0.0.1:4100/111111111111/q", REGION),
    ],
)
def test_the_region_is_that_of_the_address(cloud: Cloud, url: str, region: str) -> None:
    assert FailureQueue(url).region == region
