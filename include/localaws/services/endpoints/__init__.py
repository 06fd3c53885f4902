"""Endpoints: fleets of model servers that really answer, and what moves traffic from one fleet to the next."""

from localaws.service import Service
from localaws.services.endpoints.operations import OPERATIONS
from localaws.services.endpoints.runner import close, recover, resume

SERVICE = Service(operations=OPERATIONS, recover=recover, resume=resume, close=close)
