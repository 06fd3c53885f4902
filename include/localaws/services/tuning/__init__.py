"""Hyper-parameter tuning jobs: training jobs, one after the other or several at a time, each with other parameters."""

from localaws.service import Service
from localaws.services.tuning.operations import OPERATIONS
from localaws.services.tuning.states import recover

SERVICE = Service(operations=OPERATIONS, recover=recover)
