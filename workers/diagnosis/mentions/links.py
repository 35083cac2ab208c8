"""Clues in links to the console and in ARNs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from workers.diagnosis.mentions.clues import NAME, REGION, UUID, Clue, fitting

_URL = re.compile(r"https://[^\s<>\"'|]{1,3000}+")
_CONSOLE = re.compile(
    r"(?:(?P<account>\d{12})(?:-[a-z0-9]{1,20})?\.)?(?:(?P<region>" + REGION + r")\.)?"
    r"console\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com|aws\.eu)"
)
_PATH = re.compile(
    r"(?:^|/)pipelines/(?P<pipeline>[^/]{1,300})"
    r"(?:/executions/(?P<execution>" + UUID + r"))?"
)
_OLD_FRAGMENT = re.compile(r"/?(?:view|edit|history)/(?P<pipeline>[^/?]{1,300})")


def links(text: str) -> Iterator[Clue]:
    """Links to the console: today's, the old `#/view/` one, multi-session and access portal."""
    for found in _URL.finditer(text):
        yield from _link(found[0].rstrip(".,;)"), "")


def _link(url: str, account: str) -> Iterator[Clue]:
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
    except ValueError:
        return
    if parts.netloc.endswith(".awsapps.com"):
        portal = parse_qs(parts.fragment.partition("?")[2])
        destination = portal.get("destination", [""])[0]
        if destination and not account:
            yield from _link(destination, portal.get("account_id", [""])[0])
        return
    console = _CONSOLE.fullmatch(parts.netloc)
    if console is None or "codepipeline" not in parts.path:
        return
    path = _PATH.search(parts.path)
    page = path or _OLD_FRAGMENT.match(parts.fragment)
    if page is None:
        return
    name = unquote(page["pipeline"])
    region = query.get("region", [""])[0] or console["region"] or ""
    yield Clue(
        "link",
        pipeline=name if re.fullmatch(NAME, name) else "",
        account=fitting("account", console["account"] or account),
        region=fitting("region", region),
        execution=(path["execution"] or "") if path else "",
    )


_ARN = re.compile(
    r"arn:[\w-]{1,20}:codepipeline:(?P<region>" + REGION + r"):(?P<account>\d{12}):"
    r"(?!actiontype:|webhook:)(?:pipeline:)?(?P<pipeline>" + NAME + r")"
    r"(?:/(?P<stage>" + NAME + r"))?(?:/(?P<action>" + NAME + r"))?"
)


def arns(text: str) -> Iterator[Clue]:
    """Pipelines, stages and actions: CP/iam-access-control-identity-based.html (resources)."""
    for found in _ARN.finditer(text):
        said = {name: (value or "").rstrip(".") for name, value in found.groupdict().items()}
        yield Clue("arn", **said)
