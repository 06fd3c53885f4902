"""The runtime: requests to endpoints, answered by their model servers, captured and counted."""

from localaws.service import Service
from localaws.services.runtime import asynchronous, recorder
from localaws.services.runtime.operations import ROUTES

SERVICE = Service(
    operations={}, routes=ROUTES, recover=recorder.recover, resume=asynchronous.resume, close=recorder.close
)
