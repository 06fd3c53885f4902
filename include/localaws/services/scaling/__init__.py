"""Application Auto Scaling of endpoint variants: what is registered is kept and shown, and nothing is scaled.

A variant is one process here whatever its number of instances, so there is nothing to add or take away: no alarms of
target tracking are made and no activities happen. What AWS refuses because of a registration is refused here too.
"""

from localaws.service import Service
from localaws.services.scaling.operations import OPERATIONS
from localaws.services.scaling.targets import recover

SERVICE = Service(api="application-autoscaling", operations=OPERATIONS, recover=recover)
