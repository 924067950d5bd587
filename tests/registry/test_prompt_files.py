"""Prompts from files: ours, PromptSource's, lm-evaluation-harness's; and files that are none."""

import json
from pathlib import Path

import pytest
from tiny_cli import dump

from registry import Registry
from registry.errors import AlreadyExistsError, DataError, InputError
from registry.formats.recorded import read_llm
from registry.prompts.importing.contents import PromptOptions
from registry.prompts.importing.reading import read_prompts
from registry.prompts.importing.registering import import_prompts, usable_prompts
from registry.prompts.prompt import CONCLUSION, Prompt

SOURCE = """\
dataset: glue
subset: sst2
templates:
  11d1c505: !Template
    answer_choices: No ||| Yes
    id: 11d1c505
    jinja: 'Is "{{sentence}}" good? {{ answer_choices|join(", ") }}

      ||| {{ answer_choices[label] }}'
    metadata: !TemplateMetadata
      choices_in_prompt: true
      languages: &id001
      - en
      metrics: *id001
    name: Is it good?
    reference: ''
  228fcae7: !Template
    answer_choices:
    - no
    - yes
    jinja: '{{sentence}} Positive? ||| {{ answer_choices[label] }}'
    name: Is it GOOD?
  5aa0cea9: !Template
    answer_choices: '{{ choice1 }} ||| {{ choice2 }}'
    jinja: '{{sentence}} ||| {{ answer_choices[label] }}'
    name: choices that differ
  63c6b2be: !Template
    answer_choices: null
    jinja: '{{sentence}} ||| {{ label }}'
    name: open
  6dd74cd5: !Template
    answer_choices: a ||| b
    jinja: '{% if label %} {{sentence}} ||| {{ answer_choices[label] }} {% endif %}'
    name: bars in a block
  7a3ed4dd: !Template
    answer_choices: a ||| b
    jinja: '{{ title }} {{ topic }} {{sentence}}'
    name: unknown field
"""
HARNESS = """\
task: sst2
dataset_path: nyu-mll/glue
output_type: multiple_choice
process_docs: !function utils.process
description: "Read with care.\\n"
doc_to_text: "{{sentence}}\\nQuestion: Is this sentence positive or negative?\\nAnswer:"
doc_to_target: label
doc_to_choice: ["negative", "positive"]
metric_list:
  - metric: f1
    aggregation: !function "aggregate.f1"
metadata:
  version: 1.0
"""
SECOND_ALIASES = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))


def written(folder: Path, name: str, body: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def lines(*rows: dict[str, object]) -> str:
    return "\n".join(map(json.dumps, rows))


# -- our own -----------------------------------------------------------------------------------------


def test_a_prompt_of_ours_needs_a_name_a_template_and_choices_and_may_say_more(tmp_path: Path) -> None:
    short = {"name": "a", "template": "{{ text }}?", "choices": ["no", "yes"], "accuracy": 0.5}
    long = {
        **{"name": "b", "template": "{{ x }}?", "choices": ["no", "yes"], "words": ["No", ["Yes", "Sure"]]},
        **{"fields": {"x": "text"}, "system": "Be short.", "style": "chain-of-thought", "conclusion": "So"},
    }
    path = written(tmp_path, "prompts.jsonl", lines(short, long))

    assert read_prompts(path).prompts == {
        "a": Prompt("{{ text }}?", ("no", "yes"), (("no",), ("yes",))),
        "b": Prompt(
            "{{ x }}?",
            ("no", "yes"),
            (("No",), ("Yes", "Sure")),
            {"x": "text"},
            "Be short.",
            "chain-of-thought",
            "So",
        ),
    }
    assert read_prompts(path).prompts["a"].conclusion == CONCLUSION


def test_the_answers_of_a_file_can_be_named_in_the_tasks_words(tmp_path: Path) -> None:
    path = written(tmp_path, "p.jsonl", lines({"name": "a", "template": "{{ x }}?", "choices": ["no", "yes"]}))
    options = PromptOptions({"x": "text"}, ("negative", "positive"), "org/")

    (prompt,) = read_prompts(path, options).prompts.items()

    assert prompt == ("org/a", Prompt("{{ x }}?", ("negative", "positive"), (("no",), ("yes",)), {"x": "text"}))


GOOD = {"name": "a", "template": "{{ text }}", "choices": ["no", "yes"]}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", r"p\.jsonl: holds no examples"),
        (b'{"name":"\xe9"}', r"p\.jsonl: not UTF-8 at byte 9"),
        (lines(GOOD) + "\n{", r"line 2: not JSON"),
        (lines({**GOOD, "name": 3}), r"line 1: needs a 'name' and a 'template'"),
        (lines({**GOOD, "name": "A b"}), r"line 1: 'A b' is not a name"),
        (lines({**GOOD, "name": "m@p"}), r"line 1: 'm@p' is not a name"),
        (lines(GOOD, GOOD), r"line 2: names a second prompt 'a'"),
        (lines({**GOOD, "choices": "no"}), r"line 1: needs 'choices', a list of texts"),
        (lines({**GOOD, "choices": ["no"]}), r"line 1: A prompt has two answers or more"),
        (lines({**GOOD, "choices": ["no", "no"]}), r"line 1: A prompt has 'no' twice"),
        (lines({**GOOD, "words": ["no"]}), r"line 1: A prompt has words for each of its answers: 1 of 2"),
        (lines({**GOOD, "words": [["no"], [3]]}), r"line 1: 'words' is not a list of words"),
        (lines({**GOOD, "words": 3}), r"line 1: 'words' is not a list of words"),
        (lines({**GOOD, "fields": ["text"]}), r"line 1: 'fields' is not an object"),
        (lines({**GOOD, "system": ["x"]}), r"line 1: 'system' is not a text"),
        (lines({**GOOD, "style": "loud"}), r"line 1: No style 'loud'"),
        (lines({**GOOD, "template": "{{ lipsum }}"}), r"a: The template has the variable 'lipsum'"),
        ("[" * 100_000, r"line 1: not JSON"),
    ],
)
def test_a_fault_in_a_file_of_ours_is_told_with_its_line(tmp_path: Path, body: str | bytes, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as told:
        usable_prompts(written(tmp_path, "p.jsonl", body))

    assert "\n" not in str(told.value)


# -- PromptSource ------------------------------------------------------------------------------------


def test_a_file_of_promptsource_is_read_as_far_as_its_choices_are_fixed(tmp_path: Path) -> None:
    found = usable_prompts(written(tmp_path, "templates.yaml", SOURCE), PromptOptions(prefix="sst2/"))

    assert {name: (prompt.template, prompt.answers) for name, prompt in found.prompts.items()} == {
        "sst2/is-it-good": ('Is "{{sentence}}" good? {{ answer_choices|join(", ") }}', ("No", "Yes")),
        "sst2/is-it-good-2": ("{{sentence}} Positive?", ("no", "yes")),
        "sst2/bars-in-a-block": ("{{sentence}}", ("a", "b")),
    }
    assert found.notes == ["sst2/bars-in-a-block: asked of every input: its condition on 'label' is left out"]
    mend = "name fixed ones with --choices A,B."
    assert found.left_out == {
        "sst2/choices-that-differ": f"Its answer choices differ from input to input: {mend}",
        "sst2/open": "It has no answer choices: name them with --choices A,B.",
        "sst2/unknown-field": "The template has the variable 'title', which is not known: say which text it is with "
        "--field title=text.",
    }


def test_templates_without_fixed_choices_take_those_that_are_given(tmp_path: Path) -> None:
    found = usable_prompts(written(tmp_path, "t.yml", SOURCE), PromptOptions(answers=("bad", "fine")))

    assert {name: prompt.words for name, prompt in found.prompts.items()} == {
        "is-it-good": (("No",), ("Yes",)),
        "is-it-good-2": (("no",), ("yes",)),
        "bars-in-a-block": (("a",), ("b",)),
        "choices-that-differ": (("bad",), ("fine",)),
        "open": (("bad",), ("fine",)),
    }
    assert {prompt.answers for prompt in found.prompts.values()} == {("bad", "fine")}


# -- lm-evaluation-harness ---------------------------------------------------------------------------


def test_a_task_of_the_harness_is_one_prompt_and_its_functions_are_not_run(tmp_path: Path) -> None:
    found = usable_prompts(written(tmp_path, "sst2.yaml", HARNESS))

    template = "{{sentence}}\nQuestion: Is this sentence positive or negative?\nAnswer:"
    answers = ("negative", "positive")
    assert found.prompts == {
        "sst2": Prompt(template, answers, (("negative",), ("positive",)), {"sentence": "text"}, "Read with care.")
    }
    assert found.notes == ["process_docs is not run: the fields are used as they are"]


@pytest.mark.parametrize(
    ("old", "new", "template", "answers"),
    [
        ('["negative", "positive"]', "{0: no, 1: yes}", None, ("no", "yes")),
        (
            HARNESS[HARNESS.index("doc_to_text") : HARNESS.index("doc_to_target")],
            "doc_to_text: sentence\n",
            "{{ sentence }}",
            None,
        ),
    ],
    ids=["choices in a mapping", "the name of a field"],
)
def test_the_harness_has_more_than_one_way_to_write_it(
    tmp_path: Path, old: str, new: str, template: str | None, answers: tuple[str, ...] | None
) -> None:
    (prompt,) = usable_prompts(written(tmp_path, "sst2.yaml", HARNESS.replace(old, new))).prompts.values()

    assert template in (None, prompt.template)
    assert answers in (None, prompt.answers)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("task: x\ndoc_to_text: !function utils.ask\n", r"doc_to_text is the Python function 'utils\.ask'"),
        ("doc_to_text: '{{text}}'\ndoc_to_choice: !function utils.c\n", r"doc_to_choice is the Python function"),
        ("include: base.yaml\ntask: x\n", r"includes base\.yaml, which is not there: put it beside this file"),
        ("include: ../base.yaml\ntask: x\n", r"includes \.\./base\.yaml, which lies outside of its folder"),
        ("include: x.yaml\ntask: x\n", r"includes x\.yaml in a circle"),
        ("use_prompt: promptsource:*\ntask: x\n", r"names a prompt of PromptSource \(use_prompt\)"),
        ("group: x\ntask: [a, b]\n", r"is a group of tasks, not a task: import the files of its tasks"),
        ("doc_to_text: '{{text}}'\ndoc_to_target: '{{1 - label}}'\ndoc_to_choice: [a, b]\n", r"another choice than"),
        ("task: x\n", r"has no template: its doc_to_text is missing"),
        ("doc_to_text: '{{text}}'\n", r"has no doc_to_choice: name the choices with --choices"),
        ("doc_to_text: '{{text}}'\ndoc_to_choice: '{{[a, b]}}'\n", r"doc_to_choice is not a fixed list"),
        ("doc_to_text: '{{text}}'\ndoc_to_choice: [[a], b]\n", r"doc_to_choice is not a list of texts"),
        ("doc_to_text: '{{text}}'\ndoc_to_choice: [a, a]\n", r"A prompt has 'a' twice"),
        ("doc_to_text: '{{text}}'\ndescription: '{{x}}'\ndoc_to_choice: [a, b]\n", r"its description is a template"),
    ],
)
def test_a_task_of_the_harness_that_cannot_be_asked_is_refused(tmp_path: Path, body: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        usable_prompts(written(tmp_path, "x.yaml", body))


# -- YAML that is more than data ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "",
        "- a\n- b\n",
        "just a text",
        "a: 1\n",
        "templates: 3\n",
        "templates: {x: y}\n",
        "a: b: c\n",
        "a: [\n",
        b"a: \xe9\xff\n",
        b"a: \x00\n",
        "a: \x07\n",
        "--- {a: b}\n--- {c: d}\n",
        "task: x\ntask: y\ndoc_to_text: z\n",
        "? [a, b]\n: c\n",
        "task: *nowhere\n",
        "task: &a [*a]\n",
        "templates: !!python/object/apply:os.system ['touch stolen']\n",
        "templates: !!python/name:os.system\n",
        "templates: !!python/object/new:os.system [touch stolen]\n",
        "templates: !!python/module:os\n",
        "templates: !!binary aGVsbG8=\n",
        "templates: !function {a: b}\n",
        "templates: !Other {a: b}\n",
        "a0: &a0 [x, x]\n" + SECOND_ALIASES,
        "task: x\nmany: [" + "*a, " * 2_000 + "]\n",
        "a: &a x\nmany: [" + "*a, " * 2_000 + "]\n",
        "task: [" + "x, " * 100_000 + "]\n",
        "a: " + "[" * 50_000,
        "a: " + "{b: " * 5_000,
        "\n".join(" " * n + "a:" for n in range(1_000)),
        "templates: {" + "x" * 600_000 + ": y}\n",
        "%YAML 9.9\n--- a\n",
    ],
)
def test_yaml_that_is_no_plain_data_is_refused_in_one_line(tmp_path: Path, body: str | bytes) -> None:
    with pytest.raises(InputError) as told:
        usable_prompts(written(tmp_path, "x.yaml", body))

    assert str(told.value).count("\n") == 0
    assert len(str(told.value)) < 600
    assert [path.name for path in tmp_path.iterdir()] == ["x.yaml"]


@pytest.mark.parametrize(("name", "problem"), [("none.yaml", "no such file"), (".", "not a .jsonl or .yaml file")])
def test_what_is_no_file_of_prompts_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        usable_prompts(tmp_path / name)


# -- into the registry -------------------------------------------------------------------------------


def test_an_import_is_told_again_and_changes_nothing(tmp_path: Path, registry: Registry) -> None:
    path = written(tmp_path, "templates.yaml", SOURCE)
    first = import_prompts(registry.catalog, path, tags=("glue",))
    before = [row.as_json() for row in registry.entries("prompt")]

    again = import_prompts(registry.catalog, path, tags=("glue",))

    names = ["is-it-good", "is-it-good-2", "bars-in-a-block"]
    assert (first.added, first.known) == (names, [])
    assert (again.added, again.known) == ([], names)
    assert again.left_out == first.left_out
    assert [row.as_json() for row in registry.entries("prompt")] == before
    assert registry.prompt("is-it-good").fields == {"sentence": "text"}


def test_an_import_is_all_or_none(tmp_path: Path, registry: Registry) -> None:
    registry.add_prompt("b", Prompt("Other: {{ text }}", ("no", "yes"), (("no",), ("yes",))))
    before = dump(registry.folder)

    with pytest.raises(AlreadyExistsError, match="'b' is already the name of a prompt with other content"):
        import_prompts(registry.catalog, written(tmp_path, "p.jsonl", lines(GOOD, {**GOOD, "name": "b"})))

    assert dump(registry.folder) == before


def test_the_prompts_of_a_recorded_llm_are_the_same_prompts_when_they_are_imported(
    data: Path, registry: Registry
) -> None:
    folder = data / "prompt_selection" / "sst2_opt-2.7b"
    registry.add_recorded_llm("opt", read_llm(folder)[:3], source="there")

    report = import_prompts(registry.catalog, folder / "prompts.jsonl")

    assert (len(report.added), len(report.known)) == (47, 3)
    assert report.left_out == {}
