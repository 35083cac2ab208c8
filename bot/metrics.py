"""What Prometheus may ask the bot. https://prometheus.github.io/client_python/"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from redis import Redis, RedisError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)

REQUEST_SECONDS = Histogram(
    "pipeline_access_request_seconds", "Time to answer a request of Slack.", buckets=BUCKETS
)
QUEUED = Gauge(
    "pipeline_access_jobs_queued", "Jobs that wait in the queue.", multiprocess_mode="mostrecent"
)
UNANSWERED = Gauge(
    "pipeline_access_inquiries_open",
    "Inquiries without an answer yet.",
    multiprocess_mode="mostrecent",
)
UNSENT = Gauge(
    "pipeline_access_outboxes_due",
    "Threads with messages that Slack has not taken.",
    multiprocess_mode="mostrecent",
)
REDIS_UP = Gauge(
    "pipeline_access_redis_up", "Whether Redis answers.", multiprocess_mode="mostrecent"
)


def exposition(redis: Redis, queue: str, start_response: StartResponse) -> Iterable[bytes]:
    """The text for a scrape. Redis down is a value, not an error."""
    try:
        with redis.pipeline(transaction=False) as pipeline:
            pipeline.llen(f"rq:queue:{queue}")
            pipeline.zcard("pipeline-access:inquiries:open")
            pipeline.zcard("pipeline-access:outboxes:due")
            queued, unanswered, unsent = pipeline.execute()
        QUEUED.set(queued)
        UNANSWERED.set(unanswered)
        UNSENT.set(unsent)
        REDIS_UP.set(1)
    except RedisError:
        REDIS_UP.set(0)
    start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
    return [generate_latest(_registry())]


def _registry() -> CollectorRegistry:
    """All processes' metrics together where gunicorn runs more than one."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
