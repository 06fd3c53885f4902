"""A model as files: written once, read only when every digest holds."""

import hashlib
import json
from pathlib import Path

import pytest

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml import artefact
from windtunnel.ml.artefact import Answers, Feature, Golden, Signature

SIGNATURE = Signature(
    model="flights",
    features=(
        Feature(name="distance", kind="int64", nullable=False),
        Feature(name="carrier", kind="string", nullable=True, categories=("B6", "UA")),
    ),
    target="arr_delay",
    unit="minutes",
    answers=Answers(mean=4.5, deviation=12.0, low=-180.0, high=1500.0),
    libraries={"numpy": "2.5.1"},
)
GOLDEN = Golden(
    columns=("distance", "carrier"), rows=((1400, "UA"), (200, None)), predictions=(1.5, -2.25), tolerance=0.001
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    digest = artefact.write(tmp_path, b"onnx", SIGNATURE, GOLDEN)
    found = artefact.read(tmp_path, digest)
    assert (found.form, found.model, found.signature, found.golden, found.sha256) == (
        "onnx",
        b"onnx",
        SIGNATURE,
        GOLDEN,
        digest,
    )


def test_the_digest_is_that_of_the_listing_and_the_same_for_the_same_model(tmp_path: Path) -> None:
    digest = artefact.write(tmp_path / "a", b"onnx", SIGNATURE, GOLDEN)
    assert digest == hashlib.sha256((tmp_path / "a" / "artefact.json").read_bytes()).hexdigest()
    assert digest == artefact.write(tmp_path / "b", b"onnx", SIGNATURE, GOLDEN)
    assert digest != artefact.write(tmp_path / "c", b"onny", SIGNATURE, GOLDEN)


def test_golden_rows_are_a_request() -> None:
    assert json.loads(json.dumps(GOLDEN.request())) == {
        "columns": ["distance", "carrier"],
        "rows": [[1400, "UA"], [200, None]],
    }


def test_another_artefact_than_expected_is_refused_with_both_digests(tmp_path: Path) -> None:
    digest = artefact.write(tmp_path, b"onnx", SIGNATURE, GOLDEN)
    with pytest.raises(ArtefactInvalid, match=f"`{digest}`, expected is `{'0' * 64}`.*WINDTUNNEL_ARTEFACT_SHA256"):
        artefact.read(tmp_path, "0" * 64)


@pytest.mark.parametrize("name", ["model.onnx", *artefact.FILES])
def test_an_altered_file_is_refused_before_it_is_parsed(tmp_path: Path, name: str) -> None:
    artefact.write(tmp_path, b"onnx", SIGNATURE, GOLDEN)
    (tmp_path / name).write_bytes(b"\x00 neither JSON nor a model")
    with pytest.raises(ArtefactInvalid, match=f"`{name}` in .* was altered or cut short"):
        artefact.read(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", *artefact.FILES, artefact.LISTING])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    artefact.write(tmp_path, b"onnx", SIGNATURE, GOLDEN)
    (tmp_path / name).unlink()
    with pytest.raises(ArtefactInvalid, match=f"`{name}` is missing"):
        artefact.read(tmp_path)


@pytest.mark.parametrize("form", artefact.MODELS)
def test_the_form_is_told_by_the_name_of_the_models_file(tmp_path: Path, form: artefact.Form) -> None:
    artefact.write(tmp_path, b"bytes", SIGNATURE, GOLDEN, form)
    assert (tmp_path / artefact.MODELS[form]).read_bytes() == b"bytes"
    assert (artefact.read(tmp_path).form, artefact.read(tmp_path).model) == (form, b"bytes")


def test_an_artefact_that_says_no_task_is_a_regression() -> None:
    said = SIGNATURE.model_dump(mode="json", exclude={"task"})
    assert Signature.model_validate(said).task == "regression"


TWO = '{"model.onnx": "0", "model.npz": "0", "signature.json": "0", "golden.json": "0"}'


@pytest.mark.parametrize("listing", ["", "[]", "{}", '{"model.onnx": "0"}', TWO])
def test_a_listing_of_other_files_is_refused(tmp_path: Path, listing: str) -> None:
    artefact.write(tmp_path, b"onnx", SIGNATURE, GOLDEN)
    (tmp_path / artefact.LISTING).write_text(listing)
    with pytest.raises(ArtefactInvalid, match="must list exactly"):
        artefact.read(tmp_path)


def test_an_artefact_of_another_form_is_refused(tmp_path: Path) -> None:
    artefact.write(tmp_path, b"onnx", SIGNATURE, GOLDEN)
    (tmp_path / "signature.json").write_text("{}")
    listing = json.loads((tmp_path / artefact.LISTING).read_text())
    listing["signature.json"] = hashlib.sha256(b"{}").hexdigest()
    (tmp_path / artefact.LISTING).write_text(json.dumps(listing))
    with pytest.raises(ArtefactInvalid, match="another version of windtunnel"):
        artefact.read(tmp_path)
