"""The environment of every local process, in one place: supervisor, tests, `make env` and the demo all take it here."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import Mapping

from local.keys import keys
from local.place import ROOT, VENVS, Place


def environment(where: Place, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """All variables a local process runs under: those given, then ours on top.

    Args:
        where: Folder of state and ports.
        given: What to start from; this process's own environment by default.
    """
    given = os.environ if given is None else given
    kept = {name: value for name, value in given.items() if not name.startswith(("AWS_", "AIRFLOW__", "PYTHONHOME"))}
    return {**kept, **own(where, kept)}


def own(where: Place, given: Mapping[str, str]) -> dict[str, str]:
    """Only the variables that the project sets."""
    return {**_process(given), **_project(where, given), **_aws(where), **_airflow(where, given)}


def _process(given: Mapping[str, str]) -> dict[str, str]:
    binaries = str(VENVS / "airflow" / "bin")
    rest = [part for part in given.get("PATH", os.defpath).split(os.pathsep) if part != binaries]
    direct = {"127.0.0.1", "localhost", socket.gethostname()}  # the last is how the API server names the workers
    no_proxy = [
        part for part in given.get("NO_PROXY", given.get("no_proxy", "")).split(",") if part not in direct | {""}
    ]
    exempt = ",".join(sorted(direct) + no_proxy)
    return {
        "PATH": os.pathsep.join([binaries, *rest]),
        "PYTHONPATH": str(ROOT / "include"),
        "PYTHONUNBUFFERED": "1",
        # A proxy that answers for the API server makes the scheduler die while it unpickles the error.
        "NO_PROXY": exempt,
        "no_proxy": exempt,
        # Libraries that would call home.
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "GX_ANALYTICS_ENABLED": "false",
    }


def _project(where: Place, given: Mapping[str, str]) -> dict[str, str]:
    return {
        "WINDTUNNEL_HOME": str(where.home),
        "WINDTUNNEL_WEB_PORT": str(where.web_port),
        "WINDTUNNEL_AWS_PORT": str(where.aws_port),
        "WINDTUNNEL_POSTGRES_PORT": str(where.postgres_port),
        "WINDTUNNEL_REDIS_PORT": str(where.redis_port),
        "WINDTUNNEL_LOCALAWS_PYTHON": str(where.python("localaws")),
        "WINDTUNNEL_AIRFLOW_URL": where.web_url,
        "WINDTUNNEL_POLL_SECONDS": "1",
        # A laptop has one of everything and less patience; the days and minutes of the spec are for AWS.
        "WINDTUNNEL_ENDPOINT_INSTANCE_COUNT": "1",
        "WINDTUNNEL_WATCH_SECONDS": "10",
        "WINDTUNNEL_SHADOW_SECONDS": "30",
        "WINDTUNNEL_ALARM_SECONDS": "10",
        "WINDTUNNEL_GIT_COMMIT": _commit() or given.get("WINDTUNNEL_GIT_COMMIT") or "unknown",
    }


def _aws(where: Place) -> dict[str, str]:
    """With these nothing can reach a real account: fake keys, no metadata service, no configuration files."""
    return {
        "AWS_ENDPOINT_URL": where.aws_url,
        "AWS_ACCESS_KEY_ID": "000000000000",  # the embedded AWS takes twelve digits as the account
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _airflow(where: Place, given: Mapping[str, str]) -> dict[str, str]:
    home = where.home / "airflow"
    secrets = keys(where.home)
    database = given.get("WINDTUNNEL_DATABASE_URL") or "sqlite:///{}".format(home / "airflow.db")
    sections: dict[str, dict[str, str]] = {
        "core": {
            "auth_manager": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            "dags_folder": str(ROOT / "dags"),
            "plugins_folder": str(ROOT / "plugins"),
            "executor": "LocalExecutor",
            "parallelism": "4",  # a task is a process of 125 MB; two cores carry no more
            "execution_api_server_url": where.web_url + "/execution/",
            "fernet_key": secrets["fernet_key"],
            "hostname_callable": "socket.gethostname",  # the default asks DNS, which a laptop may not have
            "load_examples": "False",
            "simple_auth_manager_all_admins": "False",
        },
        "database": {"sql_alchemy_conn": database},
        "api": {
            "base_url": where.web_url,
            "host": given.get("WINDTUNNEL_WEB_HOST") or "127.0.0.1",
            "port": str(where.web_port),
            "workers": "1",
            "secret_key": secrets["secret_key"],
            "expose_config": "False",
            "expose_stacktrace": "False",
            "enable_swagger_ui": "False",
        },
        "api_auth": {"jwt_secret": secrets["jwt_secret"]},
        "fab": {"config_file": str(home / "webserver_config.py")},
        "scheduler": {
            "catchup_by_default": "False",
            "scheduler_idle_sleep_time": "0.1",  # the default of 1 s is the whole gap between two tasks: 5.6 times slower
            "task_instance_heartbeat_timeout": "300",  # below the longest API outage it ends healthy tasks
        },
        "workers": {"max_failed_heartbeats": "20"},  # the default of 3 kills a task after an API outage of 40 s
        "dag_processor": {
            "refresh_interval": "10",  # seconds until a new or edited DAG file is seen
            # Seconds until an edit of what a DAG file imports, such as a spec.py, is seen. At the default of 30 a
            # quarter of a core is busy with files that have not changed.
            "min_file_process_interval": "60",
            "parsing_processes": "2",
        },
        "triggerer": {"capacity": "200"},
        "logging": {
            "base_log_folder": str(home / "logs"),
            "namespace_levels": "great_expectations=WARNING",  # 200 lines of INFO per import otherwise
            "worker_log_server_port": str(where.worker_log_port),
            "trigger_log_server_port": str(where.trigger_log_port),
        },
        "usage_data_collection": {"enabled": "False"},
    }
    broker = given.get("WINDTUNNEL_BROKER_URL")
    if broker:
        sections["core"]["executor"] = "CeleryExecutor"
        sections["celery"] = {
            "broker_url": broker,
            "result_backend": "db+postgresql://" + database.partition("://")[2],
            "worker_concurrency": "2",  # of each worker: two of them carry what the laptop's executor does
        }
    flat = {
        f"AIRFLOW__{section}__{option}".upper(): value
        for section, options in sections.items()
        for option, value in options.items()
    }
    return {"AIRFLOW_HOME": str(home), "AIRFLOW_CONN_AWS_DEFAULT": "aws://", **flat}


def _commit() -> str:
    """The checked-out commit, with `-dirty` when files differ from it; empty outside of a repository."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=str(ROOT),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except FileNotFoundError:
        return ""
    return described.stdout.strip()


def exports(where: Place) -> str:
    """Lines a shell can evaluate: `eval "$(make -s env)"`."""
    lines = []
    for name, value in sorted(own(where, os.environ).items()):
        quoted = value.replace("'", "'\\''")
        lines.append(f"export {name}='{quoted}'")
    return "\n".join(lines)
