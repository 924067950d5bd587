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
    tried: dict[tuple[str, str], list[tuple[str, int, bool]]] = {}  # by number and promise; one for each setting of it
    for report in reports:
        for name, told in getattr(report, "user_properties", ()):  # none of a file that cannot be read
            if name == "goal" and report.when == "teardown":
                number, promised, reached, seconds = told
                held = report.nodeid not in failed
                tried.setdefault((number, promised), []).append((reached, int(seconds), held))
    if tried and target is not None:
        _write(target, [_row(*goal, of_it) for goal, of_it in tried.items()])
        terminalreporter.write_line(f"{len(tried)} goals in {target}")


def _row(number: str, promised: str, tried: list[tuple[str, int, bool]]) -> str:
    """Return the line of a goal."""
    told = "; ".join(dict.fromkeys(reached for reached, _, _ in tried if reached))
    holds = "yes" if all(held for _, _, held in tried) else "**no**"
    return f"| {number} | {promised} | {told} | {holds} | {sum(seconds for _, seconds, _ in tried)} |"


def _write(document: Path, rows: list[str]) -> None:
    """Put the table between its two marks in a document; rows of goals that were not tried stay."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    former, _, after = rest.partition(END)
    promised = {row.split("|")[2] for row in rows}
    kept = [row for row in former.splitlines() if row.startswith("| R") and row.split("|")[2] not in promised]
    ordered = sorted([*rows, *kept], key=lambda row: int(row.split("|")[1].strip()[1:]))
    machine = f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    head = ["| goal | promised | reached | holds | seconds |", "| --- | --- | --- | --- | --- |"]
    told = f"Tried on {date.today().isoformat()}: {machine}."
    table = "\n".join((f"{before}{BEGIN}", "", told, "", *head, *ordered, "", f"{END}{after}"))
    document.write_text(table, encoding="utf-8")
