"""Runs an ONNX model, by ONNX Runtime: no pandas, no scikit-learn."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from windtunnel.core.errors import ArtefactInvalid, quoted
from windtunnel.ml import operators
from windtunnel.ml.artefact import Feature
from windtunnel.ml.matrix import Columns, Matrix

INPUT, OUTPUT = "features", "prediction"
_OUTPUTS = [OUTPUT]
_TYPE = "tensor(float)"


class OnnxScorer:
    """An ONNX model: the matrix `(rows, features)` of float32 in, `prediction` `(rows, 1)` of float32 out.

    Its metadata lists the matrix's columns under `features`.

    Args:
        model: Its bytes.
        features: Of its signature.

    Attributes:
        matrix: Makes what it takes of columns.
        inputs_of: The same as a function.

    Raises:
        ArtefactInvalid: The bytes are not such a model, or one of other features.
    """

    def __init__(self, model: bytes, features: Sequence[Feature]) -> None:
        options = ort.SessionOptions()
        # Without a folder it takes weights from files of the working directory, which no digest covers.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
        # One thread: the order of float32 sums, and so the last digit, must not depend on the machine's cores.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            found = [(each.name, each.type, each.shape[1:]) for each in self._session.get_inputs()]
            names = json.loads(self._session.get_modelmeta().custom_metadata_map.get(INPUT, "null"))
            outputs = [(output.name, output.type) for output in self._session.get_outputs()]
        except Exception as error:  # onnxruntime's errors share no base but this
            raise ArtefactInvalid(f"ONNX Runtime cannot load the model: {str(error)[:500]}. Train again.") from error
        operators.check(model)
        if outputs != [(OUTPUT, _TYPE)]:
            raise ArtefactInvalid(f"The model answers `{outputs}`, expected is `{OUTPUT}` alone. Train again.")
        wanted = [feature.name for feature in features]
        if found != [(INPUT, _TYPE, [len(wanted)])] or names != wanted:
            raise ArtefactInvalid(
                f"The model takes `{found}` of the columns {quoted(names or ())}, its signature says one matrix "
                f"`{INPUT}` of {quoted(wanted)}. Train again."
            )
        self.matrix = Matrix(features)
        self.inputs_of = self.matrix.of

    def score(self, columns: Columns) -> npt.NDArray[np.float32]:
        """Answers `(rows,)` to one array `(rows,)` per feature."""
        return self.run(self.matrix.of(columns))

    def run(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Answers `(rows,)` to a matrix `(rows, features)`."""
        (predictions,) = self._session.run(_OUTPUTS, {INPUT: matrix})
        return np.asarray(predictions, dtype=np.float32).reshape(-1)
