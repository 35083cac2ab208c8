"""The queue of failure events: received by long polling under the worker's own credentials.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from workers.aws.models import models

MOST = 10  # messages of one answer; SQS gives no more
LONGEST_POLL = 20  # seconds; SQS waits no longer
# https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
_REGION = re.compile(r"^https://(?:sqs\.([a-z0-9-]+)\.|([a-z0-9-]+)\.queue\.)amazonaws\.com")


class QueueFailure(Exception):
    """The queue cannot be read; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as received: `times` counts its deliveries, this one included."""

    id: str
    receipt: str
    body: str
    times: int


class FailureQueue:
    """One queue. Raises QueueFailure for what AWS refuses or when it does not answer."""

    def __init__(self, url: str, *, wait_seconds: int = LONGEST_POLL) -> None:
        self._url = url
        self._wait = wait_seconds
        named = _REGION.match(url)
        self.region = (named[1] or named[2]) if named else models().home_region()
        self._client: Any = models().base.create_client(
            "sqs",
            region_name=self.region,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 3},
                connect_timeout=5,
                read_timeout=wait_seconds + 10,
            ),
        )

    def receive(self) -> tuple[Message, ...]:
        """Up to ten messages; waits for the first one as long as the queue is polled."""
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MOST,
                WaitTimeSeconds=self._wait,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        except (ClientError, BotoCoreError) as error:
            raise QueueFailure(f"{self._url} cannot be received from: {error}") from error
        return tuple(
            Message(
                id=each["MessageId"],
                receipt=each["ReceiptHandle"],
                body=each.get("Body", ""),
                times=int(each.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for each in answer.get("Messages", ())
        )

    def delete(self, messages: Sequence[Message]) -> None:
        """Take messages out of the queue. What is not deleted is delivered again."""
        if not messages:
            return
        try:
            answer = self._client.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": each.receipt}
                    for number, each in enumerate(messages)
                ],
            )
        except (ClientError, BotoCoreError) as error:
            raise QueueFailure(f"{self._url} cannot be deleted from: {error}") from error
        if failed := answer.get("Failed"):
            raise QueueFailure(f"{self._url} did not delete: {failed[0].get('Message')}")
