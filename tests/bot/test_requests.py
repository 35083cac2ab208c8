"""Slack's requests at the door: signed, in time, once, of this workspace; bad ones do nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3
from redis import Redis

from demo.workspace import sign
from tests.jobs.house import COMMAND, DEPLOYS, DEV, House

EPHEMERAL = "ephemeral"


def body(text: str, **changes: str) -> str:
    fields = {
        "command": COMMAND,
        "text": text,
        "user_id": DEV,
        "channel_id": DEPLOYS,
        "channel_name": "payments-deploys",
        "team_id": "T0LOCALWORLD",
        "trigger_id": f"{time.time_ns()}.1.a",
        "response_url": "http://127.0.0.1:9/response",
    }
    return urlencode(fields | changes)


def send(
    house: House, text: str, *, secret: str | None = None, age: int = 0, signature: str = ""
) -> urllib3.BaseHTTPResponse:
    stamp = str(int(time.time()) - age)
    headers: Mapping[str, str] = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature
        or sign(secret or house.workspace.signing_secret, stamp, text),
    }
    return urllib3.request("POST", f"{house.url}/slack/events", body=text, headers=headers)


def queued(redis: Redis) -> int:
    return int(redis.llen("rq:queue:pipeline-access"))


def test_a_signed_command_is_taken(house: House, redis: Redis) -> None:
    answer = send(house, body("payments-deploy"))
    assert answer.status == 200
    assert answer.json()["response_type"] == EPHEMERAL
    assert queued(redis) == 1


def test_without_a_valid_signature_nothing_is_done(house: House, redis: Redis) -> None:
    assert send(house, body("payments-deploy"), secret="another").status == 401
    assert send(house, body("payments-deploy"), signature="v0=00").status == 401
    stale = send(house, body("payments-deploy"), age=400)
    assert stale.status == 401
    unsigned = urllib3.request("POST", f"{house.url}/slack/events", body=body("payments-deploy"))
    assert unsigned.status == 401
    assert queued(redis) == 0


def test_a_replayed_command_is_answered_once(house: House, redis: Redis) -> None:
    text = body("payments-deploy")
    first, second = send(house, text), send(house, text)
    assert "Queued" in first.json()["text"]
    assert second.status == 200
    assert second.data == b""
    assert queued(redis) == 1


def test_a_pressed_button_that_arrives_twice_is_taken_once(house: House, redis: Redis) -> None:
    house.command("payments-deploy in prod")
    house.work()
    checked = house.thread()[-1]
    house.workspace.press(DEV, checked, "ask_again")
    (delivery,) = [each for each in house.workspace.deliveries if "actions" in each.kind][-1:]
    assert delivery.reply.ok
    assert queued(redis) == 1


WORKSPACE = "\n[slack]\nworkspace = 'T0LOCALWORLD'\n"


def test_another_workspace_is_refused(
    valkey: str, stage: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    from tests.jobs.house import CONFIGURATION, open_house

    with open_house(valkey, tmp_path, monkeypatch, CONFIGURATION + WORKSPACE) as house:
        answer = send(house, body("payments-deploy", team_id="T0ANOTHER"))
        assert answer.status == 200
        assert b"another workspace" in answer.data
        assert queued(redis) == 0
        assert send(house, body("payments-deploy")).json()["response_type"] == EPHEMERAL


BAD = {
    "nothing": "",
    "10 kB": "x" * 10_240,
    "control characters": "pay\x00\x07ments",
    "everybody": "<!channel>",
    "a person": "<@U0DEV>",
    "a link": "<https://example.com/x>",
    "another command": "/deploy payments to prod",
    "a path": "../../../etc/passwd",
    "another service": "arn:aws:s3:::artifacts",
    "markup": "*bold* <b>x</b> &amp;",
    "an injection": "payments\r\nSET x 1",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_bad_input_gets_a_helpful_answer_and_does_nothing(
    house: House, redis: Redis, text: str
) -> None:
    answer = send(house, body(text))
    assert answer.status == 200
    said = answer.json()
    assert said["response_type"] == EPHEMERAL
    assert len(said["text"]) < 600
    assert "<!" not in str(said)
    assert "<@" not in str(said)
    assert "payments-deploy" in said["text"] or "help" in said["text"] or "pipeline" in said["text"]
    assert queued(redis) == 0
    assert house.roots() == []


def test_the_process_answers_for_itself(house: House) -> None:
    def get(path: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request("GET", house.url + path)

    assert get("/healthz").status == 200
    assert get("/readyz").status == 200
    assert get("/slack/events").status == 405
    assert get("/elsewhere").status == 404
    house.command("payments-deploy")
    metrics = get("/metrics").data.decode()
    assert "pipeline_access_jobs_queued 1.0" in metrics
    assert "pipeline_access_redis_up 1.0" in metrics


def test_a_body_that_no_slack_sends_is_not_read(house: House) -> None:
    headers = {"Content-Length": str(10**9)}
    answer = urllib3.request(
        "POST", f"{house.url}/slack/events", headers=headers, body=b"", retries=False, timeout=5
    )
    assert answer.status == 413


def test_the_bot_never_imports_aws() -> None:
    program = "import sys, bot.app, bot.server; print([m for m in sys.modules if m in BAD])"
    bad = "BAD = {'boto3', 'botocore', 'workers.aws', 'workers.jobs', 'demo'}\n"
    done = subprocess.run([sys.executable, "-c", bad + program], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"
