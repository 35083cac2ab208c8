"""gunicorn's settings for the bot. https://docs.gunicorn.org/en/stable/settings.html

Threads, because a listener waits for Redis and at times for Slack. Two processes, because one
interpreter answers some five hundred commands a second and no more; what they must share (which
request was seen, which question is being answered) is in Redis, their metrics in a folder.
https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

bind = f"0.0.0.0:{os.environ.get('PORT', '3000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 16
backlog = 2048
timeout = 30
graceful_timeout = 10
keepalive = 75
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True  # it would be a file in a read-only container
accesslog = None
errorlog = "-"

METRICS = "PROMETHEUS_MULTIPROC_DIR"


def on_starting(server: Any) -> None:
    """Before any worker process imports prometheus_client."""
    if METRICS not in os.environ:
        server.own_metrics = os.environ[METRICS] = tempfile.mkdtemp(prefix="pipeline-access-")


def post_worker_init(_worker: Any) -> None:
    """What is loaded stays: a collection that looked through all of it again would keep the
    answers of that moment waiting. https://docs.python.org/3/library/gc.html#gc.freeze"""
    gc.collect()
    gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    # Not at the top: it looks for the folder when it is imported.
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    if own := getattr(server, "own_metrics", ""):
        shutil.rmtree(own, ignore_errors=True)
