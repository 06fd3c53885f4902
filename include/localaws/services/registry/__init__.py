"""The Model Registry: model package groups and the versions in them."""

from localaws.service import Service
from localaws.services.registry import groups, packages

SERVICE = Service(operations={**groups.OPERATIONS, **packages.OPERATIONS})
