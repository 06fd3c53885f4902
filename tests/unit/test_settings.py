from __future__ import annotations

from pathlib import Path

import pytest

from windtunnel.core import settings
from windtunnel.core.errors import SettingInvalid
from windtunnel.core.settings import PREFIX, Settings, read


def test_nothing_given_means_the_defaults() -> None:
    assert read({}) == Settings()


def test_a_variable_is_cast() -> None:
    assert read({"WINDTUNNEL_POLL_SECONDS": "7", "WINDTUNNEL_BUCKET": "mine"}).poll_seconds == 7


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert read({"WINDTUNNEL_BUCKET": ""}).bucket == Settings().bucket


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLL_SECONDS", "soon"),
        ("POLL_SECONDS", "0"),
        ("ENDPOINT_INSTANCE_COUNT", "-1"),
        ("JOB_MAX_SECONDS", "1.5"),
        ("PRICES", "cheap"),
        ("ALARM_SECONDS", "45"),
        ("ALARM_SECONDS", "0"),
    ],
)
def test_a_malformed_variable_is_named_with_its_value_and_its_meaning(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        read({PREFIX + name: value})
    assert f"`{PREFIX}{name}` is `{value}`" in str(refused.value)
    assert str(Settings.model_fields[name.lower()].description) in str(refused.value)


def test_a_bundle_knows_the_commit_that_it_was_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "COMMIT", tmp_path / "commit.txt")
    assert read({}).git_commit == "unknown"
    settings.COMMIT.write_text("0123abc\n")
    assert read({}).git_commit == "0123abc"
    assert read({"WINDTUNNEL_GIT_COMMIT": "given"}).git_commit == "given"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"AIRFLOW__API__BASE_URL": "https://a1b2.c0.eu-central-1.airflow.amazonaws.com"}, "https://a1b2.c0"),
        ({"AIRFLOW__API__BASE_URL": "https://a1b2/", "WINDTUNNEL_AIRFLOW_URL": ""}, "https://a1b2"),
        ({"AIRFLOW__API__BASE_URL": "https://a1b2", "WINDTUNNEL_AIRFLOW_URL": "https://own/"}, "https://own"),
        ({"WINDTUNNEL_AIRFLOW_URL": "a1b2.c0.eu-central-1.airflow.amazonaws.com"}, "https://a1b2.c0"),
    ],
    ids=["nothing", "mwaa", "empty counts as none", "our own goes first", "as the stack's output has it"],
)
def test_links_lead_to_airflow_where_it_says_that_it_is(given: dict[str, str], address: str) -> None:
    found = read(given).airflow_url
    assert found.removesuffix(".eu-central-1.airflow.amazonaws.com") == address


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_addresses_lie_in_the_projects_bucket() -> None:
    assert Settings(bucket="mine").uri("landing", "flights") == "s3://mine/landing/flights"
