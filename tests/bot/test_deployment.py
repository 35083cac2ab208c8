"""What people copy and start: the example configuration, the manifests, Procfile, compose file."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from bot import app as bot_app
from bot import incidents
from workers.settings import Account, Settings, load
from workers.slack.answers import COMMAND

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "pipeline-access.example.toml"


# --- the example configuration ----------


def test_the_example_is_a_valid_configuration() -> None:
    settings = load(EXAMPLE)
    assert settings.account("prod") is not None
    assert settings.organisation is not None


def test_every_line_of_the_example_is_explained() -> None:
    explained = {"groups", "users"}  # by the line of the table that they stand in
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        key = line.split(" ")[0]
        if "#" in line and " = " in line:
            explained.add(key)
        elif re.match(r"\w+ = ", line) and key != "id":
            assert key in explained, line


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = [
            part
            for part in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(part, type) and issubclass(part, BaseModel)
        ]
        if inner:
            yield from keys(inner[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_key_that_exists_is_in_the_example() -> None:
    table = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))

    def flat(value: Any, prefix: str = "") -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield f"{prefix}{name}"
                yield from flat(inner, f"{prefix}{name}.")
        if isinstance(value, list):
            for inner in value:
                yield from flat(inner, prefix)

    given = set(flat(table))
    assert set(keys(Settings)) - given == set()
    assert {f"accounts.{key}" for key in keys(Account)} - given == set()


# --- the Slack app ----------


@pytest.fixture(params=["manifest.yaml", "manifest.http.yaml"])
def manifest(request: pytest.FixtureRequest) -> dict[str, Any]:
    text = (ROOT / "deploy/slack" / request.param).read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_the_manifest_offers_what_the_bot_listens_to(manifest: dict[str, Any]) -> None:
    (command,) = manifest["features"]["slash_commands"]
    assert command["command"] == COMMAND
    listened = Path(bot_app.__file__).read_text(encoding="utf-8")
    shortcut = incidents.WHY_DENIED
    for event in manifest["settings"]["event_subscriptions"]["bot_events"]:
        kind = event.partition(".")[0]  # message.im arrives as message, its channel_type says im
        assert f'app.event("{kind}")' in listened
    assert [each["callback_id"] for each in manifest["features"]["shortcuts"]] == [shortcut]


def test_the_manifest_asks_for_no_more_than_is_used(manifest: dict[str, Any]) -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in (
            *ROOT.glob("bot/*.py"),
            *ROOT.glob("workers/*.py"),
            *ROOT.glob("workers/slack/*.py"),
        )
    )
    # https://docs.slack.dev/reference/scopes
    used = {
        "commands": "app.command",
        "chat:write": "chat_postMessage",
        "chat:write.public": "chat_postMessage",
        "app_mentions:read": "app_mention",
        "files:write": "files_upload_v2",
        "channels:history": "conversations_replies",
        "groups:history": "conversations_replies",
        "im:history": "conversations_history",
        "users:read": "users_info",
        "usergroups:read": "usergroups_users_list",
        "channels:read": "conversations_info",
        "groups:read": "conversations_info",
    }
    for scope in manifest["oauth_config"]["scopes"]["bot"]:
        assert used[scope] in code or f'"{used[scope]}"' in code


def test_only_the_http_variant_has_addresses() -> None:
    socket = (ROOT / "deploy/slack/manifest.yaml").read_text(encoding="utf-8")
    assert "request_url" not in socket
    assert yaml.safe_load(socket)["settings"]["socket_mode_enabled"] is True


# --- processes ----------


def test_the_procfile_starts_modules_that_exist() -> None:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    assert set(commands) == {"web", "worker", "consumer"}
    web = shlex.split(commands["web"])
    assert web[0] == "gunicorn"
    for name in ("python:bot.gunicorn", "bot.server:create()"):
        assert name in web
    assert shlex.split(commands["worker"]) == ["python", "-m", "workers.worker"]
    assert shlex.split(commands["consumer"]) == ["python", "-m", "workers.consumer"]


def test_the_containers_are_closed() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    services = compose["services"]
    assert set(services) == {"valkey", "bot", "worker", "consumer"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["healthcheck"]["test"], name
        assert service["user"].split(":")[0] not in ("0", "root"), name
        assert "no-new-privileges:true" in service["security_opt"], name
    assert "appendonly yes" in services["valkey"]["command"]
    assert services["worker"]["deploy"]["replicas"] >= 2
    bot = str(services["bot"]["environment"]) + str(services["bot"].get("env_file"))
    assert "AWS_" not in bot


def test_the_image_installs_hashed_requirements_as_nobody() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements/runtime.txt" in text
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert "http" not in re.sub(r"#.*", "", text).replace("manifest.http", "").lower()
