"""`python -m windtunnel`, against the embedded AWS: what a person and what a program is told."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from tests.release.flight import MODEL, allocated, live
from tests.release.made import IMAGE, gated
from windtunnel.__main__ import main
from windtunnel.aws import ledger
from windtunnel.commands import COMMANDS
from windtunnel.core.contracts import Champion, History, VersionRecord

pytestmark = pytest.mark.usefixtures("lake_of_its_own")
Capture = pytest.CaptureFixture[str]


def told(capsys: Capture, *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def told_json(capsys: Capture, *words: str) -> Any:
    return json.loads(told(capsys, *words, "--json"))


def test_what_is_in_service(capsys: Capture) -> None:
    assert told(capsys, "live", MODEL) == "nothing is in service\n"
    assert told_json(capsys, "live", MODEL) is None
    champion = live("First.")
    assert f"endpoint_config  {champion.endpoint_config}\n" in told(capsys, "live", MODEL)
    assert Champion.from_json(told_json(capsys, "live", MODEL)) == champion


def test_what_was_in_service(capsys: Capture) -> None:
    first, second = live("First."), live("Second.")
    before = second.live_since - timedelta(microseconds=1)
    assert told_json(capsys, "live-at", MODEL, before.isoformat())["version"] == first.version
    assert told_json(capsys, "live-at", MODEL, "2013-01-01") is None
    assert "version          V1.1.1\n" in told(capsys, "live-at", MODEL, f"{second.live_since:%Y-%m-%dT%H:%M:%S.%f}")


def test_the_history_of_a_version(capsys: Capture) -> None:
    version = live("First.").version
    text = told(capsys, "history", MODEL, version)
    record, *entries = text.rstrip().split("\n\n")
    assert "reason           First.\n" in record
    assert [entry.split()[:2] for entry in entries[:2]] == [["1", "allocated"], ["2", "registered"]]
    assert entries[-1].splitlines()[0].endswith(", epoch 1")
    assert f"   endpoint_config  config-{version}" in entries[-1].splitlines()
    assert History.from_json(told_json(capsys, "history", MODEL, version)) == ledger.history(MODEL, version)


def test_lists_of_versions(capsys: Capture) -> None:
    assert told(capsys, "versions", MODEL) == "none\n"
    version = allocated("New data.")
    snapshot = gated("New data.").evaluated.plan.dataset.snapshot_id
    for words in (("versions", MODEL), ("snapshot", MODEL, snapshot), ("image", MODEL, IMAGE)):
        heading, line = told(capsys, *words).splitlines()
        assert heading.split()[:2] == ["version", "state"]
        assert line.split()[:2] == [version, "allocated"]
        assert line.endswith("New data.")
        assert [VersionRecord.from_json(found) for found in told_json(capsys, *words)] == ledger.versions(MODEL)


def test_the_export_lists_its_addresses(capsys: Capture) -> None:
    allocated()
    assert told(capsys, "export", MODEL).splitlines() == ledger.export(MODEL)
    assert told_json(capsys, "export", MODEL) == ledger.export(MODEL)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("live", "fligths"), "Unknown model `fligths`. Known models: `flights`."),
        (("history", MODEL, "V9.9.9"), "The ledger knows no version `V9.9.9` of `flights`."),
        (("history", MODEL, "newest"), "`newest` is not a version."),
        (("live-at", MODEL, "yesterday"), "`yesterday` is not a moment."),
    ],
)
def test_a_refusal_is_one_sentence_on_standard_error(words: tuple[str, ...], sentence: str, capsys: Capture) -> None:
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.err.startswith(sentence)
    assert said.out == ""


def test_without_aws_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    from tests.flown import forget

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("windtunnel.aws.clients._CONFIG", None)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    forget()
    assert main(["live", MODEL]) == 1
    assert "`make up`" in capsys.readouterr().err


def test_the_help_says_of_every_command_what_it_does() -> None:
    text = subprocess.check_output(
        [sys.executable, "-m", "windtunnel", "--help"], text=True, env={"PYTHONPATH": "include"}
    )
    squeezed = " ".join(text.split())
    assert COMMANDS
    for name, command in COMMANDS.items():
        assert f"{name} {command.about}" in squeezed
