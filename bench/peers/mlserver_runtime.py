"""MLServer: a custom runtime that speaks the V2 protocol."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, PandasCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.peers import estimator


class Flights(MLModel):
    """The pipeline behind MLServer."""

    async def load(self) -> bool:
        self.model = estimator.load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        frame = PandasCodec.decode_request(payload)
        answer = np.array(estimator.predictions(self.model, frame))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("predictions", answer)])
