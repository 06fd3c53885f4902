"""What travels between stages and DAGs: small, named, JSON. XCom and asset events carry these, never data.

A contract names exactly what was made (snapshot, version, job), never "latest". Snapshot ids are strings because
they use all 64 bits, more than JSON readers in browsers keep.
"""

from windtunnel.core.contracts.base import Contract
from windtunnel.core.contracts.cost import JobCost, RunCost
from windtunnel.core.contracts.data import AuditedBranch, CheckedFile, DatasetVersion, LandedFile, LoadedBranch
from windtunnel.core.contracts.housekeeping import Drilled, DrillStep, Orphan, Swept
from windtunnel.core.contracts.ledger import Entry, History, Lease, State, VersionRecord
from windtunnel.core.contracts.monitoring import (
    CollectedPredictions,
    DriftScore,
    MeasuredPredictions,
    MonitoringReport,
    Quality,
)
from windtunnel.core.contracts.release import (
    Answer,
    ApprovedVersion,
    Dossier,
    Mirrored,
    Proof,
    RegisteredVersion,
    Rehearsed,
    Release,
    Shadowed,
    Watch,
)
from windtunnel.core.contracts.training import (
    Champion,
    Check,
    Comparison,
    Evaluated,
    Gate,
    Gated,
    Interval,
    TrainingPlan,
    TrainingRequest,
)

__all__ = [
    "Answer",
    "ApprovedVersion",
    "AuditedBranch",
    "Champion",
    "Check",
    "CheckedFile",
    "CollectedPredictions",
    "Comparison",
    "Contract",
    "DatasetVersion",
    "Dossier",
    "DriftScore",
    "DrillStep",
    "Drilled",
    "Entry",
    "Evaluated",
    "Gate",
    "Gated",
    "History",
    "Interval",
    "JobCost",
    "LandedFile",
    "Lease",
    "LoadedBranch",
    "MeasuredPredictions",
    "Mirrored",
    "MonitoringReport",
    "Orphan",
    "Proof",
    "Quality",
    "RegisteredVersion",
    "Rehearsed",
    "Release",
    "RunCost",
    "Shadowed",
    "State",
    "Swept",
    "TrainingPlan",
    "TrainingRequest",
    "VersionRecord",
    "Watch",
]
