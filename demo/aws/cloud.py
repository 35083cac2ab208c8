"""`Cloud`: one AWS endpoint on this machine, as a child process."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from demo.aws.counting import CountedCall
from demo.aws.names import ROOT_KEY

if TYPE_CHECKING:
    from botocore.config import Config

_START_SECONDS = 30.0


class CloudError(Exception):
    """The local AWS did not start, or refused a word on its back door."""


class Cloud:
    """A local AWS with many accounts behind one endpoint on 127.0.0.1.

    `latency_ms` is added to every AWS call; `action_seconds` is how long a simulated action of a
    pipeline takes. Use it as a context manager, or `start` and `stop` it. However the process
    that made it ends, the child ends too.
    """

    def __init__(
        self, latency_ms: float = 0, *, action_seconds: float = 0.3, port: int = 0
    ) -> None:
        self._latency_ms = latency_ms
        self._action_seconds = action_seconds
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._endpoint = f"http://127.0.0.1:{port}" if port else ""

    # --- life -----------------------------------------------------------------------------------

    def launch(self) -> None:
        """Start the child and do not wait for it: `start` will."""
        command = [sys.executable, "-m", "demo.aws.server"]
        command += ["--latency-ms", str(self._latency_ms)]
        command += ["--action-seconds", str(self._action_seconds), "--port", str(self._port)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def start(self) -> str:
        """Start the child, if that was not done, and return the endpoint's URL.

        Raises CloudError.
        """
        if self._process is None:
            self.launch()
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self.stop()
            raise CloudError("The local AWS did not start; its own words are above.")
        self._endpoint = f"http://127.0.0.1:{json.loads(line)['port']}"
        return self._endpoint

    def stop(self) -> None:
        """End the child. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def __enter__(self) -> Cloud:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The URL for `AWS_ENDPOINT_URL`; known before the start where a port was given."""
        return self._endpoint

    @property
    def pid(self) -> int:
        """The child's process id. Raises CloudError when it does not run."""
        if self._process is None:
            raise CloudError("The local AWS is not running.")
        return self._process.pid

    # --- clients --------------------------------------------------------------------------------

    def client(self, service: str, account: str, region: str = "us-east-1") -> Any:
        """A boto3 client as the root user of an account: how the world is built and broken."""
        return self.client_as(
            {"AWS_ACCESS_KEY_ID": self.root_key(account), "AWS_SECRET_ACCESS_KEY": "local"},
            service,
            region,
        )

    @staticmethod
    def root_key(account: str) -> str:
        """The access key id of an account's root user."""
        return f"{ROOT_KEY}{account}"

    def client_as(
        self,
        environment: Mapping[str, str],
        service: str,
        region: str = "us-east-1",
        config: Config | None = None,
    ) -> Any:
        """A boto3 client with the credentials that `role_session` gave; it tries once, unless
        `config` says otherwise."""
        import boto3  # here, so that a child can be launched before so much is loaded

        create: Any = boto3.Session().client
        return create(
            service,
            region_name=region,
            endpoint_url=self._endpoint,
            config=config or _quick(),
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        )

    def role_session(self, role_arn: str, session: str = "demo") -> dict[str, str]:
        """Credentials of a role, as environment variables, without asking its trust policy: what
        a container with a task role is given."""
        answer: dict[str, str] = self.post("session", {"role": role_arn, "session": session})
        return answer

    # --- the back door --------------------------------------------------------------------------

    @property
    def calls(self) -> list[CountedCall]:
        """Every AWS call since the last `clear_calls`, oldest first."""
        return [CountedCall(**each) for each in self._ask("GET", "calls")]

    def clear_calls(self) -> None:
        self._ask("DELETE", "calls")

    @contextmanager
    def counted(self) -> Iterator[list[CountedCall]]:
        """Counts the calls within the block; the list is filled when it ends."""
        counted: list[CountedCall] = []
        self.clear_calls()
        yield counted
        counted.extend(self.calls)

    @property
    def cpu_seconds(self) -> float:
        """What the child has used of the processor since it started."""
        return float(self._ask("GET", "health")["cpu_seconds"])

    def set_latency(self, milliseconds: float) -> None:
        self.post("latency", {"ms": milliseconds})

    def fail(
        self,
        operation: str,
        kind: str,
        times: int = 1,
        *,
        account: str | None = None,
        seconds: float = 30.0,
    ) -> None:
        """Let the next `times` calls of `operation` (`iam:GetRole`, `s3:*`, `*`) go wrong:
        `kind` is throttle, denied, error or hang (for `seconds`)."""
        self.post(
            "faults",
            {
                "operation": operation,
                "kind": kind,
                "times": times,
                "account": account,
                "seconds": seconds,
            },
        )

    def clear_faults(self) -> None:
        self._ask("DELETE", "faults")

    def hold_write(self, number: int, when: str = "before") -> None:
        """Stop the `number`-th write from now on, before it happens or after it did."""
        self.post("gate", {"at": number, "when": when})

    @property
    def gate(self) -> dict[str, Any]:
        """`held`, and how many `writes` came since the gate was set."""
        answer: dict[str, Any] = self._ask("GET", "gate")
        return answer

    def release_write(self, drop: bool = False) -> None:
        """Let the held write go on; with `drop` a write held before it happens never does."""
        self._ask("DELETE", "gate", {"drop": drop})

    @property
    def simulated(self) -> Sequence[Mapping[str, str]]:
        """The operations that are simulated here, with the reason, for people to read."""
        answer: list[dict[str, str]] = self._ask("GET", "simulated")
        return answer

    def rehearse(self, account: str, region: str, name: str) -> list[dict[str, Any]]:
        """Every step of a pipeline's actions (`demo.aws.steps.Step`) by the documents in force:
        what a run would meet, without running."""
        place = {"account": account, "region": region, "name": name}
        steps: list[dict[str, Any]] = self.post("rehearsal", place)
        return steps

    def owners(self) -> dict[str, str]:
        """Buckets and the accounts that own them."""
        answer: dict[str, str] = self._ask("GET", "buckets")
        return answer

    def post(self, word: str, body: Mapping[str, Any]) -> Any:
        """Say one word on the back door (`demo.aws.control`). Raises CloudError with its answer."""
        return self._ask("POST", word, body)

    def _ask(self, method: str, word: str, body: Mapping[str, Any] | None = None) -> Any:
        request = Request(
            f"{self._endpoint}/_demo/{word}",
            method=method,
            data=json.dumps(body or {}).encode(),
        )
        try:
            with urlopen(request, timeout=60) as response:
                return json.loads(response.read())
        except OSError as error:
            detail = getattr(error, "read", lambda: b"")().decode(errors="replace")
            raise CloudError(f"{method} {word}: {error} {detail}".strip()) from error


@cache
def _quick() -> Config:
    from botocore.config import Config

    return Config(retries={"total_max_attempts": 1}, read_timeout=60, max_pool_connections=16)
