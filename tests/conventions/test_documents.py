"""Documents that rot fail the build: what they name must exist, and what exists must be named."""

from __future__ import annotations

import inspect
import re
import subprocess
from pathlib import Path

import pytest

from local.place import ROOT
from tests.documents import DOCUMENTS, first_column, links
from windtunnel.aws.objects import sha256
from windtunnel.aws.source import fetch
from windtunnel.core import errors
from windtunnel.core.catalog import model_names, model_spec
from windtunnel.core.window import Window

README = ROOT / "README.md"
JOURNEY = ROOT / "docs" / "journey.md"
DECISIONS = ROOT / "docs" / "decisions"


def test_readme_has_a_line_for_everything_at_the_top() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    top = {line.split("/")[0] + "/" * ("/" in line) for line in listed.splitlines()}
    missing = top - {path for path in _tree() if path.count("/") == path.endswith("/")} - {".gitignore"}
    assert not missing, f"README.md, section The tree: give {sorted(missing)} a line with a comment"


def test_readme_says_of_every_line_what_it_is() -> None:
    bare = [line for line in _tree_lines() if not re.search(r"\S {2,}\S", line) and line.strip() != "include/"]
    assert not bare, f"README.md, section The tree: say what {bare} is"


def test_readme_names_nothing_that_is_not_there() -> None:
    gone = [path for path in _tree() if not (ROOT / path).exists()]
    assert not gone, f"README.md, section The tree: {gone} do not exist"


def test_readme_has_a_line_for_every_dag_file_and_every_part_of_the_package() -> None:
    wanted = {f"dags/{path.name}" for path in (ROOT / "dags").glob("*.py")}
    package = ROOT / "include" / "windtunnel"
    wanted |= {f"include/windtunnel/{path.name}/" for path in package.iterdir() if (path / "__init__.py").exists()}
    missing = wanted - set(_tree()) - {"include/windtunnel/models/"}
    assert not missing, f"README.md, section The tree: give {sorted(missing)} a line"


def test_readme_names_every_dag() -> None:
    text = README.read_text(encoding="utf-8")
    dags = [f"{model}_{path.stem}" for model in model_names() for path in (ROOT / "dags").glob("*.py")]
    assert dags
    missing = [dag for dag in dags if f"`{dag}`" not in text]
    assert not missing, f"README.md does not say who opens {missing}"


def test_contributing_says_what_every_folder_of_tests_examines() -> None:
    folders = {f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if list(path.glob("test_*.py"))}
    missing = folders - set(first_column(ROOT / "CONTRIBUTING.md", "folder"))
    assert not missing, f"CONTRIBUTING.md, section Run and test: give {sorted(missing)} a line"


def test_readme_stays_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) < 200


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in links(document):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        if not found.exists() or (anchor and anchor not in _anchors(found)):
            broken.append(target)
    assert not broken, f"{document.relative_to(ROOT)} links to {broken}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_nobodys_machine(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert not re.findall(r"/(?:home|root|Users|work)/\S+", text), "a path of one machine says nothing to the reader"


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = {README}, [README]
    while waiting:
        document = waiting.pop()
        for target in links(document):
            found = (document.parent / target.partition("#")[0]).resolve()
            if found.suffix == ".md" and found.exists() and found not in reached:
                reached.add(found)
                waiting.append(found)
    lost = [str(path.relative_to(ROOT)) for path in DOCUMENTS if path not in reached]
    assert not lost, f"no document links to {lost}"


def test_every_picture_is_shown_and_small() -> None:
    shown = {(document.parent / target).resolve() for document in DOCUMENTS for target in links(document)}
    pictures = sorted((ROOT / "docs" / "pictures").iterdir())
    assert pictures
    for picture in pictures:
        assert picture in shown, f"no document shows {picture.name}"
        assert picture.stat().st_size < 300_000, f"{picture.name}: make it smaller"


def test_the_flight_of_the_journey_is_in_its_source(tmp_path: Path) -> None:
    spec, text = model_spec("flights"), JOURNEY.read_text(encoding="utf-8")
    file = fetch(spec.source, Window.month("2013-05"), tmp_path)["2013-05"]
    header, *records = file.read_text(encoding="utf-8").splitlines()
    assert header in text
    quoted = [(at, record) for at, record in enumerate(records, start=1) if f"\n{record}\n" in text]
    assert len(quoted) == 1
    assert f"its record {quoted[0][0]:,}:" in text
    assert f"/landing/flights/2013-05/{sha256(file)[:16]}.csv`" in text


def test_the_index_of_decisions_has_every_page_once_in_order() -> None:
    pages = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    listed = [target for target in links(DECISIONS / "README.md") if re.match(r"\d{4}-", target)]
    assert listed == pages
    numbers = [int(name[:4]) for name in pages]
    assert numbers == list(range(1, len(pages) + 1))


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_has_its_four_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    parts = ("Context", "Decision", "Consequences", "What would change it")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(parts)
    assert text.startswith(f"# {page.name[:4]}: ")
    assert len(text.splitlines()) <= 60, "a decision is one page"


def test_the_tree_of_errors_names_every_error_below_its_parent() -> None:
    public = {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.WindtunnelError) and not name.startswith("_")
    }
    drawn: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([│├└─ ]*)([A-Z]\w+)(?:\s{2,}|$)", line)
        if found:
            path = [*path[: len(found[1]) // 4], found[2]]
            drawn[found[2]] = path[-2] if len(path) > 1 else None
    assert drawn == {name: _public_parent(kind) for name, kind in public.items()}


def _tree() -> list[str]:
    """The paths that the README's tree lists, folders with a slash at the end."""
    found: list[str] = []
    above: list[str] = []
    for line in _tree_lines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[:depth], name]
        found.append("".join(above))
    return found


def _tree_lines() -> list[str]:
    section = README.read_text(encoding="utf-8").split("## The tree", 1)[1]
    return section.split("```", 2)[1].strip("\n").splitlines()


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _public_parent(kind: type[BaseException]) -> str | None:
    for parent in kind.__mro__[1:]:
        if issubclass(parent, errors.WindtunnelError) and not parent.__name__.startswith("_"):
            return parent.__name__
    return None
