"""gunicorn's settings for the bot. https://docs.gunicorn.org/en/stable/settings.html

Threads, because a listener waits for Redis and at times for Slack; one process, because the work
is done elsewhere and one answers hundreds of commands a second.
"""

import os

bind = f"0.0.0.0:{os.environ.get('PORT', '3000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 16
backlog = 2048
timeout = 30
graceful_timeout = 10
keepalive = 75
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
control_socket_disable = True  # it would be a file in a read-only container
accesslog = None
errorlog = "-"
