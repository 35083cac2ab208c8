"""From text to denials: find the catalogue's messages, join what wraps what, read what follows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, cast

from workers.diagnosis.denials.catalogue import Catalogue, Entry, catalogue
from workers.diagnosis.denials.clean import clean
from workers.diagnosis.denials.model import Denial, Effect, Layer

_FIELDS = frozenset(each.name for each in fields(Denial))
_BETWEEN = re.compile(r"[\s.,;)\]\"']{0,8}")
_POLICY = re.compile(
    r':? ?"?(?P<policy_arn>arn:[\w-]{1,20}:(?:iam|organizations):[^\s"<>]{1,900}+)'
)
_TRANSITIVE = re.compile(r"transitively through a service control policy")
_EXPLICIT = re.compile(r"with an explicit deny")
_PUBLIC_ACCESS = re.compile(
    r"because public (?:ACLs|policies) are (?:prevented|blocked) by the \w{1,40} setting in "
    r"S3 Block Public Access"
)
_ENCODED = re.compile(
    r"Encoded authorization failure message: (?P<encoded_message>[\w+/=-]{16,20000}+)"
)
_AUTHORIZATION = re.compile(
    r"(?:Go to (?P<authorization_url>https://[^\s\"<>]{1,2000}+) for complete details,? ?(?:or )?)?"
    r"call the GetRequestAuthorizationDetails API with the following authorization id: "
    r"(?P<authorization_id>[0-9A-Za-z_-]{1,200})"
)
_SDK_TAIL = re.compile(
    r"\(?Service: (?P<service>[\w. ]{1,80}?)[;,] Status Code: \d{3}[;,][^()]{0,600}\)?"
)
_BUCKET = re.compile(
    r"arn:[\w-]{1,20}:s3:::(?P<bucket>[a-z0-9][a-z0-9.-]{1,62})(?:/(?P<key>[^\"]{1,1024}))?"
)
_CUT = re.compile(r"(?:\.\.\.|…)\"?$")
_S3_ACTIONS = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "CopyObject": "PutObject",
    "UploadPart": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
"""Operations whose IAM action has another name (AmazonS3/using-with-s3-policy-actions.html)."""


def parse_denial(text: str) -> tuple[Denial, ...]:
    """The denials that `text` tells of, in its order; empty when there is none.

    Any text will do: raw from AWS, wrapped by an SDK or a service, as JSON, as Slack sends it,
    cut short. A message that carries another one ("Error calling startBuild: User: …") gives
    one denial: the outer kind with the inner fields. Never raises; linear in the text's length,
    of which at most 200,000 characters are read. Wording: IAM/troubleshoot_access-denied.html
    and the pages that `catalogue.toml` names.
    """
    cleaned = clean(text)
    known = catalogue()
    found = _search(cleaned, known, fallback=False)
    matches = _joined(found) or _search(cleaned, known, fallback=True)[:1]
    denials: dict[Denial, None] = {}  # ordered, and each told once
    for match in matches:
        denials.setdefault(_denial(match))
    return tuple(denials)


@dataclass(slots=True)
class _Match:
    """An entry found in the text, with what it says and where it ends."""

    entry: Entry
    start: int
    end: int
    text: str
    said: dict[str, Any] = field(default_factory=dict)


def _search(text: str, known: Catalogue, *, fallback: bool) -> list[_Match]:
    """All matches in the order of the text, none inside another one."""
    everything: list[tuple[int, int, re.Match[str], Entry]] = []
    for order, entry in enumerate(known.entries):
        if (entry.role == "fallback") is not fallback:
            continue
        everything += [(found.start(), order, found, entry) for found in entry.regex.finditer(text)]
    everything.sort(key=lambda each: each[:2])
    matches: list[_Match] = []
    for start, _, found, entry in everything:
        if matches and start < matches[-1].end:
            continue
        said = _groups(found, entry)
        end = _read_tail(text, found.end(), said, entry)
        matches.append(_Match(entry, start, end, text[start:end], said))
    return matches


def _groups(found: re.Match[str], entry: Entry) -> dict[str, Any]:
    """The named groups; `resource_` is another place where the resource may stand."""
    said: dict[str, Any] = dict(entry.fields)
    for name, value in found.groupdict().items():
        bare = name.rstrip("_")
        if value and bare in _FIELDS:
            said[bare] = value.rstrip(".,;:)]'…")
    if entry.id == "cut_short" or _CUT.search(found.group()):
        said["truncated"] = True
    return said


def _read_tail(text: str, end: int, said: dict[str, Any], entry: Entry) -> int:
    """Reads what follows a message: layer, policy, encoded message, id, the SDK's own words."""
    if entry.reach:
        return end
    if layer := _tail(_layers(), text, end):
        said["layer"], said["effect"] = _named_by(layer)
        end = layer.end()
        if transitive := _tail(_TRANSITIVE, text, end):
            said |= {"layer": "scp", "transitive": True}
            end = transitive.end()
        if policy := _POLICY.match(text, end):
            said["policy_arn"] = policy["policy_arn"].rstrip(".,;)'")
            end = policy.end()
    elif explicit := _tail(_EXPLICIT, text, end):
        said["effect"] = "explicitDeny"
        end = explicit.end()
    elif public := _tail(_PUBLIC_ACCESS, text, end):
        said |= {"points_at": ("bucket",), "effect": "explicitDeny"}
        end = public.end()
    for _ in range(3):
        for pattern in (_ENCODED, _AUTHORIZATION, _SDK_TAIL):
            if found := _tail(pattern, text, end):
                said |= {name: value for name, value in found.groupdict().items() if value}
                end = found.end()
    return end


def _tail(pattern: re.Pattern[str], text: str, end: int) -> re.Match[str] | None:
    between = _BETWEEN.match(text, end)
    return pattern.match(text, between.end() if between else end)


@cache
def _layers() -> re.Pattern[str]:
    """One pattern for all layers; the group that matched names layer and effect."""
    parts: list[str] = []
    for layer in catalogue().layers:
        names = "|".join(re.escape(name) for name in sorted(layer.names, key=len, reverse=True))
        parts += [
            f"(?P<{layer.id}_implicitDeny>because (?:no|the) (?:{names}) allows?"
            r"(?: the [\w:*-]{1,200} action)?)",
            f"(?P<{layer.id}_explicitDeny>with an explicit deny in (?:an? |the )?(?:{names}))",
        ]
    return re.compile("|".join(parts), re.IGNORECASE)


def _named_by(found: re.Match[str]) -> tuple[Layer, Effect]:
    layer, _, effect = (found.lastgroup or "").partition("_")
    return cast(Layer, layer), cast(Effect, effect)


def _joined(matches: list[_Match]) -> list[_Match]:
    """Wrappers take in the message they carry; contexts that carry none are no denial."""
    joined: list[_Match] = []
    for match in reversed(matches):
        if match.entry.reach and joined and joined[-1].start - match.end <= match.entry.reach:
            inner = joined.pop()
            kind = inner.entry if match.entry.role == "context" else match.entry
            said = {**match.said, **inner.said}
            text = f"{match.text} … {inner.text}" if inner.start > match.end + 1 else None
            joined.append(
                _Match(kind, match.start, inner.end, text or match.text + inner.text, said)
            )
        elif match.entry.role != "context":
            joined.append(match)
    return joined[::-1]


def _denial(match: _Match) -> Denial:
    said = match.said
    service = said.get("service", "")
    if not said.get("action") and said.get("operation") and service.lower().endswith("s3"):
        operation = said["operation"]
        said["action"] = f"s3:{_S3_ACTIONS.get(operation, operation)}"
    if not said.get("bucket") and (bucket := _BUCKET.match(said.get("resource", ""))):
        said["bucket"] = bucket["bucket"]
        said["key"] = said.get("key") or bucket["key"] or ""
    said.setdefault("points_at", match.entry.points_at or _points_at(said))
    said.setdefault("not_access", match.entry.not_access)
    return Denial(kind=match.entry.id, text=match.text, **said)


def _points_at(said: dict[str, Any]) -> tuple[str, ...]:
    """Where to look when the message itself names the layer."""
    if layer := said.get("layer"):
        if points := catalogue().layer(layer).points_at:
            return points
        if layer == "resource":
            service = said.get("action", "").partition(":")[0].lower()
            return {"s3": ("bucket",), "kms": ("kms",), "sts": ("trust",)}.get(service, ())
    return ()
