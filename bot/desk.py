"""What the listeners share: the configuration, the queue, and how an answer is worded."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from redis import Redis, RedisError
from rq.exceptions import DuplicateJobError
from slack_sdk import WebClient

from workers.inquiry import Inquiries, Inquiry
from workers.ledger import Ledger
from workers.queue import BEAT, Queue, enqueue, open_queue
from workers.settings import Settings
from workers.slack import answers
from workers.slack.markup import Mrkdwn
from workers.slack.texts import Texts, load


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job was put in: `place` 1 is the next one. `idle` = no worker is there to take it."""

    place: int
    idle: bool


@dataclass(frozen=True)
class Desk:
    """Everything a listener may use. Holds no AWS credentials and imports nothing of AWS."""

    settings: Settings
    redis: Redis
    client: WebClient  # answers within the three seconds that Slack waits, or fails

    @cached_property
    def texts(self) -> Texts:
        return load()

    @cached_property
    def queue(self) -> Queue:
        return open_queue(self.redis, self.settings.jobs)

    @cached_property
    def inquiries(self) -> Inquiries:
        return Inquiries(self.redis, self.settings.jobs.join_seconds)

    def put(
        self, function: str, inquiry: Inquiry, job_id: str, *more: Any, timeout: int | None = None
    ) -> Ticket:
        """Put an inquiry's job in, in one transaction with the note that it is watched.

        Raises redis.RedisError: nothing was queued then.
        """
        with self.redis.pipeline() as pipeline:
            request = inquiry.model_dump(mode="json")
            enqueue(
                self.queue,
                function,
                request,
                *more,
                id=job_id,
                pipeline=pipeline,
                timeout=timeout,
            )
            self.inquiries.queued(inquiry, job_id, pipeline)
            pipeline.llen(self.queue.key)
            pipeline.exists(BEAT)
            *_, place, alive = pipeline.execute()
        return Ticket(int(place), not alive)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.redis)

    def hand_on(self, function: str, click: dict[str, str]) -> None:
        """Hand a click on to a worker, once. Raises redis.RedisError: nothing was decided then."""
        with suppress(DuplicateJobError):
            job = re.sub(r"[^A-Za-z0-9_-]", "-", f"click-{click['click']}")
            enqueue(self.queue, function, click, id=job)  # in the order of the clicks

    def announce(self, function: str, request_id: str) -> None:
        """Let the thread show a request's latest state. Lost calls are made good by the workers."""
        with suppress(DuplicateJobError, RedisError):
            enqueue(self.queue, function, request_id, id=f"announce-{request_id}", at_front=True)

    def where(self, inquiry: Inquiry) -> Mrkdwn:
        """` in prod eu-west-1`, or nothing."""
        narrowed = answers.where(inquiry.account, inquiry.region, self.settings)
        return self.texts("list.where", where=narrowed) if narrowed else Mrkdwn("")
