"""The page and the document of a dossier: what they say first, that nothing in them runs, and that they never vary."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests import candidate
from tests.evidence import SPEC, beside_a_champion, evidence, holdout, month, shadowed
from windtunnel.core.contracts import Check, DriftScore
from windtunnel.ml.dossier import Document, Evidence, render, summary, write
from windtunnel.ml.holdout import Slice
from windtunnel.ml.markup import markdown, prose, text

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)//",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "<iframe src=javascript:alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<body onload=alert(1)>",
    "<style>@import 'http://evil.example/x.css'</style>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<base href=http://evil.example/>",
    "<form action=http://evil.example><button>x</button></form>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<!--><script>alert(1)</script-->",
    "</svg></title></desc><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png) http://evil.example www.evil.example",
    "\u202egnp.exe \x00\x1b[31m",
]
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "h3", "p", "b", "strong", "span"),
    *(
        "br",
        "div",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "nav",
        "a",
        "section",
        "figure",
        "figcaption",
        "table",
        "thead",
        "tbody",
    ),
    *(
        "tr",
        "th",
        "td",
        "small",
        "code",
        "details",
        "summary",
        "footer",
        "svg",
        "desc",
        "text",
        "line",
        "circle",
        "rect",
    ),
    "path",
}


class Parts(HTMLParser):
    """What a browser would make of a page: its elements and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def page(found: Evidence) -> str:
    return render(write(found, SPEC)).decode()


def poisoned(payload: str) -> Evidence:
    """Evidence with the payload wherever a text of others can stand."""
    plan = candidate.plan(
        reason=payload, requested_by=payload, hyperparameters={payload: payload}, git_commit=payload, image=payload
    )
    checks = (Check(name=f"slice:carrier={payload}", passed=None, sentence=payload, numbers={"rows": 9_999}),)
    judged = candidate.gate(
        answer="reject", sentence=payload, checks=checks, forced_by=payload, forced_because=payload, report=payload
    )
    version = candidate.registered(evaluated=candidate.evaluated(plan=plan), gate=judged)
    found = shadowed(
        rehearsed=shadowed().rehearsed.model_copy(
            update={"registered": version, "sentence": payload, "checks": checks}
        ),
        sentence=payload,
        checks=checks,
        champion=payload,
        report=payload,
    )
    drift = {payload: DriftScore(method="wasserstein", score=0.4, reference_rows=1, current_rows=1)}
    slices = [Slice(column="carrier", value=payload, rows=9_999, rmse=1.0, champion_rmse=None)]
    months = [month("2013-04", reasons={payload: 3}, quarantined=3, unmet=[payload], tag=payload, report=payload)]
    return evidence(
        shadowed=found,
        months=months,
        drift=drift,
        contributions={payload: 1.5},
        holdout=holdout(slices=slices, more_slices={payload: 2}),
        champion=candidate.champion(version=payload),
        champion_evaluated=candidate.evaluated(plan=candidate.plan(image=payload + "!")),
    )


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_text_of_others_is_only_ever_shown(payload: str) -> None:
    drawn = page(poisoned(payload))
    parts = Parts(drawn)
    assert {tag for tag, _ in parts.found} <= ELEMENTS
    names = {name for _, attributes in parts.found for name in attributes}
    assert not {name for name in names if name.startswith("on")} | (names & {"src", "action", "xlink:href", "style"})
    assert {a["href"] for tag, a in parts.found if tag == "a"} == set(re.findall(r'href="(#[a-z]+)"', drawn))
    assert text(payload) in drawn
    assert payload not in drawn or payload == text(payload)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_text_of_others_is_no_markdown_either(payload: str) -> None:
    told = summary(write(poisoned(payload), SPEC), "https://here.example/page.html")
    for sign in ("<", "http://evil", "www.evil", "\u202e", "\x00"):
        assert sign not in told
    assert told.count("](") == 1  # the one to the page


def test_names_in_backticks_are_set_apart_and_nothing_else() -> None:
    assert prose("Rejected by `<b>`: a` b") == "Rejected by <code>&lt;b&gt;</code>: a` b"


def test_markdown_keeps_prose_readable() -> None:
    assert markdown("RMSE 17.95 (4.6% smaller): no doubt.\n# next") == "RMSE 17.95 (4.6% smaller): no doubt. # next"


def test_nothing_comes_from_elsewhere_and_nothing_runs() -> None:
    drawn = page(evidence(**beside_a_champion()))
    assert "default-src 'none'" in drawn
    assert "script" not in drawn
    assert not re.findall(r"https?://|['\"(]//|url\(|@import", drawn)


def test_the_same_evidence_gives_the_same_bytes() -> None:
    found = evidence(**beside_a_champion())
    document = write(found, SPEC)
    again = write(Evidence.from_json(json.loads(json.dumps(found.to_json(), sort_keys=True))), SPEC)
    assert document.bytes() == again.bytes()
    assert render(document) == render(again) == render(Document.from_json(json.loads(document.bytes())))


def test_the_page_carries_the_digest_of_its_document() -> None:
    document = write(evidence(), SPEC)
    assert document.sha256() in render(document).decode()


@pytest.mark.parametrize(
    ("gate", "verdict", "first"),
    [
        ({}, "supported", "The evidence supports a yes."),
        ({"answer": "reject", "sentence": "It is worse."}, "not-supported", "The evidence does not support a yes."),
        (
            {"answer": "reject", "forced_by": "sam", "forced_because": "The old one is broken."},
            "forced",
            "The evidence does not support a yes: it was forced past the gate.",
        ),
    ],
)
def test_the_first_words_answer_whether_to_say_yes(gate: dict[str, Any], verdict: str, first: str) -> None:
    document = write(evidence(**beside_a_champion(**gate)), SPEC)
    assert document.verdict == verdict
    drawn = render(document).decode()
    assert drawn.index(first) < drawn.index("<section")


def test_what_was_forced_cannot_be_missed() -> None:
    found = evidence(**beside_a_champion(answer="reject", forced_by="sam", forced_because="The old one is broken."))
    told = Parts(page(found)).found
    assert ("div", {"class": "forced", "role": "alert"}) in told
    assert "The old one is broken." in page(found)
    assert summary(write(found, SPEC), "https://here.example").startswith("## FORCED by sam")
    assert "FORCED" not in summary(write(evidence(), SPEC), "https://here.example")


def test_a_first_release_says_that_nothing_was_compared() -> None:
    document = write(evidence(), SPEC)
    assert document.verdict == "open"
    assert document.points[0].about == "First release"
    assert "checks on staging only" in render(document).decode()


def test_what_could_not_be_judged_is_asked_and_small_slices_are_not() -> None:
    parts = beside_a_champion()
    open_ = Check(name="accuracy", passed=None, sentence="One day compares nothing.")
    parts["shadowed"] = parts["shadowed"].model_copy(update={"checks": (open_,)})
    document = write(evidence(**parts), SPEC)
    assert document.verdict == "open"
    assert [point.about for point in document.points] == ["Not judged: accuracy as a shadow"]
    assert document.tally == "3 of 4 checks passed, 1 could not be judged"


def test_contributions_are_drawn_and_their_absence_is_told() -> None:
    drawn = render(write(evidence(), SPEC)).decode()
    assert "17.40 minutes" in drawn
    assert "Not measured at its evaluation." in render(write(evidence(contributions={}), SPEC)).decode()


def test_quarantine_and_drift_are_pointed_out() -> None:
    moved = DriftScore(method="wasserstein", score=0.3, reference_rows=10, current_rows=10)
    months = [month("2013-04", rows=980, quarantined=20, reasons={"`origin` is not EWR, JFK or LGA": 20})]
    document = write(evidence(months=months, drift={"distance": moved}, **beside_a_champion()), SPEC)
    assert {point.about for point in document.points} == {"Drift", "Quarantined"}
    assert "20 of 1,000 rows (2.00%)" in document.points[1].said


def test_what_changed_since_the_champion_is_listed_and_nothing_else() -> None:
    changed = {
        change.what: (change.before, change.after) for change in write(evidence(**beside_a_champion()), SPEC).changes
    }
    assert changed == {"code": ("e" * 12, "c" * 12)}


def test_who_asked_is_told_that_another_must_answer() -> None:
    asked = candidate.evaluated(plan=candidate.plan(requested_by="sam"))
    version = candidate.registered(evaluated=asked)
    found = shadowed(rehearsed=shadowed().rehearsed.model_copy(update={"registered": version}))
    assert write(evidence(shadowed=found), SPEC).who.startswith("Any reviewer but sam, who asked for it")
    assert write(evidence(), SPEC).who.startswith("Any reviewer; a no needs a reason")
