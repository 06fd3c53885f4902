"""What one folder of `services/` declares to the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from localaws.context import Context, Engine
from localaws.wire import SAGEMAKER, Document, HttpReply, HttpRequest

Operation = Callable[[Context, Document], Document | None]
Route = Callable[[Context, re.Match[str], HttpRequest], HttpReply]


@dataclass(frozen=True)
class Service:
    """One noun of SageMaker, or of an API beside it that ministack lacks.

    Attributes:
        operations: Control-plane operation -> function of the context and the checked request. What it returns is cut
            down to the operation's output shape, so a whole document may be returned.
        routes: Path pattern (matched in full, still percent-encoded) -> function; for the runtime, which is not
            JSON. Called in a thread.
        api: The API that the operations belong to, as botocore and the credential scope of a signature spell it.
        recover: Called once at start, before the first request; may touch the store only.
        resume: Called once at start, in a thread of its own, when the port answers: S3, Logs and so on can be used.
        close: Called once at an orderly stop; ends what the service has running.
    """

    operations: Mapping[str, Operation]
    routes: Mapping[str, Route] = field(default_factory=dict)
    recover: Callable[[Engine], None] | None = None
    resume: Callable[[Engine], None] | None = None
    close: Callable[[Engine], None] | None = None
    api: str = SAGEMAKER
