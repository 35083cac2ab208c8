"""The process behind `Cloud`: serves the gateway on 127.0.0.1 until its parent is gone.

    python -m demo.aws.server --latency-ms 0 --action-seconds 0.3

Writes one line of JSON with its port to stdout, then nothing more. It ends when its standard
input is closed, which the kernel does however its parent died, or when its parent changes.
"""

from __future__ import annotations

import functools
import gc
import json
import logging
import os
import sys
import threading
import time
import warnings

import botocore.loaders
import click

_WATCH_SECONDS = 0.5


@click.command()
@click.option("--latency-ms", type=float, default=0.0)
@click.option("--action-seconds", type=float, default=0.3)
@click.option("--port", type=int, default=0, help="0 takes a free one.")
def main(latency_ms: float, action_seconds: float, port: int) -> None:
    """Serve the local AWS on 127.0.0.1."""
    parent = os.getppid()
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    _quieten()
    server = _server(latency_ms, action_seconds, port)
    # What is loaded stays: to look for garbage in it again and again takes a fifth of the start.
    gc.freeze()
    sys.stdout.write(json.dumps({"port": server.port}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


def _server(latency_ms: float, action_seconds: float, port: int):  # type: ignore[no-untyped-def]
    # moto reads its settings when it is imported, and is imported late for the same reason.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    # A new loader reads and lists everything anew, and moto makes dozens.
    vars(botocore.loaders)["create_loader"] = functools.cache(botocore.loaders.create_loader)
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    from demo.aws import moto_settings
    from demo.aws.gateway import Gateway
    from demo.aws.services import Services

    moto_settings.install()
    gateway = Gateway(Services.create(action_seconds), latency_ms)
    return make_server(
        "127.0.0.1", port, gateway, threaded=True, request_handler=MotoRequestHandler
    )


def _end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def _end_with_parent(parent: int) -> None:
    """A sibling that was forked may hold the other end of our input open: watch the parent too."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(0)


def _quieten() -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    logging.getLogger("moto").setLevel(logging.ERROR)
    # Error codes that a service's model does not list, such as IAM's AccessDenied, and what
    # moto's CloudFormation leaves out.
    warnings.filterwarnings("ignore", module="moto")


if __name__ == "__main__":
    main()
