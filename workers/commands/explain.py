"""`pipeline-access explain`: an AWS denial message in words. Needs neither AWS nor Slack."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from workers.diagnosis.denials import Denial, parse_denial
from workers.diagnosis.denials.decoded import with_decoded
from workers.diagnosis.denials.words import Explanation, explain_denial, words

NOTHING_RECOGNISED = 2


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
@click.option(
    "--decode",
    "with_sts",
    is_flag=True,
    help="Decode encoded messages with sts:DecodeAuthorizationMessage, under your credentials.",
)
def explain(text: tuple[str, ...], as_json: bool, with_sts: bool) -> None:
    """Say in words who was refused what, by which layer, in an AWS error TEXT.

    TEXT is any text that holds the message: from the console, an SDK, a log, CloudTrail or
    Slack; `-` reads it from standard input. Ends with status 0 when a denial was recognised
    and 2 when none was.
    """
    given = sys.stdin.read() if text == ("-",) else " ".join(text)
    denials = parse_denial(given)
    decoded = _decoded(denials) if with_sts else {}
    denials = tuple(
        with_decoded(denial, decoded.get(denial.encoded_message, "")) for denial in denials
    )
    if as_json:
        click.echo(json.dumps(_document(denials, decoded), indent=2, ensure_ascii=False))
    else:
        _print(denials, decoded)
    if not denials:
        click.echo(words("en")["command"]["nothing"], err=True)
        sys.exit(NOTHING_RECOGNISED)


def _decoded(denials: tuple[Denial, ...]) -> dict[str, str]:
    """The decoded messages by their encoded form; a refusal is told and the rest goes on."""
    from workers.aws.authorization import CannotDecode, decode

    decoded: dict[str, str] = {}
    for message in dict.fromkeys(denial.encoded_message for denial in denials):
        if not message:
            continue
        try:
            decoded[message] = decode(message)
        except CannotDecode as error:
            click.echo(f"The encoded message could not be decoded: {error}", err=True)
    return decoded


def _document(denials: tuple[Denial, ...], decoded: Mapping[str, str]) -> dict[str, Any]:
    return {
        "schema": 1,
        "denials": [
            {
                **asdict(denial),
                "role": denial.role,
                "account": denial.account,
                "decoded": decoded.get(denial.encoded_message),
                "explanation": asdict(explain_denial(denial)),
            }
            for denial in denials
        ],
    }


def _print(denials: tuple[Denial, ...], decoded: Mapping[str, str]) -> None:
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    labels = words("en")["command"]
    if len(denials) > 1:
        console.print(Text(labels["several"].format(count=len(denials))))
    for number, denial in enumerate(denials):
        if number:
            console.print()
        for line in _lines(denial, explain_denial(denial), labels, decoded):
            console.print(line)


def _lines(
    denial: Denial, said: Explanation, labels: Mapping[str, str], decoded: Mapping[str, str]
) -> Iterator[Text]:
    mark, style = ("ℹ", "bold cyan") if denial.not_access else ("✖", "bold red")
    yield Text.assemble((f"{mark} ", style), (said.headline, "bold"))
    if said.refused_by:
        yield Text.assemble((f"  {labels['refused_by']}: ", "dim"), said.refused_by)
    for label, sentences in (
        (labels["means"], said.means),
        (labels["look"], said.look_at),
        (labels["mind"], said.caveats + said.decode),
    ):
        if sentences:
            yield Text(f"  {label}", style="dim")
        for sentence in sentences:
            yield Text(f"    {sentence}")
    if answer := decoded.get(denial.encoded_message):
        yield Text(f"  {labels['decoded']}", style="dim")
        yield Text(f"    {_pretty(answer)}")
    yield Text.assemble((f"  {labels['documentation']}: ", "dim"), said.documentation)


def _pretty(answer: str) -> str:
    try:
        return json.dumps(json.loads(answer), indent=2).replace("\n", "\n    ")
    except ValueError:
        return answer
