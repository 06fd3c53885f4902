"""How the code that runs comes to an account: the commands between the stacks that hold it and the one that runs it."""

from __future__ import annotations

from collections.abc import Mapping


def commands(environment: str, region: str, outputs: Mapping[str, str]) -> list[str]:
    """What to type where nothing was released yet; docs/deploy.md shows the same.

    Args:
        environment: Such as `dev`.
        region: Of its stacks.
        outputs: Of the stacks that were made: `RepositoryUri` and `CodeBucket`.
    """
    image, bucket = (outputs.get(name, f"<{name}>") for name in ("RepositoryUri", "CodeBucket"))
    registry = image.partition("/")[0]
    sign_in = f"docker login --username AWS --password-stdin {registry}"
    return [
        "commit=$(git rev-parse HEAD)",
        f"aws ecr get-login-password --region {region} | {sign_in}",
        f"docker build -f include/model_image/Dockerfile -t {image}:$commit include",
        f"docker push {image}:$commit",
        "make package COMMIT=$commit",
        f"make --silent upload BUCKET={bucket} > build/released &&",
        f'  make deploy ENV={environment} SET="ImageTag=$commit $(tail -n 1 build/released)"',
    ]
