"""The table of prices: what it says, what goes over it, and that it does not guess."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from windtunnel.core import prices
from windtunnel.core.errors import SettingInvalid
from windtunnel.core.settings import Settings, read, settings


@pytest.fixture(autouse=True)
def settings_of_its_own() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_the_types_of_the_default_settings_have_a_price() -> None:
    usual = Settings()
    assert prices.usd_per_hour(usual.job_instance_type) == 0.23
    assert prices.usd_per_hour(usual.endpoint_instance_type, 2) == 0.23


def test_a_type_nobody_wrote_down_has_none() -> None:
    assert prices.usd_per_hour("ml.p99.huge") is None


def test_a_setting_goes_over_the_table_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDTUNNEL_PRICES", '{"ml.m5.xlarge": 0.2, "ml.p99.huge": 40}')
    assert prices.usd_per_hour("ml.m5.xlarge") == 0.2
    assert prices.usd_per_hour("ml.p99.huge", 3) == 120
    assert prices.usd_per_hour("ml.m5.large") == 0.115
    assert prices.prices_of().endswith("given by `WINDTUNNEL_PRICES`: `ml.m5.xlarge`, `ml.p99.huge`")


def test_a_price_below_nothing_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="`WINDTUNNEL_PRICES` is `-1"):
        read({"WINDTUNNEL_PRICES": '{"ml.m5.xlarge": -1}'})
