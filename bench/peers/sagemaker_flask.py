"""Flask under gunicorn with the decoding and encoding of sagemaker-inference: how SageMaker's example containers serve."""

from __future__ import annotations

import io

import flask
import pandas as pd
from sagemaker_inference import content_types, encoder

from bench.peers import estimator

app = flask.Flask(__name__)
model = estimator.load()


@app.get("/ping")
def ping() -> flask.Response:
    return flask.Response("\n")


@app.post("/invocations")
def invocations() -> flask.Response:
    if flask.request.content_type == content_types.CSV:
        text = flask.request.get_data(as_text=True)
        frame = pd.read_csv(io.StringIO(text), header=None, names=estimator.FEATURES)
    else:
        frame = pd.DataFrame(flask.request.get_json()["instances"])
    answer = estimator.predictions(model, frame)
    return flask.Response(encoder.encode(answer, content_types.JSON), mimetype=content_types.JSON)
