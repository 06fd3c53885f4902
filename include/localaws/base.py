"""Every AWS service but SageMaker: ministack, mounted in this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def mount(state: Path, port: int, account: str) -> Any:
    """The ASGI application of ministack with its state under a folder of ours.

    S3 objects are on disk at once; the rest is written when ministack's lifespan ends, that is at an orderly stop.

    Args:
        state: Folder for its files.
        port: The port on which we answer for it; it puts it into the URLs it makes up.
        account: Account of callers whose access key is not a twelve-digit account.
    """
    # ministack reads these at import, and only then.
    os.environ.update(
        PERSIST_STATE="1",
        S3_PERSIST="1",
        STATE_DIR=str(state / "ministack"),
        S3_DATA_DIR=str(state / "s3"),
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="127.0.0.1",
        MINISTACK_ACCOUNT_ID=account,
        # Listeners on ports of their own, which would bind 0.0.0.0.
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LOG_LEVEL=os.environ.get("LOG_LEVEL", "WARNING"),
    )
    from ministack.app import app

    return app
