"""present: a dossier -> the question about it, if there is still something to ask."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from windtunnel.aws import dossiers, ledger
from windtunnel.core.contracts import Dossier, State
from windtunnel.stages.approve import expire

log = logging.getLogger(__name__)

WAITING: State = "awaiting-approval"


def present(dossier: Dossier, superseded: Sequence[Dossier] = ()) -> Dossier | None:
    """Check that the dossier is still the one that was written, and that its version still waits for an answer.

    Args:
        dossier: The newest one.
        superseded: Older ones that came with it while another question was open: they are not asked about any more.

    Returns:
        The dossier, or None when its version was decided already or its evidence is about another champion than the
        one in service now.

    Raises:
        ReleaseRefused: The dossier's bytes are not those that were written.
    """
    registered = dossier.registered
    log.info("present: %s %s, dossier %s", registered.model, registered.version, dossier.sha256)
    for older in superseded:
        if older.registered.version != registered.version and _state(older) == WAITING:
            expire(older, f"{registered.version} came before anyone answered.")
    dossiers.require_unchanged(dossier)
    if (state := _state(dossier)) != WAITING:
        log.info("present: nothing to ask, %s is %s", registered.version, state)
        return None
    champion = ledger.live(registered.model)
    if (in_service := champion and champion.version) != dossier.champion:
        expire(
            dossier,
            f"It was judged against {dossier.champion or 'nothing'}; {in_service or 'nothing'} is in service now.",
        )
        return None
    log.info("present: %s", dossiers.link(dossier.page))
    return dossier


def _state(dossier: Dossier) -> State:
    return ledger.history(dossier.registered.model, dossier.registered.version).record.state
