"""An AWS that costs no processor time: answers are asked for once, then replayed.

`python -m bench.replay UPSTREAM MILLISECONDS` prints its port. A request that it has seen before
is answered from memory, exactly so many milliseconds after it came, however many come at once; one
that it has not is passed on. A local AWS in Python works on its answers one after the other: sixty
calls at the same time would wait for its processor, which the real one has plenty of and which
here would be ours.
"""

from __future__ import annotations

import asyncio
import http.client
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

# What tells two requests apart: where to, what for, and who asks (not when: the signature's date).
_TELLING = ("x-amz-target", "authorization", "content-type")
_SIGNATURE = re.compile(r"Credential=([^/]+)/\d+/([^,]+)")
_HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})

Known = dict[tuple[str, ...], bytes]


@contextmanager
def replaying(upstream: str, milliseconds: float) -> Iterator[str]:
    """The URL of such a server in a process of its own."""
    command = [sys.executable, "-m", "bench.replay", upstream, str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


class Replay:
    """The server's memory. Answers only what comes over connections of its own machine."""

    def __init__(self, upstream: str, seconds: float) -> None:
        self._upstream = urlsplit(upstream).netloc
        self._seconds = seconds
        self._known: Known = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the other side closes it."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                came = time.monotonic()
                line, *fields = head.split("\r\n")[:-2]
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (field.partition(":") for field in fields)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                answer = await self._answer(line, headers, body)
                await asyncio.sleep(self._seconds - (time.monotonic() - came))
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, line: str, headers: Mapping[str, str], body: bytes) -> bytes:
        telling = (_SIGNATURE.sub(r"\1 \2", headers.get(name, "")) for name in _TELLING)
        key = (line, *(each.partition(", ")[0] for each in telling), body.decode("latin-1"))
        if key not in self._known:
            self._known[key] = await asyncio.to_thread(self._ask, line, headers, body)
        return self._known[key]

    def _ask(self, line: str, headers: Mapping[str, str], body: bytes) -> bytes:
        method, target, _ = line.split(" ")
        upstream = http.client.HTTPConnection(self._upstream, timeout=60)
        upstream.request(method, target, body, dict(headers))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        kept = [
            f"{name}: {value}"
            for name, value in answer.getheaders()
            if name.lower() not in _HOP_BY_HOP
        ]
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *kept]
        lines += [f"Content-Length: {len(content)}", "", ""]
        return "\r\n".join(lines).encode("latin-1") + content


async def _main(upstream: str, milliseconds: float) -> None:
    replay = Replay(upstream, milliseconds / 1000)
    server = await asyncio.start_server(replay.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], float(sys.argv[2])))
