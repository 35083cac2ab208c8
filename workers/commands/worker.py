"""`pipeline-access worker`: work off the queue."""

from __future__ import annotations

import click


@click.command()
@click.option("--burst", is_flag=True, help="Stop when the queue is empty.")
@click.option("--check", is_flag=True, help="Exit 0 if a worker of this host is alive, else 1.")
def worker(burst: bool, check: bool) -> None:
    """Work off the queue: read accounts, diagnose, answer in threads.

    Needs REDIS_URL, SLACK_BOT_TOKEN, PIPELINE_ACCESS_CONFIG and AWS credentials in the
    environment. SIGTERM lets the running job finish, a second one stops it.
    """
    from workers.settings import Places
    from workers.worker import alive, main

    if check:
        raise SystemExit(0 if alive(Places()) else 1)
    main(burst=burst)
