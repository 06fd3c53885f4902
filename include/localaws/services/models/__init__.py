"""Models: containers and their data, as an endpoint or a transform job will run them."""

from localaws.service import Service
from localaws.services.models.operations import OPERATIONS

SERVICE = Service(operations=OPERATIONS)
