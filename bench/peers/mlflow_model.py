"""mlflow: a model of code, served by `mlflow models serve`. Run as a program it writes the model's folder."""

from __future__ import annotations

import sys
from typing import Any

import mlflow
import pandas as pd


class Flights(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """The pipeline behind mlflow."""

    def load_context(self, context: Any) -> None:  # noqa: ARG002
        from bench.peers import estimator

        self.model, self.predictions = estimator.load(), estimator.predictions

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[float]:  # noqa: ARG002
        return list(self.predictions(self.model, model_input))


mlflow.models.set_model(Flights())

if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=__file__)
