"""The configuration file: what is accepted, and what is said of what is not."""

from pathlib import Path

import pytest

from workers.settings import ConfigurationError, Places, load, validate

ACCOUNT = {"id": "111111111111", "alias": "tools"}


def test_account_takes_what_it_does_not_say_from_the_defaults() -> None:
    settings = validate(
        {
            "defaults": {"regions": ["eu-west-1"], "external_id": "x-1", "approvals": 2},
            "accounts": [ACCOUNT, {"id": "222222222222", "alias": "prod", "approvals": 1}],
        },
        "c.toml",
    )

    tools, prod = settings.complete()

    assert (tools.regions, tools.external_id, tools.approvals) == (("eu-west-1",), "x-1", 2)
    assert (prod.read_role, prod.approvals) == ("pipeline-access-read", 1)


@pytest.mark.parametrize("wanted", ["111111111111", "tools", "TOOLS"])
def test_account_is_found_by_id_and_by_alias_in_any_case(wanted: str) -> None:
    account = validate({"accounts": [ACCOUNT]}, "c.toml").account(wanted)

    assert account is not None
    assert account.id == "111111111111"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"acounts": []}, ["c.toml: acounts: no such key. Did you mean 'accounts'?"]),
        ({"slack": {"alow_guests": True}}, ["slack.alow_guests", "'allow_guests'"]),
        ({"accounts": [{"id": "12", "alias": "tools"}]}, ["accounts.0.id", "'12'"]),
        ({"accounts": [{"id": "111111111111"}]}, ["accounts.0.alias: Field required"]),
        ({"accounts": [ACCOUNT, ACCOUNT]}, ["id '111111111111' is given twice"]),
        ({"defaults": {"approvals": 3}}, ["defaults.approvals", "less than or equal to 2"]),
        ({"defaults": {"regions": ["europe"]}}, ["defaults.regions.0", "'europe'"]),
        ({"defaults": {"approvers": {"groups": ["@platform"]}}}, ["approvers.groups.0"]),
    ],
)
def test_fault_names_file_key_and_cure(table: dict[str, object], said: list[str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        validate(table, "c.toml")

    assert str(raised.value).startswith("c.toml: ")
    for part in said:
        assert part in str(raised.value)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        validate({"nonsense": 1, "jobs": {"threads": 0}}, "c.toml")

    assert len(str(raised.value).splitlines()) == 2


def test_missing_file_says_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"pipeline-access\.example\.toml"):
        load(tmp_path / "none.toml")


def test_broken_toml_is_told_with_its_position(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[accounts\n")

    with pytest.raises(ConfigurationError, match="line 1"):
        load(file)


def test_secrets_of_the_environment_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret-value")

    places = Places()

    assert "secret-value" not in repr(places)
    assert places.slack_bot_token is not None
    assert places.slack_bot_token.get_secret_value() == "xoxb-secret-value"
