"""`readings`: Is this reading of a sensor out of the ordinary? Generated, one in twenty is."""

from __future__ import annotations

from windtunnel.models.family import family, label, number

SPEC = family(
    name="readings",
    about="Is this reading of a sensor out of the ordinary? Generated, one in twenty is.",
    task="anomaly",
    numbers=(number("heat", nullable=True), number("load")),
    text="sensor",
    target=label("broken", "int64"),
    unit="score",
    tolerance=0.0001,
    plausible=(-1, 1),
    example={"heat": 0.1, "load": -0.2, "sensor": "a"},
)
