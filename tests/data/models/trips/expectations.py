from __future__ import annotations

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation


def raw() -> list[Expectation]:
    return [
        gxe.ExpectColumnValuesToMatchRegex(
            column="line", regex=r"^(?:[A-Z]\d+|ghost)$", description="`line` is no letter and number"
        )
    ]


def rows() -> list[Expectation]:
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column="stops", min_value=1, max_value=50, description="`stops` is not 1 to 50"
        )
    ]


def audit() -> list[Expectation]:
    return [
        gxe.ExpectColumnValuesToBeUnique(column="trip", description="No trip stands twice"),
        gxe.ExpectColumnMeanToBeBetween(
            column="minutes", max_value=500, description="The mean trip is under 500 minutes"
        ),
    ]
