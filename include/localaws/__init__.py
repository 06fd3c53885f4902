"""An AWS that runs on one machine, in one process, on one port, without Docker.

SageMaker is ours and really executes: jobs, endpoints and transforms are processes of the model image's programs.
Every other service is ministack, mounted in the same process (`base.py`). Imports nothing of windtunnel.

    python -m localaws --port 4566 --state DIR --image include/model_image/local.json

Reading order: `server.py` takes a request, `wire.py` checks and shapes it, `services/<noun>/operations.py` answers it,
`services/<noun>/runner.py` does the work with `programs.py`, `channels.py` and `uploads.py`; `store.py` remembers.
"""
