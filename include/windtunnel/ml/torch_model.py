"""A PyTorch module on the matrix: trained and asked by PyTorch, served as ONNX by its own exporter.

A model's `estimator.py` gives two functions, and PyTorch is an optional extra of the image that trains and evaluates:

    def module(columns, hyperparameters) -> torch.nn.Module               # (rows, columns) of float32 in, (rows, 1) out
    def fit(module, matrix, target, hyperparameters) -> None              # trains it in place, on tensors

The module says in `forward` what a missing number (NaN) means to it; the codes of texts are whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from windtunnel.ml.array_model import code_of
from windtunnel.ml.artefact import Form

OPSET = 21
SEED = 20130101


class TorchModel:
    """Learns and answers by the module of a model's `estimator.py`; holds its weights as arrays, never as a pickle.

    Args:
        name: The model, whose folder has the functions.
        hyperparameters: Handed to both.
    """

    def __init__(self, name: str, hyperparameters: Mapping[str, float]) -> None:
        self.name = name
        self.hyperparameters = dict(hyperparameters)

    def fit(self, matrix: npt.NDArray[np.float32], target: npt.NDArray[np.generic]) -> Self:
        """Train the module on a matrix `(rows, features)` and the targets `(rows,)`; the same each time."""
        import torch

        torch.manual_seed(SEED)
        torch.use_deterministic_algorithms(True)
        self.columns_ = matrix.shape[1]
        module = self._new()
        given = torch.from_numpy(matrix), torch.from_numpy(target.astype(np.float32))
        code_of(self.name, "fit")(module.train(), *given, self.hyperparameters)
        self.weights_ = {name: tensor.detach().cpu().numpy().copy() for name, tensor in module.state_dict().items()}
        return self

    def predict(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        """Answers `(rows,)`."""
        import torch

        with torch.no_grad():
            said: npt.NDArray[np.floating] = self._trained()(torch.from_numpy(matrix)).numpy().reshape(-1)
        return said

    def served(self, name: str, columns: Sequence[str]) -> tuple[Form, bytes]:
        """The module as ONNX."""
        import torch

        from windtunnel.ml.conversion import on_matrix
        from windtunnel.ml.onnx_scorer import INPUT, OUTPUT

        # Two rows: the exporter takes a size of 1 for one that never changes.
        example = (torch.zeros(2, self.columns_),)
        made = torch.onnx.export(
            self._trained(),
            example,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("rows")},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        return "onnx", on_matrix(made.model_proto, name, columns)

    def _new(self) -> Any:
        return code_of(self.name, "module")(self.columns_, self.hyperparameters)

    def _trained(self) -> Any:
        import torch

        module = self._new()
        module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in self.weights_.items()})
        return module.eval()
