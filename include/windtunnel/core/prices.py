"""What an hour of a SageMaker instance costs: a small table, for estimates; the bill is AWS's.

Training, processing and hosting cost the same per hour for these types. To update: open the pricing page of SageMaker
for `REGION`, compare every line, and change `AS_OF` in the same commit, also when no line changed. Another region, a
savings plan or another type needs no commit: `WINDTUNNEL_PRICES='{"ml.g5.xlarge": 1.408}'` goes over the table.
"""

from __future__ import annotations

from collections.abc import Mapping

from windtunnel.core.settings import settings

REGION = "us-east-1"
AS_OF = "2026-11-21"
"""When the table was last gone through; that day by public copies of AWS's list, none of them AWS's own."""

USD_PER_HOUR: Mapping[str, float] = {
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
    "ml.m5.2xlarge": 0.461,
    "ml.m5.4xlarge": 0.922,
    "ml.c5.large": 0.102,
    "ml.c5.xlarge": 0.204,
    "ml.c5.2xlarge": 0.408,
    "ml.c5.4xlarge": 0.816,
}
"""On demand. Beside the two defaults of the settings, the sizes that a person tries next."""


def usd_per_hour(instance_type: str, instances: int = 1) -> float | None:
    """What so many instances cost in an hour, in USD; None for a type whose price nobody has written down."""
    price = settings().prices.get(instance_type, USD_PER_HOUR.get(instance_type))
    return None if price is None else price * instances


def prices_of() -> str:
    """Which prices these are, for whoever reads an estimate."""
    table = f"on demand, {REGION}, {AS_OF}"
    given = ", ".join(f"`{name}`" for name in sorted(settings().prices))
    return f"{table}; given by `WINDTUNNEL_PRICES`: {given}" if given else table
