"""R9: templates of prompts cannot run code, and cannot run for ever or fill the memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from goals import Goal
from template_attacks import INJECTIONS, RUNAWAYS
from waiting import LIMIT

from registry.errors import InputError
from registry.prompts.prompt import Prompt
from registry.prompts.render import checked_prompt, render

ROOT = Path(__file__).parents[2]
SECONDS, MEBIBYTES = 2, 256  # of the processor, and of memory, that a template may take in this process and its child


def prompt_of(template: str) -> Prompt:
    return Prompt(template, ("negative", "positive"), (("bad", "awful"), ("good",)))


@pytest.mark.goal("R9", "60 templates that reach for code: all refused; the sandbox alone runs none of it either")
def test_no_template_runs_code(goal: Goal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where what is stolen would lie
    assert len(set(INJECTIONS)) >= 60
    for template in INJECTIONS:
        with pytest.raises(InputError) as refused:
            checked_prompt(prompt_of(template))
        assert "\n" not in str(refused.value), template
        assert "never uses the text" not in str(refused.value), template

    lines: list[object] = []
    for template in INJECTIONS:  # as if nothing had been checked
        lines += [{"template": template, "fields": {"text": "text"}, "answers": ["a", "b"]}, ["text", None]]
    said = render(lines)[1::2]  # type: ignore[arg-type]

    harmless = ["text text", "text <LoopContext 1/2><LoopContext 2/2>"]
    assert [text for text in said if not isinstance(text, dict)] == harmless[::-1]
    assert list(tmp_path.iterdir()) == []
    goal.reached(f"{len(INJECTIONS)} refused, 0 ran")


MEASURE = """
import json, resource, sys
from template_attacks import RUNAWAYS
from registry.errors import InputError
from registry.prompts.prompt import Prompt
from registry.prompts.render import checked_prompt, render

def bypassed(template):
    job = {"template": template, "fields": {"text": "text"}, "answers": ["a", "b"]}
    return render([job, ["some text " * 60, None]])

def measured(work):
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    try:
        said = work()
    except InputError as error:
        said = str(error)
    after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    used = sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after))
    return said, used

for template in RUNAWAYS if sys.argv[1] == "checked" else RUNAWAYS[:20]:
    prompt = Prompt(template, ("a", "b"), (("a",), ("b",)))
    work = (lambda: checked_prompt(prompt)) if sys.argv[1] == "checked" else (lambda: bypassed(template))
    print(json.dumps(measured(work), default=repr))
own = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # getrusage counts the parent's too
print(json.dumps([int(own.split()[1]) // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024]))
"""


def measure(how: str) -> tuple[list[tuple[object, float]], list[int]]:
    """Run all runaways; return what came of each with the seconds of the processor, and the peaks of memory in MiB."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, how],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=5 * LIMIT,
        check=True,
    )
    *rows, peaks = map(json.loads, done.stdout.splitlines())
    return rows, peaks


@pytest.mark.goal("R9", "20 templates that never end or grow: refused within 2 s and 256 MB, checked or not")
def test_no_template_runs_for_ever(goal: Goal) -> None:
    rows, peaks = measure("checked")
    assert len(rows) == len(RUNAWAYS) >= 20
    for template, (said, used) in zip(RUNAWAYS, rows, strict=True):
        assert isinstance(said, str), template[:200]
        assert said.startswith("The template "), template[:200]
        assert "\n" not in said
        assert used < SECONDS, template[:200]

    unchecked, more = measure("bypassed")
    assert max(used for _, used in unchecked) < SECONDS
    told = " ".join(str(said) for said, _ in unchecked)
    for reason in ("takes too long", "256 MB of memory", "more than 1 MiB", "nested too deeply", "more than 1000"):
        assert reason in told
    assert max(*peaks, *more) < MEBIBYTES
    slowest = max(used for _, used in [*rows, *unchecked])
    goal.reached(f"{len(rows)} refused, at most {slowest:.1f} s and {max(*peaks, *more)} MiB")
