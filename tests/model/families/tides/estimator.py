"""A PyTorch module: two layers, and a vector per code of the last text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from windtunnel.core.hyperparameters import Hyperparameter
from windtunnel.ml.matrix_estimator import MatrixEstimator
from windtunnel.ml.torch_model import TorchModel

if TYPE_CHECKING:
    import torch

HYPERPARAMETERS = {"steps": Hyperparameter(kind="int", default=300, low=1, high=5_000, about="Of the optimizer.")}

CODES = 16
"""Of the text: more than it has."""


def build(hyperparameters: Mapping[str, float]) -> MatrixEstimator:
    """The unfitted estimator."""
    return MatrixEstimator(TorchModel("tides", hyperparameters))


def module(columns: int, hyperparameters: Mapping[str, float]) -> torch.nn.Module:  # noqa: ARG001 - one width for all
    """Numbers, with 0 for a missing one, beside what is learned of the text's code."""
    import torch

    class Tides(torch.nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
        def __init__(self) -> None:
            super().__init__()
            self.text = torch.nn.Embedding(CODES, 2)
            self.rest = torch.nn.Sequential(torch.nn.Linear(columns + 1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))

        def forward(self, matrix: torch.Tensor) -> torch.Tensor:
            numbers = torch.nan_to_num(matrix[:, :-1]) * 20
            return self.rest(torch.cat([numbers, self.text(matrix[:, -1].long())], dim=1)) * 100 + 150

    return Tides()


def fit(
    module: torch.nn.Module, matrix: torch.Tensor, target: torch.Tensor, hyperparameters: Mapping[str, float]
) -> None:
    """Train the module in place."""
    import torch

    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(int(hyperparameters["steps"])):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(module(matrix).reshape(-1) / 100, target / 100)
        loss.backward()
        optimizer.step()
