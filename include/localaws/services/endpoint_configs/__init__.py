"""Endpoint configurations: which models, in which proportions, with what captured."""

from localaws.service import Service
from localaws.services.endpoint_configs.operations import OPERATIONS

SERVICE = Service(operations=OPERATIONS)
