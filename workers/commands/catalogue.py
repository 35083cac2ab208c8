"""`pipeline-access catalogue`: what each action provider needs, as the diagnosis knows it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from workers.pipeline import catalogue as data
from workers.pipeline.catalogue import Access, Catalogue, Provider, When

NOT_FOUND = 2
_STYLES = {"always": "bold red", "when": "yellow", "documented": "dim"}
_STRENGTHS = (
    "always: the pipeline fails without it. when: it fails without it under the condition. "
    "documented: AWS's pages list it, and pipelines run daily without it."
)


@click.command()
@click.argument("provider", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
def catalogue(provider: str | None, as_json: bool) -> None:
    """Print what each action provider needs; of one PROVIDER, every permission.

    PROVIDER is the name in an action type (CodeBuild, CloudFormation, Manual, …). Status 2 when
    there is none of that name.
    """
    known = data.load()
    chosen = known.providers if provider is None else _named(known, provider)
    if not chosen:
        raise SystemExit(_refuse(known, provider or ""))
    if as_json:
        click.echo(json.dumps([_json(known, each) for each in chosen], indent=2))
    elif provider is None:
        _overview(Console(), known)
    else:
        for each in chosen:
            _details(Console(), known, each)


def _named(known: Catalogue, name: str) -> tuple[Provider, ...]:
    return tuple(each for each in known.providers if each.provider.lower() == name.lower())


def _refuse(known: Catalogue, name: str) -> int:
    names = sorted({each.provider for each in known.providers} - {"*"})
    lower = {each.lower(): each for each in names}
    nearest = [lower[match] for match in get_close_matches(name.lower(), lower, n=3)]
    click.echo(f"There is no provider {name} in the catalogue.", err=True)
    click.echo(f"Did you mean {', '.join(nearest)}?" if nearest else ", ".join(names), err=True)
    return NOT_FOUND


def _json(known: Catalogue, provider: Provider) -> dict[str, Any]:
    described = provider.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"access", "sets"}
    )
    described["access"] = [
        each.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        | {"strength": each.weight.value, "purpose": known.purposes[each.purpose]}
        for each in _entries(known, provider)
    ]
    return described


def _entries(known: Catalogue, provider: Provider) -> tuple[Access, ...]:
    """All that an action of the provider needs, the artifact store included."""
    return (*known.access(provider), *known.sets["artifact_store"].access)


def _overview(console: Console, known: Catalogue) -> None:
    first = Column("Provider", no_wrap=True)
    table = Table(first, "Category", "Owner", "Permissions", box=None, pad_edge=False)
    for each in sorted(known.providers, key=lambda each: (each.owner, each.provider.lower())):
        actions = {action for access in known.access(each) for action in access.actions}
        name = each.provider if each.provider != "*" else "every other"
        table.add_row(name, ", ".join(each.category), each.owner, str(len(actions)))
    console.print(table)
    console.print(
        "Beside these, every action that takes or makes artifacts needs the artifact store. "
        "`pipeline-access catalogue PROVIDER` shows all permissions of one.",
        style="dim",
    )


def _details(console: Console, known: Catalogue, provider: Provider) -> None:
    console.print(
        Text(f"{provider.provider} ({', '.join(provider.category)}, {provider.owner})", "bold")
    )
    console.print(Text(provider.documentation, "dim", overflow="fold"))
    for line in filter(None, (provider.note, _limits(provider))):
        console.print(line)
    for each in _entries(known, provider):
        who = _who(provider, each)
        if who is not None:
            console.print(_entry(known, each, who.replace("_", " ")))
    console.print()
    console.print(_STRENGTHS, style="dim")


def _who(provider: Provider, access: Access) -> str | None:
    """Who needs it; None for what actions of the provider never do."""
    takes = provider.category != ("Source",)
    if not takes and (access.subject == "reader" or access.when.inputs):
        return None
    if access.when.cross_region and not provider.cross_region:
        return None
    if access.subject == "reader":
        return provider.reader
    return provider.writer if access.subject == "writer" else access.subject


def _entry(known: Catalogue, access: Access, who: str) -> Text:
    """One entry as a few lines that fold in any width and copy well."""
    strength = access.weight.value
    text = Text("\n", overflow="fold")
    text.append(f"{strength:<10}", _STYLES[strength])
    text.append(f"  {who} needs, to {known.purposes[access.purpose]}\n")
    for action in access.actions:
        text.append(f"    {action}\n", "bold")
    for resource in access.resources:
        text.append(f"    on {resource}\n")
    if access.when:
        text.append(f"    if {in_words(access.when)}\n", "yellow")
    if access.alternative:
        text.append("    (one entry of this purpose is enough)\n", "dim")
    text.rstrip()
    return text


def _limits(provider: Provider) -> str:
    places = [
        name
        for name, possible in (
            ("accounts", provider.cross_account),
            ("regions", provider.cross_region),
        )
        if not possible
    ]
    return f"Does not run across {' or '.join(places)}." if places else ""


def in_words(when: When) -> str:
    """The conditions of an entry in words; empty when there are none."""
    parts = [f"{key} is {_either(values)}" for key, values in when.configuration.items()]
    parts += [f"{key} is not {_either(values)}" for key, values in when.unless.items()]
    parts += [f"{key} speaks of {text}" for key, text in when.mentions.items()]
    parts += [f"there is {_name(name)}" for name in when.configured]
    parts += [f"there is no {_name(name)}" for name in when.unconfigured]
    for holds, words in (
        (when.inputs, "it takes artifacts"),
        (when.outputs, "it makes artifacts"),
        (when.clone, "the source hands out a clone reference"),
        (when.cross_account, "in another account than the store"),
        (when.cross_region, "in another region than the pipeline"),
        (when.vpc, "inside a VPC"),
    ):
        if holds is not None:
            parts.append(words if holds else f"not {words}")
    return ", ".join(parts)


def _either(values: Iterable[str]) -> str:
    return " or ".join(values)


def _name(name: str) -> str:
    return name.replace("_", " ")
