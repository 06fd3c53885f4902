"""Model artefacts in S3: fetched, unpacked by an allow-list, and trusted only when their digest is the registered one."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from windtunnel.aws.clients import client
from windtunnel.aws.objects import split
from windtunnel.core.contracts import Evaluated
from windtunnel.ml.artefact import Artefact, extract, read


def fetch(evaluated: Evaluated) -> Artefact:
    """The artefact of an evaluated candidate.

    Raises:
        ArtefactInvalid: What lies at its address is not what was evaluated.
    """
    bucket, key = split(evaluated.model_data)
    with TemporaryDirectory() as folder:
        archive, unpacked = Path(folder) / "model.tar.gz", Path(folder) / "model"
        unpacked.mkdir()
        client("s3").download_file(bucket, key, str(archive))
        extract(archive, unpacked)
        return read(unpacked, evaluated.artefact_sha256)
