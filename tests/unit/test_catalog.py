from __future__ import annotations

import subprocess
import sys

import pytest

from windtunnel.core import catalog
from windtunnel.core.errors import UnknownModel


def test_every_folder_with_a_spec_is_a_model() -> None:
    assert "flights" in catalog.model_names()
    assert [spec.name for spec in catalog.model_specs()] == list(catalog.model_names())


@pytest.mark.parametrize("name", ["flight", "", "../flights", "flights.spec"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownModel, match=r"Known models: .*`flights`"):
        catalog.model_spec(name)


def test_reading_all_specs_imports_nothing_heavy() -> None:
    program = (
        "import sys; from windtunnel.core.catalog import model_specs; model_specs();"
        "print(*sorted({'pandas', 'numpy', 'pyarrow', 'sklearn', 'great_expectations', 'boto3', 'pyiceberg'}"
        " & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_each_part_of_a_model_is_found() -> None:
    expectations = catalog.model_expectations("flights")
    assert all(callable(getattr(expectations, name)) for name in ("raw", "rows", "audit"))
