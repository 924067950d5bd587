"""`fute prompt` as it is typed: what it prints, what it refuses, and that a refusal leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from template_attacks import INJECTIONS, RUNAWAYS
from tiny_cli import dump, fute, run, told
from waiting import LIMIT, until

import cli
from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.prompts.prompt import Prompt

CHOICES = ("--choice", "negative=bad,awful", "--choice", "positive=good")
TEMPLATE = 'Is "{{ review }}" {{ answers|join(" or ") }}?'
PROMPT_FILE = '{"name":"short","template":"{{ text }}?","choices":["negative","positive"]}\n'


def json_of(*arguments: str | Path) -> Any:  # noqa: ANN401 - any JSON value
    result = run(*arguments, "--json")
    return json.loads(result.stdout)


def filled(folder: Path) -> Path:
    """Make a registry with a task of films, one of pairs, a scale and a multiple choice."""
    films = (Example("a fine film", "positive"), Example("a dull film", "negative"))
    pairs = (Example("It rains.", "follows", "It is wet."), Example("It rains.", "no", "It is dry."))
    with Registry.create(folder) as registry:
        registry.add_task("film", TaskData("classification", ("negative", "positive"), films))
        registry.add_task("pairs", TaskData("classification", ("follows", "no"), pairs))
        registry.add_task("score", TaskData("regression", None, (Example("a", "0"), Example("b", "5")), range=(0, 5)))
        registry.add_task("choose", TaskData("multiple-choice", None, (Example("a", "x", choices=("x", "y")),)))
    return folder


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of one's own, named by FUTE_REGISTRY."""
    monkeypatch.setenv("FUTE_REGISTRY", str(tmp_path / "store"))
    return filled(tmp_path / "store")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a prompt, for tests that change nothing."""
    folder = filled(tmp_path_factory.mktemp("shared") / "store")
    with Registry.open(folder) as registry:
        registry.add_prompt("p", Prompt(TEMPLATE, ("negative", "positive"), (("bad", "awful"), ("good",))))
    return folder


@pytest.fixture
def prompt(store: Path) -> str:
    assert told("prompt", "add", "p", "--template", TEMPLATE, *CHOICES) == (0, "p version 1: negative, positive\n")
    return "p"


# -- one prompt --------------------------------------------------------------------------------------


def test_a_prompt_is_added_and_shown_with_its_words_and_its_fields(prompt: str) -> None:
    assert json_of("prompt", "show", prompt)["spec"] == {
        "template": TEMPLATE,
        "choices": ["negative", "positive"],
        "words": [["bad", "awful"], ["good"]],
        "fields": {"review": "text"},
        "system": None,
        "style": "vanilla",
        "conclusion": "Therefore, the answer is",
    }


def test_a_chain_of_thought_with_all_there_is_comes_from_a_file(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "t.jinja"
    file.write_text("{{ passage }}\nDoes it follow that {{ claim }}\n", encoding="utf-8")
    fields = ("--field", "passage=text", "--field", "claim=text_pair")
    said = ("--system", "Think.", "--cot", "--conclusion", "So it is")
    choices = ("--choice", "follows=Yes", "--choice", "no=No")

    added = run("prompt", "add", "org/nli", "--template-file", file, *choices, *fields, *said, "--tag", "nli")

    assert added.exit_code == 0
    assert told("prompt", "render", "org/nli", "--task", "pairs", "-n", "1") == (
        0,
        "[system]\nThink.\n[question]\nIt rains.\nDoes it follow that It is dry.\n[conclusion]\nSo it is\n",
    )
    assert [row["tags"] for row in json_of("prompt", "list", "--tag", "nli")["prompts"]] == [["nli"]]


def test_what_is_asked_is_printed_as_it_is_sent(prompt: str) -> None:
    assert told("prompt", "render", prompt, "--text", "{{ x }}") == (0, 'Is "{{ x }}" bad or good?\n')
    assert json_of("prompt", "render", prompt, "--text", "a") == {
        "prompt": "p",
        "asked": [
            {
                "text": "a",
                "text_pair": None,
                "question": 'Is "a" bad or good?',
                "system": None,
                "conclusion": None,
            }
        ],
    }


def test_a_prompt_that_changes_is_a_new_version_and_can_be_removed(prompt: str) -> None:
    other = ("prompt", "add", prompt, "--template", "{{ text }}?", *CHOICES)
    mend = "choose another name, or pass --replace."

    assert told(*other) == (2, f"Error: 'p' is already the name of a prompt with other content: {mend}\n")
    assert told(*other, "--replace") == (0, "p version 2: negative, positive\n")
    assert told("prompt", "render", "p:1", "--text", "a") == (0, 'Is "a" bad or good?\n')
    assert told("prompt", "remove", prompt) == (0, "removed p\n")
    assert told("prompt", "list") == (0, "No prompts yet.\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ("add", "x", "--template", "{{ text }}"),
            "A prompt has two answers or more: --choice LABEL=WORD,WORD for each.",
        ),
        (
            ("add", "x", "--template", "{{ text }}", "--choice", "a"),
            "expected LABEL=WORD,WORD, the words that mean 'a'",
        ),
        (("add", "x", "--template", "{{ text }}", "--choice", "a=b,"), "expected LABEL=WORD,WORD"),
        (("add", "x", "--template", "{{ text }}", "--choice", "a=b", "--choice", "a=c"), "'a' is given twice"),
        (("add", "x", "--template", "{{ text }}", "--choice", "a=b", "--choice", "c=b"), "A prompt has 'b' twice"),
        (("add", "x", *CHOICES), "Give one of --template and --template-file."),
        (("add", "x", "--template", "{{ text }}", "--conclusion", "So", *CHOICES), "--conclusion goes with --cot."),
        (("add", "m@p", "--template", "{{ text }}", *CHOICES), "'m@p' is not a name"),
        (("add", "film", "--template", "{{ text }}", *CHOICES), "'film' is already the name of a task"),
        (("add", "x", "--template", "{{ passage }}", *CHOICES), "say which text it is with --field passage=text."),
        (
            ("add", "x", "--template", "{{ passage }}", "--field", "passage=label", *CHOICES),
            "expected VARIABLE=text or",
        ),
        (("add", "x", "--template", "{{ text", *CHOICES), "The template is not Jinja: unexpected end of template"),
        (("add", "x", "--template", "\udc80{{ text }}", *CHOICES), "A prompt's texts are Unicode"),
        (("add", "x", "--template-file", "none.txt", *CHOICES), "none.txt: no such file."),
        (("render", "p"), "Give --text (and --text-pair), or --task."),
        (("render", "p", "--text", "a", "--task", "film"), "Give --text (and --text-pair), or --task."),
        (("render", "none", "--text", "a"), "No prompt named 'none' in this registry."),
        (("render", "film", "--text", "a"), "No prompt named 'film' in this registry."),
        (("render", "p", "--task", "none"), "No task named 'none' in this registry."),
        (("test", "--task", "film"), "Give a prompt's NAME, or --file"),
        (("import", "none.jsonl"), "none.jsonl: no such file."),
        (("import", "none.txt"), "none.txt: not a .jsonl or .yaml file."),
    ],
)
def test_bad_use_is_told_in_one_line_and_changes_nothing(
    shared: Path, arguments: tuple[str, ...], problem: str
) -> None:
    before = dump(shared)

    result = run("--registry", shared, "prompt", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1
    assert dump(shared) == before


# -- files -------------------------------------------------------------------------------------------


def test_an_import_says_what_was_added_known_and_left_out(store: Path, tmp_path: Path) -> None:
    source = tmp_path / "templates.yaml"
    one = "!Template {name: One, jinja: '{{text}}? ||| {{ answer_choices[label] }}', answer_choices: 'bad ||| good'}"
    two = "!Template {name: Two, jinja: '{{text}}? ||| {{ label }}'}"
    source.write_text(f"templates:\n  a: {one}\n  b: {two}\n", encoding="utf-8")
    arguments = ("prompt", "import", source, "--prefix", "ps/", "--tag", "glue")
    left_out = "left out ps/two: It has no answer choices: name them with --choices A,B.\n"

    first, again = run(*arguments), run(*arguments)

    assert (first.exit_code, first.stdout) == (0, "registered ps/one\n")
    assert first.stderr == f"{left_out}1 prompts added, 0 known already, 1 left out\n"
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr == f"{left_out}0 prompts added, 1 known already, 1 left out\n"
    assert [row["tags"] for row in json_of("prompt", "list")["prompts"]] == [["glue"]]
    assert json_of(*arguments)["known"] == ["ps/one"]


def test_a_faulty_line_keeps_the_whole_file_out(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(PROMPT_FILE + PROMPT_FILE.replace("short", "odd").replace("text", "lipsum"), encoding="utf-8")
    before = dump(store)

    code, text = told("prompt", "import", file)

    assert code == 2
    assert text.endswith(
        "odd: The template has the variable 'lipsum', which is not known: say which text it is "
        "with --field lipsum=text.\n"
    )
    assert dump(store) == before


# -- does it fit? ------------------------------------------------------------------------------------


def test_a_prompt_that_fits_its_task_is_shown_with_its_lengths(prompt: str) -> None:
    (row,) = json_of("prompt", "test", prompt, "--task", "film")["prompts"]
    assert row == {
        **{"name": "p", "fits": True, "problem": None},
        **{"examples": 2, "shortest": 29, "median": 29, "longest": 29},
    }


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ("pairs", "p: The prompt has no answer for 'follows'; the labels of 'pairs' are follows, no: give --choice"),
        ("score", "p: The prompt has no answer for '0'; the labels of 'score' are 0, 5: give --choice"),
        ("choose", "p: 'choose' is a multiple-choice task, whose answers differ from input to input"),
    ],
)
def test_a_prompt_with_other_answers_than_the_tasks_labels_does_not_fit(shared: Path, task: str, problem: str) -> None:
    result = run("--registry", shared, "prompt", "test", "p", "--task", task)

    assert result.exit_code == 2
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_prompt_that_asks_for_a_second_text_does_not_fit_a_task_without(store: Path) -> None:
    run("prompt", "add", "two", "--template", "{{ text }} {{ text_pair }}", *CHOICES)

    code, text = told("prompt", "test", "two", "--task", "film")

    assert code == 2
    assert "two: The template asks for a second text ('text_pair'), and input 1 has none." in text


def test_the_prompts_of_a_file_are_tested_before_they_are_registered(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(PROMPT_FILE + PROMPT_FILE.replace("short", "odd").replace("negative", "no"), encoding="utf-8")
    before = dump(store)

    result = run("prompt", "test", "--file", file, "--task", "film", "--json")

    assert result.exit_code == 2
    assert [(row["name"], row["fits"]) for row in json.loads(result.stdout)["prompts"]] == [
        ("short", True),
        ("odd", False),
    ]
    assert "odd: The prompt has no answer for 'negative'" in result.stderr
    assert "(1 of 2 prompts do not fit)" in result.stderr
    assert run("prompt", "test", "--file", file, "--task", "film", "--choices", "negative,positive").exit_code == 0
    assert dump(store) == before


# -- attacks, as a whole program ---------------------------------------------------------------------


@pytest.mark.parametrize("template", [INJECTIONS[2], RUNAWAYS[14]], ids=["code", "doubling"])
def test_an_attack_on_the_program_ends_in_one_line(store: Path, tmp_path: Path, template: str) -> None:
    before, files = dump(store), sorted(tmp_path.iterdir())

    done = fute("prompt", "add", "x", "--template", template, *CHOICES)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: The template ")
    assert done.stderr.count("\n") == 1
    assert dump(store) == before
    assert sorted(tmp_path.iterdir()) == files


BUSY = """
import signal
from registry.data.inputs import Input
from registry.prompts.prompt import Prompt
from registry.prompts.render import rendered

signal.signal(signal.SIGINT, signal.default_int_handler)
loops = "{% for i in range(10) %}{% for j in range(900) %}{% set x = text|title %}{% endfor %}{% endfor %}"
prompt = Prompt(loops + "{{ text }}", ("a", "b"), (("a",), ("b",)))
print("ready", flush=True)
rendered(prompt, [Input("some text")] * 5_000)
"""


def test_ctrl_c_ends_the_child_too() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY],
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(lambda: bool(children.read_text()))
    (child,) = children.read_text().split()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT)

    until(lambda: not Path(f"/proc/{child}").exists())  # one that had just begun ends by itself
