"""The ledger as files: one object per entry, written once, for an archive that nobody can rewrite."""

from __future__ import annotations

import logging

from windtunnel.aws import objects
from windtunnel.aws.ledger import journal
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)


def export(model: str) -> list[str]:
    """Write every entry that is not there yet to `s3://<bucket>/ledger/<model>/<sequence>.json`.

    Returns:
        The addresses of all entries, oldest first.

    Raises:
        CommitConflict: An address holds something else.
    """
    folder = settings().uri("ledger", model)
    there = set(objects.keys(f"{folder}/"))
    addresses = []
    for entry in journal.of_model(model):
        address = f"{folder}/{entry.sequence:010d}.json"
        if address not in there:
            with shared_write("ledger.export"):
                objects.put_json(address, entry.to_json())
        addresses.append(address)
    log.info(
        "ledger: %d entries of %s in %s, %d of them new", len(addresses), model, folder, len(addresses) - len(there)
    )
    return addresses
