"""Runs an ONNX model. What serving and evaluation both use, so both give the same numbers. No pandas, no scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from windtunnel.core.errors import ArtefactInvalid

OUTPUT = "prediction"


class Scorer:
    """An ONNX model with one input `(rows, 1)` per feature and the output `prediction`, `(rows, 1)` of float32.

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
        except Exception as error:  # onnxruntime's errors share no base but this
            raise ArtefactInvalid(f"ONNX Runtime cannot load the model: {error}. Train again.") from error
        if outputs != [OUTPUT]:
            raise ArtefactInvalid(f"The model answers `{outputs}`, expected is `{OUTPUT}` alone. Train again.")
        self.inputs = {found.name: found.type for found in self._session.get_inputs()}

    def score(self, columns: Mapping[str, npt.NDArray[np.generic]]) -> npt.NDArray[np.float32]:
        """Predictions `(rows,)` from one array `(rows,)` per feature: float32, or objects for strings."""
        feed = {name: columns[name].reshape(-1, 1) for name in self.inputs}
        (predictions,) = self._session.run([OUTPUT], feed)
        return np.asarray(predictions, dtype=np.float32).reshape(-1)
