"""Runs an ONNX model. What serving and evaluation both use, so both give the same numbers. No pandas, no scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml.codes import CATEGORIES, Codes

OUTPUT = "prediction"
_OUTPUTS = [OUTPUT]


class Scorer:
    """An ONNX model with one input `(rows, 1)` per feature and the output `prediction`, `(rows, 1)` of float32.

    Attributes:
        inputs: Type of each input, as ONNX Runtime writes it.
        codes: Of each string that the model takes as a code.

    Raises:
        ArtefactInvalid: The bytes are not such a model.
    """

    def __init__(self, model: bytes) -> None:
        options = ort.SessionOptions()
        # One thread: the order of float32 sums, and so the last digit, must not depend on the machine's cores.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            outputs = [output.name for output in self._session.get_outputs()]
            told = json.loads(self._session.get_modelmeta().custom_metadata_map.get(CATEGORIES, "{}"))
            self.codes = {name: Codes(categories) for name, categories in told.items()}
        except Exception as error:  # onnxruntime's errors share no base but this
            raise ArtefactInvalid(f"ONNX Runtime cannot load the model: {error}. Train again.") from error
        if outputs != [OUTPUT]:
            raise ArtefactInvalid(f"The model answers `{outputs}`, expected is `{OUTPUT}` alone. Train again.")
        self.inputs = {found.name: found.type for found in self._session.get_inputs()}

    def score(self, columns: Mapping[str, npt.NDArray[np.generic]]) -> npt.NDArray[np.float32]:
        """Predictions `(rows,)` from one array `(rows,)` per feature: float32, or objects for strings."""
        return self.run(self.inputs_of(columns))

    def inputs_of(self, columns: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        """The same columns as the graph takes them: `(rows, 1)`, texts as codes."""
        return {name: self._input(name, columns[name]) for name in self.inputs}

    def run(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> npt.NDArray[np.float32]:
        """Predictions `(rows,)` from the inputs as the graph takes them: `(rows, 1)` of float32 or int64 codes."""
        (predictions,) = self._session.run(_OUTPUTS, inputs)
        return np.asarray(predictions, dtype=np.float32).reshape(-1)

    def _input(self, name: str, column: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        if name in self.codes and column.dtype != np.int64:
            column = np.fromiter(map(self.codes[name].__getitem__, column.tolist()), np.int64, len(column))
        return column.reshape(-1, 1)
