"""The ledger: every version, every transition, who, when, why and on which evidence; one DynamoDB table.

Nothing is written but under a condition, and whatever belongs together is one transaction. An entry is never changed.
Whoever loses reads again; whoever lost only the reply finds its own write.
"""

from windtunnel.aws.ledger.allocation import allocate
from windtunnel.aws.ledger.answers import history, last_good, live, live_at, of_image, of_snapshot, versions
from windtunnel.aws.ledger.archive import export
from windtunnel.aws.ledger.leases import check, give_back, held, keep, take
from windtunnel.aws.ledger.leases import of as lease_of
from windtunnel.aws.ledger.service import Service, services
from windtunnel.aws.ledger.table import ensure
from windtunnel.aws.ledger.transitions import ALLOWED, fell_back, go_live, move

__all__ = [
    "ALLOWED",
    "Service",
    "allocate",
    "check",
    "ensure",
    "export",
    "fell_back",
    "give_back",
    "go_live",
    "held",
    "history",
    "keep",
    "last_good",
    "lease_of",
    "live",
    "live_at",
    "move",
    "of_image",
    "of_snapshot",
    "services",
    "take",
    "versions",
]
