"""Tags of every resource that has an ARN."""

from localaws.service import Service
from localaws.services.tags.operations import OPERATIONS

SERVICE = Service(operations=OPERATIONS)
