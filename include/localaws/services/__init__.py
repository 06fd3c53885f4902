"""SageMaker, one folder per noun, all of one shape; `scaling` is of Application Auto Scaling, which ministack lacks.

    services/<noun>/__init__.py    SERVICE: what the folder declares to the server (`localaws.service.Service`)
    services/<noun>/operations.py  the API's verbs: `def create_training_job(context, request) -> Document | None`,
                                   and OPERATIONS, the table from AWS's operation name to function
    services/<noun>/runner.py      what really runs; absent where nothing runs
    services/<noun>/states.py      the states, what leads from one to the next, the messages

A request reaches an operation already checked against botocore's model of it; what an operation returns is cut down to
the model's output shape, so a Describe returns the stored document. Documents are stored in wire form: the request's
members, AWS's own (Arn, Status, times in seconds since 1970), and private ones whose name begins with `_`.
Every folder here is served; there is no list to keep.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from localaws.service import Service


def load() -> dict[str, Service]:
    """All services by name of their folder."""
    return {
        module.name: import_module(f"{__name__}.{module.name}").SERVICE
        for module in pkgutil.iter_modules(__path__)
        if module.ispkg
    }
