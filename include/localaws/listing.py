"""List operations: filters, order and pages, with AWS's defaults."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from localaws.wire import Document, Invalid

PAGE = 10
_TIMES = (
    ("CreationTimeAfter", "CreationTime", 1),
    ("CreationTimeBefore", "CreationTime", -1),
    ("LastModifiedTimeAfter", "LastModifiedTime", 1),
    ("LastModifiedTimeBefore", "LastModifiedTime", -1),
)


@dataclass(frozen=True)
class Listing:
    """One List operation.

    Attributes:
        summaries: Member of the answer that holds the list, such as `TrainingJobSummaries`.
        name: Member of a document that holds its name.
        status: Member that holds its status, for StatusEquals and SortBy=Status; None where AWS has neither.
        sort_by: AWS's default SortBy.
        order: AWS's default SortOrder; they differ from list to list.
    """

    summaries: str
    name: str
    status: str | None = None
    sort_by: str = "CreationTime"
    order: str = "Descending"

    def answer(self, request: Document, documents: Iterable[Document]) -> Document:
        """One page of the documents that match.

        Args:
            request: The List request: NameContains, StatusEquals, the four times, SortBy, SortOrder, MaxResults,
                NextToken.
            documents: All documents of the kind, already narrowed by filters that only this list has.

        Raises:
            Invalid: the NextToken is none of ours, or belongs to another order.
        """
        member = self._member(request.get("SortBy", self.sort_by))
        backwards = request.get("SortOrder", self.order) == "Descending"

        def place(document: Document) -> list[Any]:
            # The name makes the order total, so that a page can begin after a place whatever was added or removed.
            return [document.get(member, ""), document.get("CreationTime", 0), str(document.get(self.name))]

        found = sorted(filter(self._wanted(request), documents), key=place, reverse=backwards)
        if token := request.get("NextToken"):
            after = _read(token, member, backwards)
            found = [each for each in found if (place(each) < after if backwards else place(each) > after)]
        size = request.get("MaxResults") or PAGE
        page: Document = {self.summaries: found[:size]}
        if len(found) > size:
            page["NextToken"] = _token(member, backwards, place(found[size - 1]))
        return page

    def _member(self, sort_by: str) -> str:
        named = {"Name": self.name, "Status": self.status or self.name}
        return named.get(sort_by, sort_by)

    def _wanted(self, request: Document) -> Any:
        def wanted(document: Document) -> bool:
            text, status = request.get("NameContains"), request.get("StatusEquals")
            return (
                (text is None or text.lower() in str(document[self.name]).lower())
                and (status is None or document.get(str(self.status)) == status)
                and all((document[have] - request[ask]) * sign > 0 for ask, have, sign in _TIMES if ask in request)
            )

        return wanted


def _token(member: str, backwards: bool, place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([member, backwards, place]).encode()).decode()


def _read(token: str, member: str, backwards: bool) -> list[Any]:
    try:
        token_member, token_backwards, place = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, binascii.Error):
        raise Invalid("The NextToken is not valid. Pass the one of the previous answer, unchanged.") from None
    if (token_member, token_backwards) != (member, backwards):
        raise Invalid("The NextToken belongs to a list in another order. Repeat SortBy and SortOrder with it.")
    return list(place)
