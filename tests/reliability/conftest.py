"""The goals of reliability: what is promised, how often it is tried here, and what was reached.

`make test` tries each in small; `make reliability` tries all of it and writes the table of docs/reliability.md.
"""

import os
import platform
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from goals import Goal

BEGIN, END = "<!-- table: written by make reliability -->", "<!-- end of table -->"


@pytest.fixture
def goal(request: pytest.FixtureRequest) -> Iterator[Goal]:
    """The goal of a test that is marked `@pytest.mark.goal("R5", "500 damaged databases: ...")`."""
    marker = request.node.get_closest_marker("goal")
    assert marker is not None, "a test of a goal names it: @pytest.mark.goal(NUMBER, PROMISE)"
    stated = Goal(*marker.args)
    begun = time.monotonic()
    yield stated
    seconds = f"{time.monotonic() - begun:.0f}"
    request.node.user_properties.append(("goal", (stated.number, stated.promised, "; ".join(stated.told), seconds)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", type=Path, help="A document whose table of goals is written anew.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the table of the goals that were tried, where it is asked for."""
    target = config.getoption("--table", default=None)
    reports = [report for group in terminalreporter.stats.values() for report in group if hasattr(report, "when")]
    failed = {report.nodeid for report in reports if report.failed}
    rows = [
        (*told, "**no**" if report.nodeid in failed else "yes")
        for report in reports
        if report.when == "teardown"
        for name, told in report.user_properties
        if name == "goal"
    ]
    if rows and target is not None:
        _write(target, rows)
        terminalreporter.write_line(f"{len(rows)} goals in {target}")


def _write(document: Path, rows: list[tuple[str, ...]]) -> None:
    """Put the table between its two marks in a document; rows of goals that were not tried stay."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    former, _, after = rest.partition(END)
    lines = [f"| {number} | {promised} | {told} | {holds} | {took} |" for number, promised, told, took, holds in rows]
    tried = {line.split("|")[1:3][1] for line in lines}
    kept = [line for line in former.splitlines() if line.startswith("| R") and line.split("|")[2] not in tried]
    lines = sorted([*lines, *kept], key=lambda line: int(line.split("|")[1].strip()[1:]))
    machine = f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    head = ["| goal | promised | reached | holds | seconds |", "| --- | --- | --- | --- | --- |"]
    told = f"Tried on {date.today().isoformat()}: {machine}."
    document.write_text(
        "\n".join((f"{before}{BEGIN}", "", told, "", *head, *lines, "", f"{END}{after}")), encoding="utf-8"
    )
