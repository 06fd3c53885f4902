"""present: dossiers that wait -> the question about the newest, if there is still something to ask."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from windtunnel.aws import dossiers, ledger
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Dossier, Entry, State
from windtunnel.core.version import Version
from windtunnel.stages.approve import expire

log = logging.getLogger(__name__)

WAITING: State = "awaiting-approval"
AGAIN = "> **Asked again: the last answer was not recorded.**"


def present(written: Sequence[Dossier]) -> tuple[Dossier, datetime] | None:
    """Check that the newest dossier is still the one that was written, and that its version still waits for an answer.

    Args:
        written: One dossier, or several that came while another question was open. Those of older versions expire.

    Returns:
        The dossier and when the question about it expires, counted from when the version was first put before the
        reviewers; None when there is nothing to ask: it was decided already, its time is over, or its evidence is about
        another champion than the one in service now.

    Raises:
        ReleaseRefused: The dossier's bytes are not those that were written.
    """
    # Of one version the last: it may say why the question is asked again.
    dossier = max(reversed(written), key=lambda one: Version.parse(one.registered.version))
    registered = dossier.registered
    log.info("present: %s %s, dossier %s", registered.model, registered.version, dossier.sha256)
    for older in written:
        if older.registered.version != registered.version and _newest(older).state == WAITING:
            expire(older, f"{registered.version} came before anyone answered.")
    dossiers.require_unchanged(dossier)
    if (entry := _newest(dossier)).state != WAITING:
        log.info("present: nothing to ask, %s is %s by %s", registered.version, entry.state, entry.by)
        return None
    champion = ledger.live(registered.model)
    if (in_service := champion and champion.version) != dossier.champion:
        expire(
            dossier, f"It was judged against {dossier.champion or 'nothing'}; {in_service or 'nothing'} is in service."
        )
        return None
    days = model_spec(registered.model).approval.days
    if (until := entry.at + timedelta(days=days)) <= datetime.now(UTC):
        expire(dossier, f"Nobody answered within {days} days.")
        return None
    log.info(
        "present: %s waits for an answer until %s; %s",
        registered.version,
        f"{until:%Y-%m-%d %H:%M} UTC",
        dossiers.link(dossier.page),
    )
    return dossier, until


def ask_again(dossier: Dossier, rule: str) -> Dossier:
    """The same dossier, for another question about it that opens with the rule that the last answer broke."""
    from windtunnel.ml.markup import markdown

    asked = dossier.summary.partition("\n\n")[2] if dossier.summary.startswith(AGAIN) else dossier.summary
    log.info("ask again: %s %s. %s", dossier.registered.model, dossier.registered.version, rule)
    return dossier.model_copy(update={"summary": f"{AGAIN} {markdown(rule)}\n\n{asked}"})


def _newest(dossier: Dossier) -> Entry:
    return ledger.history(dossier.registered.model, dossier.registered.version).entries[-1]
