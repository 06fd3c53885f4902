"""AddTags, ListTags, DeleteTags. Tags lie in the document of their resource, kind and name being those of its ARN."""

from __future__ import annotations

from localaws.context import Context
from localaws.wire import Document, Invalid

MOST_TAGS = 50


def add_tags(context: Context, request: Document) -> Document:
    """Adds tags; a key that exists gets the new value."""

    def added(document: Document) -> Document:
        tags = {tag["Key"]: tag for tag in [*document.get("Tags", []), *request["Tags"]]}
        if len(tags) > MOST_TAGS:
            raise Invalid(f"A resource has at most {MOST_TAGS} tags; this request would make it {len(tags)}.")
        return {"Tags": list(tags.values())}

    kind, name = _resource(context, request["ResourceArn"])
    return {"Tags": (context.patch(kind, name, added) or {}).get("Tags", [])}


def list_tags(context: Context, request: Document) -> Document:
    """All tags of a resource: they are at most 50, so one page."""
    kind, name = _resource(context, request["ResourceArn"])
    return {"Tags": (context.get(kind, name) or {}).get("Tags", [])}


def delete_tags(context: Context, request: Document) -> None:
    """Removes tags by key; a key that does not exist is no error."""
    kind, name = _resource(context, request["ResourceArn"])
    keys = set(request["TagKeys"])
    context.patch(kind, name, lambda document: {"Tags": [t for t in document.get("Tags", []) if t["Key"] not in keys]})


def _resource(context: Context, arn: str) -> tuple[str, str]:
    """Kind and name of the resource.

    Raises:
        Invalid: it is no SageMaker ARN of this region, or nothing of that name exists.
    """
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "sagemaker" or parts[3] != context.region:
        raise Invalid(f"`{arn}` is not the ARN of a SageMaker resource in {context.region}.")
    kind, _, name = parts[5].partition("/")
    if context.get(kind, name) is None:
        raise Invalid(f"Could not find the resource {arn}.")
    return kind, name


OPERATIONS = {"AddTags": add_tags, "ListTags": list_tags, "DeleteTags": delete_tags}
