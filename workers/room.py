"""The room of one job: what a job function works with, made from the environment when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from redis import Redis
from rq import get_current_job
from slack_sdk import WebClient

from workers import settings as configuration
from workers.inquiry import Inquiries
from workers.ledger import Ledger
from workers.settings import Places, Settings
from workers.slack import client
from workers.slack.delivery import Outbox
from workers.slack.people import Directory
from workers.slack.texts import Texts, load


@dataclass(frozen=True)
class Room:
    """What a job works with."""

    settings: Settings
    places: Places
    redis: Redis

    @cached_property
    def texts(self) -> Texts:
        return load()

    @cached_property
    def client(self) -> WebClient:
        return client.for_jobs(self.places)

    @cached_property
    def inquiries(self) -> Inquiries:
        return Inquiries(self.redis, self.settings.jobs.join_seconds)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.redis, client.for_posting(self.places), self.client)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.redis)

    @cached_property
    def directory(self) -> Directory:
        return Directory(self.client, self.redis)


def open_room() -> Room:
    job = get_current_job()
    assert job is not None, "jobs run in a worker"
    return Room(configuration.load(), Places(), job.connection)
