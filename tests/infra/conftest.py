"""What the tests of the stacks share: their tools, and one embedded AWS on which they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from infra.deployment import Deployment
from infra.plan import Plan, plan
from local import venvs
from local.place import ROOT, VENVS
from local.ports import unused
from tests.infra import reduced
from tests.infra.reduced import Reduced
from tests.stack import embedded_aws

COMMIT = "0123456789ab"


class Account(NamedTuple):
    """The stacks of `dev` on an embedded AWS."""

    plan: Plan
    said: list[str]
    "What the deployment printed."
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:
        """A boto3 client of the account."""
        # Of its own: boto3's shared session keeps the credentials of the account that came first.
        session: Any = boto3.Session(aws_access_key_id=self.plan.account, aws_secret_access_key="-")
        return session.client(service, region_name=self.plan.region)


@pytest.fixture(scope="session")
def tools() -> Path:
    """Programs of the environment of the infrastructure's tools, which is made when it is missing."""
    venvs.setup(names=("infra",))
    return VENVS / "infra" / "bin"


@pytest.fixture(scope="session")
def reductions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Reduced]]:
    """A folder of templates that the embedded AWS takes, and what each of them left out."""
    folder = tmp_path_factory.mktemp("stacks")
    return folder, reduced.write(folder)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """An embedded AWS of the infrastructure's own; three accounts of it are `dev`, `staging` and `prod`.

    A module's only: its address and account stand in the environment, where tests of other folders must not find them.
    """
    image = ROOT / "tests/localaws/image/local.json"
    with (
        pytest.MonkeyPatch.context() as patch,
        embedded_aws(tmp_path_factory.mktemp("infra") / "aws", unused(1), image) as url,
    ):
        patch.setenv("AWS_ENDPOINT_URL", url)
        yield patch


@pytest.fixture
def signed_in(cloud: pytest.MonkeyPatch) -> Plan:
    """The plan of `dev`, signed in to its account."""
    found = plan("dev")
    cloud.setenv("AWS_ACCESS_KEY_ID", found.account)  # the embedded AWS takes twelve digits as the account
    return found


@pytest.fixture(scope="module")
def account(cloud: pytest.MonkeyPatch, reductions: tuple[Path, dict[str, Reduced]]) -> Account:
    """The stacks of `dev`, made once by the code of `make deploy`."""
    found = plan("dev")
    cloud.setenv("AWS_ACCESS_KEY_ID", found.account)
    said: list[str] = []
    deployment = Deployment(found, lambda _: True, said.append, reductions[0], seconds=1)
    return Account(found, said, deployment.apply({"ImageTag": COMMIT}))
