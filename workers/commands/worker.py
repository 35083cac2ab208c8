"""`pipeline-access worker`: work off the queue."""

from __future__ import annotations

import click


@click.command()
@click.option("--burst", is_flag=True, help="Stop when the queue is empty.")
def worker(burst: bool) -> None:
    """Work off the queue: read accounts, diagnose, answer in threads.

    Needs REDIS_URL, SLACK_BOT_TOKEN, PIPELINE_ACCESS_CONFIG and AWS credentials in the
    environment. SIGTERM lets the running job finish, a second one stops it.
    """
    from workers.worker import main

    main(burst=burst)
