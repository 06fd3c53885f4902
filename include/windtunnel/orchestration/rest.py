"""A running Airflow, asked through its REST API as whoever owns a token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from windtunnel.core.errors import RightMissing, ServiceUnavailable

LOOKS = 3
"""How often a question is asked that changes nothing: a busy database refuses one now and then."""
LOOK_AGAIN_SECONDS = 0.3


class Rest:
    """An Airflow and a token.

    Args:
        connection: To Airflow, with the token.
        may: What the owner of the token has to be allowed, as in `edit roles`.
    """

    def __init__(self, connection: httpx.Client, may: str) -> None:
        self._connection = connection
        self._may = may

    @property
    def address(self) -> str:
        """Of the Airflow."""
        return str(self._connection.base_url)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, *, missing: str | None = None) -> Any:
        """The answer as JSON; None where there is none, or where a 404 says `missing`.

        Raises:
            RightMissing: The token is unknown, or its owner may not do this.
            ServiceUnavailable: Airflow did not answer, or with an error; what was asked may have been done.
        """
        answer = self._sent(method, path, json=body)
        if missing and answer.status_code == httpx.codes.NOT_FOUND and missing in answer.text:
            return None
        if answer.is_error:
            raise ServiceUnavailable(
                f"{method} `{path}` was answered with {answer.status_code}: {answer.text[:200]}. Expected is an Airflow "
                f"with FAB at `{self.address}`. Not all that was asked for is done yet: repeat."
            )
        return answer.json() if answer.content else None

    def look(self, path: str, **query: Any) -> Any | None:
        """The answer to a question that changes nothing, asked again where none comes; None where Airflow breaks on it.

        Raises:
            RightMissing: The token is unknown, or its owner may not see this.
            ServiceUnavailable: Airflow did not answer, or refuses the question.
        """
        answer = self._looked(path, query)
        if answer.is_server_error:
            return None
        if answer.is_error:
            raise ServiceUnavailable(
                f"GET `{path}` was answered with {answer.status_code}: {answer.text[:200]}. Expected is Airflow 3.3 at "
                f"`{self.address}`. Nothing was changed: check the address."
            )
        return answer.json()

    def _looked(self, path: str, query: dict[str, Any]) -> httpx.Response:
        for _ in range(LOOKS - 1):
            try:
                answer = self._sent("GET", path, params=query)
            except ServiceUnavailable:
                time.sleep(LOOK_AGAIN_SECONDS)
                continue
            if not answer.is_server_error:
                return answer
            time.sleep(LOOK_AGAIN_SECONDS)
        return self._sent("GET", path, params=query)

    def _sent(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            answer = self._connection.request(method, path, **given)
        except httpx.TransportError as error:
            raise ServiceUnavailable(
                f"`{self.address}` does not answer: {error}. Check the address, then repeat: nothing is lost."
            ) from error
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise RightMissing(
                f"{method} `{path}` was answered with {answer.status_code}. Allowed: the token of somebody who may "
                f"{self._may}, as Admin may, and that has not expired. Get one as docs/rights.md says and repeat."
            )
        return answer


@contextmanager
def connected(airflow: str, token: str, below: str, may: str) -> Iterator[Rest]:
    """Airflow's REST API.

    Args:
        airflow: Address of its UI.
        token: Bearer token of who asks.
        below: Path that all questions begin with.
        may: What the owner of the token has to be allowed, as in `edit roles`.

    Raises:
        RightMissing: There is no token.
    """
    if not token:
        raise RightMissing(
            "No token came in. Set `WINDTUNNEL_AIRFLOW_TOKEN` to the token of an Admin; docs/rights.md says where to get it."
        )
    address = airflow.rstrip("/") + below
    # A connection each: the API server closes one behind an answer of 500, and what is sent on it just then is lost.
    once = httpx.Limits(max_keepalive_connections=0)
    who = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address, headers=who, timeout=60, limits=once) as connection:
        yield Rest(connection, may)
