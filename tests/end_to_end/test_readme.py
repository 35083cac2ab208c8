"""What README and docs promise exists and runs: commands, options, files, links, settings."""

from __future__ import annotations

import re
import shlex
import struct
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from bot.grammar import Refusal, parse
from demo.aws.world import load
from demo.local import LocalWorld
from workers.cli import SUBCOMMANDS, cli
from workers.settings import Places, validate

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+|[\w-]+\.(?:toml|yaml|yml|md|py)")
OURS = ("pipeline-access", ".venv/bin/pipeline-access")


def blocks(language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(README) if kind == language]


def commands() -> list[list[str]]:
    """The words of every command line of the README, in order."""
    joined = "\n".join(blocks("sh")).replace("\\\n", " ")
    return [shlex.split(line) for line in joined.splitlines() if line.strip()]


def options_of(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Subcommands of ours within a command line, with the options that follow."""
    for at, word in enumerate(words):
        if word in OURS:
            yield words[at + 1], [each for each in words[at + 2 :] if each.startswith("--")]


# --- every line of every example ------------------------------------------------------------------


def test_every_command_line_is_of_a_kind_that_is_tested() -> None:
    known = {"make", "aws", "docker", *OURS}
    strange = [words for words in commands() if words[0] not in known and "=" not in words[0]]
    assert strange == []
    assert len(commands()) > 15


@pytest.mark.parametrize("words", [each for each in commands() if each[0] == "make"], ids=" ".join)
def test_make_has_the_target(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "options"),
    [pair for words in commands() for pair in options_of(words)],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_subcommands_and_options_exist(name: str, options: list[str]) -> None:
    assert name in SUBCOMMANDS
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert [each for each in options if each not in shown.output] == []


@pytest.mark.parametrize("words", [each for each in commands() if each[0] == "aws"], ids=" ".join)
def test_stacks_are_deployed_with_the_parameters_that_they_have(words: list[str]) -> None:
    file = ROOT / words[words.index("--template-file") + 1]
    template = yaml.load(file.read_text(encoding="utf-8"), Loader=_CloudFormation)
    overridden = words[words.index("--parameter-overrides") + 1 :]
    given = dict(each.split("=", 1) for each in overridden)
    needed = {name for name, each in template["Parameters"].items() if "Default" not in each}
    assert needed <= given.keys() <= template["Parameters"].keys()
    for name, value in given.items():
        pattern = template["Parameters"][name].get("AllowedPattern", ".*")
        assert re.fullmatch(pattern, value), name
    assert "CAPABILITY_NAMED_IAM" in words


@pytest.mark.parametrize(
    "words", [each for each in commands() if each[0] == "docker"], ids=" ".join
)
def test_compose_has_the_services(words: list[str]) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert {"valkey", "bot", "worker"} <= services.keys()
    assert words[1] == "compose"
    if words[2] == "run":
        assert next(each for each in words[3:] if not each.startswith("-")) in services


def test_settings_of_the_environment_are_read_by_the_code_and_by_compose() -> None:
    names = [words[0].partition("=")[0] for words in commands() if "=" in words[0]]
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert names == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]
    for name in names:
        assert name.lower() in Places.model_fields
        assert f"${{{name}" in compose


def test_the_configuration_is_valid_and_enough() -> None:
    (text,) = blocks("toml")
    settings = validate(tomllib.loads(text), "README.md")
    prod = settings.account("prod")
    assert prod is not None
    assert prod.regions
    assert prod.approvers is not None
    assert prod.approvers.groups
    assert settings.organisation is not None


@pytest.mark.parametrize("text", [each for each in CODE.findall(README) if each.startswith("/pip")])
def test_slash_commands_are_understood(text: str) -> None:
    assert not isinstance(parse(text.partition(" ")[2]), Refusal)


# --- files and links ------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = ["".join(found) for found in LINK.findall(text)]
    broken = [
        target
        for target in targets
        if not target.startswith(("https://", "#")) and not _leads_somewhere(page, target)
    ]
    assert broken == []


def _leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page.parent / path
    if not anchor or file.suffix != ".md":
        return file.exists()
    headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


def test_files_that_are_named_exist() -> None:
    made = {"pipeline-access.toml", "payments.json", "payments.svg"}
    named = {each for each in CODE.findall(README) if FILE.fullmatch(each)}
    assert {"deploy/aws/fix-role.yaml"} <= named
    assert [each for each in named - made if not (ROOT / each).exists()] == []


def test_the_index_has_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in PAGES if page.parent.name == "docs" and page.name != "README.md"]
    assert [name for name in pages if f"]({name})" not in index] == []


def test_the_picture_is_one_and_not_too_big() -> None:
    picture = (ROOT / "docs" / "pictures" / "thread.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture[16:24])
    assert 600 <= width <= 2000
    assert 800 <= height <= 3000
    assert len(picture) < 400_000


def test_the_local_world_is_as_big_as_is_said() -> None:
    world = load()
    assert len(world.accounts) == 7
    assert 25 <= len(world.pipelines) <= 35
    broken = [each for each in world.pipelines if each.outcome == "blocked"]
    assert len(broken) > len(world.pipelines) / 2


# --- at the terminal, for real --------------------------------------------------------------------

EVALUATED = (
    '{"id": "1", "request": {"principal": "arn:aws:iam::111111111111:role/Deploy",'
    ' "action": "s3:GetObject", "resource": "arn:aws:s3:::artifacts/app.zip",'
    ' "resource_account": "111111111111", "context": {}}, "identity_policies": [],'
    ' "resource_policy": null, "permission_boundaries": null, "session_policy": null,'
    ' "vpce_policies": null, "scps": [], "rcps": []}\n'
)
# The status of each, and words of its answer. One account of the local world may not be read.
ANSWERS = {
    "diagnose": (1, "kms:Decrypt"),
    "explain": (0, "s3:GetObject"),
    "evaluate": (0, '"decision":"implicitDeny"'),
    "catalogue": (0, "codebuild:StartBuild"),
    "sweep": (1, "payments-deploy"),
    "requests": (0, ""),
    "audit": (0, ""),
    "doctor": (1, "pipeline-access-read"),
}


def test_the_terminals_commands_run_as_they_stand(world: LocalWorld, tmp_path: Path) -> None:
    """In their order, in one folder, against the local world."""
    (tmp_path / "requests.jsonl").write_text(EVALUATED, encoding="utf-8")
    lines = [words for words in commands() if words[0] == "pipeline-access"]
    assert {words[1] for words in lines} == ANSWERS.keys()
    for words in lines:
        status, said = ANSWERS[words[1]]
        done = subprocess.run(
            [sys.executable, "-m", "workers.cli", *words[1:]],
            cwd=tmp_path,
            env=world.worker_environment | {"COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        shown = done.stdout + done.stderr
        assert done.returncode == status, f"{' '.join(words)}\n{shown}"
        assert said in shown.replace('": "', '":"'), f"{' '.join(words)}\n{shown}"
    assert (tmp_path / "payments.svg").read_text(encoding="utf-8").startswith("<svg")


class _CloudFormation(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with CloudFormation's own tags, which are read as what they are put before."""


def _tagged(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_CloudFormation.add_multi_constructor("!", _tagged)
