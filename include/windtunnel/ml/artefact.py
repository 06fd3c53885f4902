"""A model as files: its bytes, `signature.json`, `golden.json`, and `artefact.json` that lists their digests.

The name of the file with the model's bytes tells their form: `model.onnx` for ONNX Runtime, `model.npz` with arrays for
the model's own code, `model.skops` with a scikit-learn estimator. There is exactly one.

The digest of an artefact is the SHA-256 of `artefact.json`: it names all bytes of the model. The same data, code and
parameters give the same digest, so nothing here carries a time or a random name.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from windtunnel.core.errors import ArtefactInvalid, quoted
from windtunnel.core.spec import Task
from windtunnel.ml.archive import MEGABYTE, unpack

LISTING = "artefact.json"
FILES = ("signature.json", "golden.json")
"""Beside the model's bytes and the listing."""

Form = Literal["onnx", "npz", "skops"]
MODELS: dict[Form, str] = {"onnx": "model.onnx", "npz": "model.npz", "skops": "model.skops"}
"""Where the bytes of a model of each form lie."""

SIZES = {
    LISTING: MEGABYTE,
    "signature.json": 16 * MEGABYTE,
    "golden.json": 64 * MEGABYTE,
    **dict.fromkeys(MODELS.values(), 1024 * MEGABYTE),
}
"""Largest size in bytes of each file of a model.tar.gz."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Feature(_Frozen):
    """One column of a request."""

    name: str
    kind: Literal["int64", "float64", "string"]
    nullable: bool
    categories: tuple[str, ...] | None = None
    "Values of a string column seen in training; others are allowed and count as unknown."
    codes: tuple[float, ...] | None = None
    "Numbers that stand for them in the model's matrix; the last two for a missing text and for an unknown one."

    @model_validator(mode="after")
    def _coded(self) -> Self:
        if self.kind == "string" and self.codes is not None and len(self.codes) != len(self.categories or ()) + 2:
            raise ValueError(f"`{self.name}` has {len(self.codes)} codes, two more than its categories are needed")
        return self


class Answers(_Frozen):
    """What a model answered to its training rows and what it may answer: its server holds later answers against it."""

    mean: float
    deviation: float = Field(ge=0, description="Standard deviation.")
    low: float = Field(description="Answers below are not plausible.")
    high: float = Field(description="Answers above are not plausible.")


class Signature(_Frozen):
    """What a model takes, in this order, and what it answers."""

    model: str
    features: tuple[Feature, ...] = Field(min_length=1, max_length=10_000)
    task: Task = "regression"
    "What the one number of an answer is; artefacts older than the word are regressions."
    target: str
    unit: str
    answers: Answers
    libraries: dict[str, str]
    "Versions the model was made with."

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({feature.name for feature in self.features}) < len(self.features):
            raise ValueError("a feature stands twice in its signature")
        return self


class Golden(_Frozen):
    """Real rows with the predictions the model gave when it was made: whoever serves it must give the same."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int | float | str | None, ...], ...]
    predictions: tuple[float, ...]
    tolerance: float = Field(ge=0)
    "Largest difference that counts as equal; machines sum float32 in different orders."

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.rows or len(self.rows) != len(self.predictions):
            raise ValueError(f"it has {len(self.rows)} golden rows and {len(self.predictions)} predictions of them")
        return self

    def request(self) -> dict[str, Any]:
        """The rows as the body of a request."""
        return {"columns": self.columns, "rows": self.rows}


class Artefact(_Frozen):
    """A model whose files match their digests."""

    form: Form
    model: bytes
    signature: Signature
    golden: Golden
    sha256: str

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        """A tolerance as wide as what is plausible would let any model prove itself."""
        most = (self.signature.answers.high - self.signature.answers.low) / 100
        if self.golden.tolerance > most:
            raise ValueError(f"its golden rows may differ by {self.golden.tolerance}, more than {most:g}")
        return self


def write(folder: Path, model: bytes, signature: Signature, golden: Golden, form: Form = "onnx") -> str:
    """Write a model's files.

    Args:
        folder: Where to; made if missing.
        model: Its bytes.
        signature: What it takes and answers.
        golden: Its rows to prove itself on.
        form: What the bytes are.

    Returns:
        The artefact's digest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = (_json(signature.model_dump()), _json(golden.model_dump()))
    contents = {MODELS[form]: model, **dict(zip(FILES, said, strict=True))}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    listing = _json({name: hashlib.sha256(content).hexdigest() for name, content in contents.items()})
    (folder / LISTING).write_bytes(listing)
    return hashlib.sha256(listing).hexdigest()


def extract(archive: Path, folder: Path) -> None:
    """Write the files of a model.tar.gz into a folder, which must exist.

    Raises:
        ArtefactInvalid: It holds anything else, or unpacks to more than is allowed.
    """
    unpack(archive, folder, SIZES, one_of=MODELS.values())


def read(folder: Path, expected: str | None = None) -> Artefact:
    """Read a model's files; nothing is parsed before its digest was checked.

    Args:
        folder: Where they lie.
        expected: The digest the artefact must have; without one only its own listing is checked.

    Raises:
        ArtefactInvalid: A file is missing or altered, or it is another artefact than expected.
    """
    listing = _bytes(folder, LISTING)
    found = hashlib.sha256(listing).hexdigest()
    if expected is not None and found != expected:
        raise ArtefactInvalid(
            f"The artefact in `{folder}` has the digest `{found}`, expected is `{expected}`. "
            "Deploy the model.tar.gz of the registered version, or correct `WINDTUNNEL_ARTEFACT_SHA256`."
        )
    digests = _digests(listing, folder)
    form = next(form for form, name in MODELS.items() if name in digests)
    contents = {name: _bytes(folder, name) for name in (MODELS[form], *FILES)}
    for name, content in contents.items():
        if (actual := hashlib.sha256(content).hexdigest()) != digests[name]:
            raise ArtefactInvalid(
                f"`{name}` in `{folder}` has the digest `{actual}`, `{LISTING}` says `{digests[name]}`: "
                "it was altered or cut short. Fetch the artefact again, or train again."
            )
    model, signature, golden = contents.values()
    try:
        return Artefact(
            form=form,
            model=model,
            signature=Signature.model_validate_json(signature),
            golden=Golden.model_validate_json(golden),
            sha256=found,
        )
    except ValidationError as error:
        raise ArtefactInvalid(
            f"The artefact in `{folder}` was made by another version of windtunnel: {error.errors()[0]['msg']}. "
            "Serve it with the image it was made with, or train again."
        ) from error


def _digests(listing: bytes, folder: Path) -> dict[str, str]:
    try:
        digests = json.loads(listing)
    except (ValueError, RecursionError):
        digests = None
    if not isinstance(digests, dict) or not any(set(digests) == {name, *FILES} for name in MODELS.values()):
        raise ArtefactInvalid(
            f"`{LISTING}` in `{folder}` must list exactly {quoted(FILES)} and one of {quoted(MODELS.values())} with "
            "their digests. Train again."
        )
    return digests


def _bytes(folder: Path, name: str) -> bytes:
    try:
        # Neither waits for a pipe nor follows a link: what it leads to is not what was checked when it was unpacked.
        with os.fdopen(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > SIZES[name]:
                raise ArtefactInvalid(
                    f"`{name}` in `{folder}` is no file, or has {found.st_size:,} bytes; allowed is a file of "
                    f"{SIZES[name]:,} bytes at most. Fetch the artefact again, or train again."
                )
            return file.read(SIZES[name])
    except OSError as error:
        raise ArtefactInvalid(
            f"`{name}` is missing from the artefact in `{folder}`, or is a link; it needs {quoted((LISTING, *FILES))} and one of "
            f"{quoted(MODELS.values())}. Fetch the artefact again, or train again."
        ) from error


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False).encode()
