"""The model of the bench: the image's own training on generated flights; its rows and what its estimator says of them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import skops.io

from tests.container.served import generated_flights
from windtunnel.ml import artefact, rows
from windtunnel.ml.container import Container
from windtunnel.ml.training import ESTIMATOR, train
from windtunnel.models.flights.spec import SPEC


def main(folder: Path) -> None:
    """Train, and write what the bench asks and expects."""
    container = Container.read({"SAGEMAKER_BASE_DIR": str(folder)})
    container.channel("train").mkdir(parents=True)
    generated_flights(20_000).to_parquet(container.channel("train") / "part.parquet", index=False)
    container.hyperparameters.parent.mkdir(parents=True)
    window = {"window_start": "2013-01-01", "window_end": "2013-02-01"}
    container.hyperparameters.write_text(json.dumps({"model": SPEC.name, **window}))
    train(container)
    made = container.output / ESTIMATOR
    shutil.copy(made, folder / ESTIMATOR)
    estimator = skops.io.load(made, trusted=skops.io.get_untrusted_types(file=made))

    names = [feature.name for feature in artefact.read(container.model).signature.features]
    frame = rows.features(generated_flights(1000, seed=7), SPEC)[names]
    (folder / "features").write_text(",".join(names))
    row = json.loads(frame.head(1).to_json(orient="records"))[0]
    row = {
        name: float(value) if frame[name].dtype.kind == "f" and SPEC.column(name).kind == "float64" else value
        for name, value in row.items()
    }
    wanted = {
        "features": names,
        "row": row,
        "csv": frame.to_csv(index=False, header=False),
        "predictions": estimator.predict(frame).tolist(),
    }
    (folder / "wanted.json").write_text(json.dumps(wanted))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
