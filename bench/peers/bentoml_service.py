"""BentoML: a service with one API."""

from __future__ import annotations

from typing import Any

import bentoml
import pandas as pd

from bench.peers import estimator


@bentoml.service(workers=1)
class Flights:
    """The pipeline behind BentoML."""

    def __init__(self) -> None:
        self.model = estimator.load()

    @bentoml.api
    def predict(self, instances: list[dict[str, Any]]) -> list[float]:
        return estimator.predictions(self.model, pd.DataFrame(instances))
