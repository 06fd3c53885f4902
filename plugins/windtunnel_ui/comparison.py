"""Two versions side by side, and the chain from one prediction back to the rows that taught it."""

from __future__ import annotations

from typing import Any, NamedTuple

MORE_IS_BETTER = frozenset({"r2", "accuracy", "f1", "roc_auc", "precision_at_k", "pr_auc"})
"""Of the others, the errors, less is better; a test holds this against `windtunnel.ml.metrics`."""

FACTS = {
    "state": "State",
    "created_at": "Made",
    "requested_by": "Asked for by",
    "reason": "Because",
    "train": "Trained on",
    "train_rows": "Rows",
    "holdout": "Judged on",
    "dataset_tag": "Dataset version",
    "gate": "The gate said",
    "gate_sentence": "In a sentence",
    "forced_by": "Forced by",
    "approved_by": "Approved by",
    "git_commit": "Commit",
    "image": "Image",
    "artefact_sha256": "SHA-256 of the model",
}


class Row(NamedTuple):
    """One line of a comparison.

    Attributes:
        name: What is compared.
        left: Of the first version; None where it has none.
        right: Of the second.
        better: `left` or `right` where numbers say so, else empty.
        same: Whether both are equal.
    """

    name: str
    left: Any
    right: Any
    better: str
    same: bool


def version(document: dict[str, Any], name: str) -> dict[str, Any] | None:
    """One version of a model's document."""
    return next((found for found in document["versions"] if found["version"] == name), None)


def facts(left: dict[str, Any], right: dict[str, Any]) -> list[Row]:
    """What the two are made of and what became of them."""
    return [Row(words, left[key], right[key], "", left[key] == right[key]) for key, words in FACTS.items()]


def metrics(left: dict[str, Any], right: dict[str, Any]) -> list[Row]:
    """Their metrics. Each was measured on its own holdout: only the same holdout makes one better than the other."""
    names = sorted(left["metrics"].keys() | right["metrics"].keys(), key=lambda name: (name.count("_"), name))
    fair = left["holdout"] == right["holdout"]
    return [_measured(name, left["metrics"].get(name), right["metrics"].get(name), fair=fair) for name in names]


def hyperparameters(left: dict[str, Any], right: dict[str, Any]) -> list[Row]:
    """Those that a person chose; the others have the defaults of their commit."""
    both = left["hyperparameters"], right["hyperparameters"]
    return [
        Row(name, both[0].get(name), both[1].get(name), "", both[0].get(name) == both[1].get(name))
        for name in sorted(both[0].keys() | both[1].keys())
    ]


def _measured(name: str, left: float | None, right: float | None, *, fair: bool) -> Row:
    better = ""
    own = not name.startswith(("seasonal_naive_", "linear_", "champion_"))
    if fair and own and left is not None and right is not None and left != right:
        larger = name in MORE_IS_BETTER
        better = "left" if (left > right) == larger else "right"
    return Row(name, left, right, better, left == right)


def chain(document: dict[str, Any], prediction: dict[str, Any]) -> dict[str, Any]:
    """What stands behind one answered request.

    Args:
        document: The model's `Feed`.
        prediction: A `FeedPrediction`.

    Returns:
        `version`, a `FeedVersion` or None; `service`, when it was in service; `entries`, its way there, oldest first;
        `batches`, the ingestions of the months it was trained on, oldest first; `window`, the monitoring window.
    """
    made = version(document, prediction["version"])
    asked = prediction["asked_at"]
    services = [
        stretch
        for stretch in document["services"]
        if stretch["version"] == prediction["version"]
        and stretch["since"] <= asked
        and (stretch["until"] is None or asked < stretch["until"])
    ]
    entries = [e for e in reversed(document["entries"]) if e["version"] == prediction["version"]]
    batches = [b for b in reversed(document["batches"]) if made and b["published"] and _taught(made["train"], b)]
    day = prediction["event_at"][:10]
    windows = [w for w in document["windows"] if _first(w["label"]) <= day < _end(w["label"])]
    return {
        "version": made,
        "service": services[0] if services else None,
        "entries": entries,
        "batches": batches,
        "window": windows[0] if windows else None,
    }


def _taught(label: str, batch: dict[str, Any]) -> bool:
    start, end = str(batch["start"]), str(batch["end"])
    return start < _end(label) and end > _first(label)


def _first(label: str) -> str:
    """First day of a window by its label: `2013-05-01_2013-05-08`, `2013-01_2013-04` or `2013-01`."""
    start = label.partition("_")[0]
    return start if len(start) == 10 else f"{start}-01"


def _end(label: str) -> str:
    """The day after a window's last, by its label."""
    start, _, end = label.partition("_")
    if end:
        return end if len(end) == 10 else f"{end}-01"
    year, month = int(start[:4]), int(start[5:7])
    return f"{year + month // 12}-{month % 12 + 1:02d}-01"
