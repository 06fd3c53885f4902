"""Batch transform jobs: a model served for as long as it takes to answer every object of an input."""

from localaws.service import Service
from localaws.services.transform.operations import OPERATIONS
from localaws.services.transform.states import recover

SERVICE = Service(operations=OPERATIONS, recover=recover)
