"""A denial in plain words: who was refused what, by which layer, what that means, what is next."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from workers.diagnosis.denials.catalogue import catalogue
from workers.diagnosis.denials.model import Denial

# Kinds whose own meaning adds nothing to what principal, action and layer say.
_PLAIN = frozenset({"not_authorized", "encoded_only"})
_ENCODED_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person is told. Every field is a sentence or more; empty when there is none.

    `refused_by` names the layer and the kind of deny, `look_at` the documents to open, likeliest
    first, `caveats` what the message does not prove, `decode` how to get at an encoded reason.
    """

    headline: str
    refused_by: str
    means: tuple[str, ...]
    look_at: tuple[str, ...]
    caveats: tuple[str, ...]
    decode: tuple[str, ...]
    documentation: str


def explain_denial(denial: Denial, language: str = "en") -> Explanation:
    """The denial in words (IAM/troubleshoot_access-denied.html has the reading rules).

    Raises FileNotFoundError for a language that has no file of words.
    """
    texts = words(language)
    values = _values(denial, texts, language)
    layer = texts["layer"][denial.layer or "unnamed"]
    entry = catalogue().entry(denial.kind)
    meaning = texts.get("kinds", {}).get(denial.kind, entry.meaning)
    means = [] if denial.kind in _PLAIN else [meaning]
    if _speaks_of_layer(denial):
        means.append(layer[denial.effect or "unknown"].format(**values))
    look_at = [
        texts["component"][component]
        for component in denial.points_at
        if component != denial.layer  # said better by the layer's own line
    ]
    if _speaks_of_layer(denial) and (denial.layer or not look_at):
        look_at = [line.format(**values) for line in layer["look"]] + look_at
    documentation = entry.documentation
    if denial.kind == "not_authorized" and denial.layer:
        documentation = catalogue().layer(denial.layer).documentation
    return Explanation(
        headline=_headline(denial, values, texts),
        refused_by=_refused_by(denial, layer["name"], texts),
        means=tuple(means),
        look_at=tuple(dict.fromkeys(look_at)),
        caveats=tuple(texts["caveat"][name].format(**values) for name in _caveats(denial)),
        decode=_decode(denial, values, texts),
        documentation=documentation,
    )


@cache
def words(language: str) -> Mapping[str, Any]:
    """The texts of a language. Raises FileNotFoundError when there is no such file."""
    if not language.isalpha():
        raise FileNotFoundError(f"{language}: no such language")
    return tomllib.loads(
        resources.files(__package__).joinpath(f"{language}.toml").read_text("utf-8")
    )


def who(principal: str, language: str = "en") -> str:
    """A principal as people call it: "The role Deploy in account 111111111111"."""
    forms = words(language)["who"]
    parts = principal.split(":", 5)
    if not principal:
        return str(forms["nobody"])
    if principal == "anonymous":
        return str(forms["anonymous"])
    if len(parts) < 6:
        form = "service" if principal.endswith((".amazonaws.com", ".amazonaws.com.cn")) else "other"
        return str(forms[form]).format(name=principal)
    account, resource = parts[4], parts[5]
    kind, _, name = resource.partition("/")
    forms_by_kind = {
        "assumed-role": ("role", name.split("/")[0]),
        "role": ("role", name.rsplit("/", 1)[-1]),
        "user": ("user", name.rsplit("/", 1)[-1]),
        "federated-user": ("federated", name),
        "root": ("root", ""),
    }
    form, name = forms_by_kind.get(kind, ("other", principal))
    return str(forms[form]).format(name=name, account=account)


def _values(denial: Denial, texts: Mapping[str, Any], language: str) -> dict[str, str]:
    name = who(denial.principal, language)
    return {
        "who": name[0].lower() + name[1:] if name.startswith(("The ", "An ")) else name,
        "action": denial.action or texts["this"]["action"],
        "resource": denial.resource or texts["this"]["resource"],
        "account": texts["decode"]["one_account" if denial.account else "any_account"].format(
            account=denial.account
        ),
        "service": texts["service"].get(denial.service, denial.service),
        "bucket": denial.bucket,
        "connection": denial.connection,
        "repository": denial.repository,
        "function": denial.function,
    }


def _headline(denial: Denial, values: Mapping[str, str], texts: Mapping[str, Any]) -> str:
    form = "nothing"
    if denial.not_access:
        form = "not_access"
    elif denial.action and denial.resource:
        form = "full"
    elif denial.function:
        form = "function"
    elif denial.connection:
        form = "connection"
    elif denial.action:
        form = "action"
    elif denial.bucket:
        form = "bucket"
    elif denial.repository:
        form = "repository"
    elif denial.principal:
        form = "who"
    elif denial.service:
        form = "service"
    said = str(texts["headline"][form]).format(**values)
    return said[0].upper() + said[1:]


def _speaks_of_layer(denial: Denial) -> bool:
    """Whether the message is IAM's own, so that a silent layer is worth a sentence."""
    return bool(denial.layer or denial.effect or denial.kind in ("not_authorized", "cut_short"))


def _refused_by(denial: Denial, layer: str, texts: Mapping[str, Any]) -> str:
    if denial.not_access or not (denial.layer or denial.effect):
        return ""
    effect = texts["effect"].get(denial.effect, "")
    return " · ".join(part for part in (layer, effect, denial.policy_arn) if part)


def _caveats(denial: Denial) -> tuple[str, ...]:
    holds = {
        "transitive": denial.transitive,
        "scp_explicit": denial.layer == "scp" and denial.effect == "explicitDeny",
        "rcp_account": denial.layer == "rcp",
        "kms_same_text": denial.kind in ("kms_key_policy", "ciphertext_key"),
        "service_named": denial.kind == "role_lacks_service" and bool(denial.service),
        "s3_no_layer": denial.kind == "s3_access_denied",
        "one_type": denial.layer is not None and denial.kind != "kms_key_policy",
        "wait": denial.kind in ("start_build", "role_not_assumable"),
        "truncated": denial.truncated,
    }
    return tuple(name for name, true in holds.items() if true)


def _decode(denial: Denial, values: Mapping[str, str], texts: Mapping[str, Any]) -> tuple[str, ...]:
    lines: list[str] = []
    if message := denial.encoded_message:
        shown = message if len(message) <= _ENCODED_SHOWN else f"'{message[:_ENCODED_SHOWN]}…'"
        lines.append(str(texts["decode"]["sts"]).format(account=values["account"], message=shown))
    if denial.authorization_id:
        lines.append(str(texts["decode"]["id"]).format(id=denial.authorization_id))
    return tuple(lines)
