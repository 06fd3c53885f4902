"""`tumours`: Is this tumour malignant? The Wisconsin data set of scikit-learn."""

from __future__ import annotations

from windtunnel.models.family import family, label, number

SPEC = family(
    name="tumours",
    about="Is this tumour malignant? The Wisconsin data set of scikit-learn.",
    task="classification",
    numbers=(number("radius"), number("texture", nullable=True), number("concavity"), number("worst_area")),
    text="clinic",
    target=label("malignant", "int64"),
    unit="probability",
    tolerance=1e-05,
    plausible=(0, 1),
    example={"radius": 14.1, "texture": 19.3, "concavity": 0.09, "worst_area": 880.6, "clinic": "north"},
)
