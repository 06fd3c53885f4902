from __future__ import annotations

from typing import Any

import pytest

from windtunnel.aws import capture
from windtunnel.core.catalog import model_spec
from windtunnel.core.errors import SpecInvalid
from windtunnel.core.spec import RESERVED, Arrival, Column, ModelSpec, S3Csv
from windtunnel.ml import joined


def _flights(**changed: Any) -> ModelSpec:
    spec = model_spec("flights")
    return ModelSpec(**{name: getattr(spec, name) for name in ModelSpec.model_fields} | changed)


def test_the_flagship_is_consistent() -> None:
    assert _flights() == model_spec("flights")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"features": ("carrier", "colour")}, "names columns it does not declare: `colour`"),
        ({"key": "id"}, "names columns it does not declare: `id`"),
        (
            {"features": ("carrier", "day")},
            "`flights` has `day` as key, event time, target or feature; monitoring uses",
        ),
        ({"monitoring": {"damaged": 3, "windows": 2}}, "`damaged` is `3` of `windows` = `2`"),
        ({"features": ("carrier", "arr_time")}, "uses `arr_time` as a feature, known only after the prediction"),
        ({"target": "distance"}, "The target `distance` of `flights` must be declared with `later=True`"),
        ({"example": {"carrier": "UA"}}, "`example` of `flights` must give exactly the features"),
        ({"name": "Flights"}, "`name` is `Flights`"),
        ({"quarantine_budget": 1.0}, "`quarantine_budget` is `1.0`"),
        ({"surprise": 1}, "`surprise` is `1`"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_spec_that_contradicts_itself_says_where(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecInvalid) as refused:
        _flights(**changed)
    assert words in str(refused.value)


def test_parts_of_a_spec_check_themselves() -> None:
    with pytest.raises(SpecInvalid, match="`prefix` is `/tmp`"):
        S3Csv(prefix="/tmp")  # noqa: S108
    with pytest.raises(SpecInvalid, match="`first` is `January`"):
        Arrival(first="January")
    with pytest.raises(SpecInvalid, match="`kind` is `int32`"):
        Column(name="a", kind="int32", about="")


def test_a_column_is_found_by_its_name() -> None:
    assert model_spec("flights").column("distance").kind == "int64"


def test_the_columns_that_monitoring_adds_are_reserved() -> None:
    added = {*joined.schema(model_spec("flights")).names, *capture.schema(model_spec("flights")).names}
    spec = model_spec("flights")
    own = {spec.key, spec.event_time, spec.target, *spec.features}
    recorded = {joined.recorded(name) for name in joined.recorded_columns(spec)}
    assert added - own - recorded <= RESERVED
    assert {joined.CHAMPION_SAID, joined.CONTROL_SAID} <= RESERVED
