"""Trusted: the types that a stored estimator may hold. Loading one runs code of these and of no others."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import PurePath
from typing import Any

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from windtunnel.core.errors import ArtefactInvalid, quoted
from windtunnel.ml.archive import MEGABYTE

TYPES = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "windtunnel.ml.array_model.ArrayModel",
    "windtunnel.ml.matrix_estimator.MatrixEstimator",
    "windtunnel.ml.offset.OffsetRegressor",
    "windtunnel.ml.torch_model.TorchModel",
)
"""Beside those that skops trusts by itself. Trees are read by compiled code that believes their indices: what may be
loaded at all, the digest of the training's own record decides, before anything of it is parsed."""

_SCHEMA = "schema.json"

LARGEST = 4096 * MEGABYTE
"""Bytes that one may unpack to; skops compresses."""


def dump(estimator: Any) -> bytes:
    """A fitted estimator as bytes that `load` reads; equal estimators give equal bytes.

    Raises:
        ArtefactInvalid: It holds a type that is not trusted; said here, before anybody waits for an evaluation.
    """
    dumped = _steady(skops.io.dumps(estimator))
    if untrusted := set(skops.io.get_untrusted_types(data=dumped)) - set(TYPES):
        raise _untrusted("The estimator", quoted(untrusted))
    return dumped


def load(dumped: bytes, name: str) -> Any:
    """The estimator of a file.

    Args:
        dumped: Its bytes; their digest was checked.
        name: Of the file, for messages.

    Raises:
        ArtefactInvalid: It holds a type that is not trusted, or cannot be read.
    """
    try:
        _check_size(dumped, name)
        return skops.io.loads(dumped, trusted=list(TYPES))
    except UntrustedTypesFoundException as error:
        raise _untrusted(f"`{name}`", str(error)) from error
    except ArtefactInvalid:
        raise
    except Exception as error:  # skops' and zipfile's errors share no base but this
        raise ArtefactInvalid(f"`{name}` cannot be read: {error!r}. Train again.") from error


def _steady(dumped: bytes) -> bytes:
    """The same without what is another in each run: addresses of objects, and the time."""
    with zipfile.ZipFile(io.BytesIO(dumped)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(contents.pop(_SCHEMA))
    ids: dict[int, int] = {}
    names: dict[str, str] = {}

    def renamed(node: Any) -> Any:
        if isinstance(node, list):
            return [renamed(each) for each in node]
        if not isinstance(node, dict):
            return node
        found: dict[str, Any] = {}
        for key, value in node.items():
            if key == "__id__" and isinstance(value, int):
                found[key] = ids.setdefault(value, len(ids))
            elif key == "file" and isinstance(value, str) and value in contents:
                found[key] = names.setdefault(value, f"{len(names)}{PurePath(value).suffix}")
            else:
                found[key] = renamed(value)
        return found

    schema = renamed(schema)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for before, name in names.items():
            archive.writestr(zipfile.ZipInfo(name), contents[before])
        archive.writestr(zipfile.ZipInfo(_SCHEMA), json.dumps(schema))
    return file.getvalue()


def _check_size(dumped: bytes, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(dumped)) as archive:
        size = sum(each.file_size for each in archive.infolist())
    if size > LARGEST:
        raise ArtefactInvalid(f"`{name}` unpacks to {size:,} bytes; allowed are {LARGEST:,}. Train a smaller model.")


def _untrusted(what: str, types: str) -> ArtefactInvalid:
    return ArtefactInvalid(
        f"{what} holds types that are not trusted: {types}. Build the estimator of scikit-learn's own, or add the type "
        "to `TYPES` of `windtunnel.ml.trusted` after reading its code."
    )
