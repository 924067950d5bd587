"""What a file's template answers with: told by what stands behind its bars, which is never run."""

from collections import Counter
from pathlib import Path

import jinja2
import pytest
from tiny_cli import run

from registry.data.inputs import Input
from registry.errors import DataError, TemplateError
from registry.prompts.answer_parts import choices_answered, parts_of
from registry.prompts.importing.contents import PromptFile, PromptOptions
from registry.prompts.importing.reading import read_prompts
from registry.prompts.importing.registering import usable_prompts
from registry.prompts.prompt import Prompt
from registry.prompts.render import rendered

TWO = ("bad", "good")


def source(folder: Path, jinja: str, choices: str | None = "bad ||| good") -> PromptFile:
    """Return what is read of a file of PromptSource with one template, named `p`."""
    path = folder / "templates.yaml"
    written = "null" if choices is None else f"'{choices}'"
    doubled = jinja.replace("'", "''")
    path.write_text(f"templates:\n  a: !Template\n    answer_choices: {written}\n    jinja: '{doubled}'\n    name: p\n")
    return usable_prompts(path)


# -- where the bars are ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "question"),
    [
        ("{{ text }}? ||| {{ answer_choices[label] }}", "{{ text }}?"),
        ("{% if text %}{{ text }}? ||| {{ label }}{% endif %}", "{% if text %}{{ text }}?{% endif %}"),
        ("{% if a %}{{ text }}? ||| {{ label }}{% endif %}", "{{ text }}?"),
        ("{% if a %}{{ text }}?{% if b %}!{% endif %} ||| {% if c %}x{% endif %}{% endif %}", None),
        (
            "{% if text %}A {{ text }} ||| x{% else %}B ||| y{% endif %}",
            "{% if text %}A {{ text }}{% else %}B{% endif %}",
        ),
        ("{% set x = 1 %}{{ text }} ||| {{ x }}", "{% set x = 1 %}{{ text }}"),
        ("{{ text }}", "{{ text }}"),
    ],
)
def test_a_template_is_cut_at_its_bars_also_within_a_block(template: str, question: str | None) -> None:
    expected = "{{ text }}?{% if b %}!{% endif %}" if question is None else question

    assert parts_of(template).question == expected


@pytest.mark.parametrize("label", [0, 3])
def test_what_is_asked_is_what_promptsource_would_ask(label: int) -> None:
    template = (
        "{% if text %}Is {{ text }} {% if text|length > 3 %}long{% else %}short{% endif %}? ||| {{ label }}{% endif %}"
    )

    whole = jinja2.Template(template).render(text="a film", label=label)

    prompt = Prompt(template, TWO, (("bad",), ("good",)), {"text": "text"})
    assert rendered(prompt, [Input("a film")]) == [whole.split("|||")[0].strip()]


def test_a_text_behind_a_block_with_bars_is_told() -> None:
    with pytest.raises(TemplateError, match="has bars in a block and a text behind it"):
        parts_of("{% if text %}{{ text }} ||| x{% endif %} and more")


def test_a_condition_that_the_question_does_not_show_is_left_out_and_told(tmp_path: Path) -> None:
    found = source(tmp_path, "{% if label != -1 %}{{ text }}? ||| {{ answer_choices[label] }}{% endif %}")

    assert found.prompts["p"].template == "{{ text }}?"
    assert found.notes == ["p: asked of every input: its condition on 'label' is left out"]


# -- what is answered ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        "{{ answer_choices[label] }}",
        "{{ answer_choices [label] }}.",
        "{{ answer_choices[label - 1] }}",
        "{{ answer_choices[label|int] | lower }}",
        "{% if label != -1 %}{{ answer_choices[label] }}{% endif %}",
        "{% if label %}{{ answer_choices[0] }}{% else %}{{ answer_choices[1] }}{% endif %}",
        "{{ answer_choices[0] if score < 2.5 else answer_choices[1] }}",
        "{{ [answer_choices[0], answer_choices[1]][label] }}",
        "{% if label == 0 %}bad{% elif label == 1 %}Good.{% endif %}",
        "{{ ['bad', 'good'][label] }}",
        "{{ {'x': 'bad', 'y': 'good'}[label] }}",
    ],
)
def test_an_answer_of_the_choices_is_taken(answer: str) -> None:
    assert choices_answered(answer, TWO) == (TWO, [])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("{{ answer_choices[1 - label] }}", "answers with another choice than the one that its label numbers"),
        ("{{ answer_choices[-label] }}", "answers with another choice"),
        ("{{ answer_choices[not label] }}", "answers with another choice"),
        ("{{ answer_choices[(1 - label) | int] }}", "answers with another choice"),
        ("{{ answer_choices[1 if label == 0 else 0] }}", "answers with another choice"),
        ("{{ [answer_choices[1], answer_choices[0]][label] }}", "in another order than that of its labels"),
        ("{% if label == 0 %}{{ answer_choices[1] }}{% else %}{{ answer_choices[0] }}{% endif %}", "in another order"),
        ("{% if label == 0 %}good{% elif label == 1 %}bad{% endif %}", "in another order"),
        ("{{ label }}", "answers with the field 'label' of its data"),
        ("{{ summary[0] }}", "answers with the field 'summary' of its data"),
        ("{{ a }} and {{ b }}", "answers with the field 'a' of its data"),
        ("{{ answer_choices[label] }} because {{ why }}", "answers with more than one of its choices"),
        ("superb", "answers with texts that are none of its choices"),
        ("{% if", "is not Jinja"),
    ],
)
def test_an_answer_that_means_another_thing_is_refused(answer: str, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        choices_answered(answer, TWO)


def test_a_field_that_holds_the_choices_is_taken_and_told() -> None:
    known, notes = choices_answered("{{ topic | capitalize }}", TWO)

    assert (known, notes) == (TWO, ["answers with its field 'topic', whose texts its choices have to be"])


@pytest.mark.parametrize(
    ("answer", "choices"),
    [
        ("{% if label == 0 %}no{% else %}yes{% endif %}", ("no", "yes")),
        ("{{ ['no', 'maybe', 'yes'][label] }}", ("no", "maybe", "yes")),
        ("{{ {'0': 'no', '1': 'yes'}[label] }}", ("no", "yes")),
        ("{{ 'yes' if same else 'no' }}", ("yes", "no")),
    ],
)
def test_fixed_answers_behind_the_bars_are_the_choices(tmp_path: Path, answer: str, choices: tuple[str, ...]) -> None:
    (prompt,) = source(tmp_path, f"{{{{ text }}}}? ||| {answer}", None).prompts.values()

    assert (prompt.answers, prompt.template) == (choices, "{{ text }}?")


def test_a_template_that_means_the_other_answer_is_left_out_by_the_program(tmp_path: Path) -> None:
    store = ("--registry", tmp_path / "store")
    run(*store, "init")
    path = tmp_path / "templates.yaml"
    both = (
        "{{ text }} It was not ||| {{ answer_choices[1 - label] }}",
        "{{ text }} It was ||| {{ answer_choices[label] }}",
    )
    rows = [
        f"  {n}:\n    answer_choices: bad ||| good\n    jinja: '{one}'\n    name: p{n}\n" for n, one in enumerate(both)
    ]
    path.write_text("templates:\n" + "".join(rows))

    result = run(*store, "prompt", "import", path)

    assert (result.exit_code, result.stdout) == (0, "registered p1\n")
    assert result.stderr.splitlines() == [
        "left out p0: The template answers with another choice than the one that its label numbers, so that each "
        "choice means another: write it with the words exchanged.",
        "1 prompts added, 0 known already, 1 left out",
    ]


# -- which text a variable is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "fields"),
    [
        ("{{ article }}?", {"article": "text"}),
        ("{{ passage }} {{ question }}?", {"passage": "text_pair", "question": "text"}),
        ("{{ headline_a }} {{ headline_b }}?", {"headline_a": "text", "headline_b": "text_pair"}),
        ("{{ sentence_B }} {{ sentence_A }}?", {"sentence_A": "text", "sentence_B": "text_pair"}),
        ("{{ premise }} {{ hypothesis }}?", {"premise": "text", "hypothesis": "text_pair"}),
    ],
)
def test_a_variable_whose_text_is_certain_needs_no_option(
    tmp_path: Path, question: str, fields: dict[str, str]
) -> None:
    found = source(tmp_path, f"{question} ||| {{{{ answer_choices[label] }}}}")

    assert found.prompts["p"].fields == fields
    assert bool(found.notes) == ("premise" not in question)


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ("{{ label }}?", "asks about the field 'label', which is its answer"),
        ("{{ topic }}?", "asks about the field 'topic', which is its answer"),
        ("{{ answers }}?", "asks about its data's field 'answers', which differs from input to input"),
        (
            "{{ one }} {{ two }}?",
            "has the variable 'one', which is not known: say which text it is with --field one=text",
        ),
        ("{{ a }} {{ b }} {{ c }}?", "has the variable 'a', which is not known"),
    ],
)
def test_a_variable_that_is_no_text_for_certain_is_refused(tmp_path: Path, question: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        source(tmp_path, f"{question} ||| {{{{ topic }}}}")


@pytest.mark.parametrize(
    "jinja",
    [
        "{{ text }} ||| " + "{% if a %}" * 300 + "x" + "{% endif %}" * 300,
        "{% if a %}" * 300 + "{{ text }} ||| x" + "{% endif %}" * 300,
        "{{ text }} ||| {{ " + "(" * 400 + "a" + ")" * 400 + " }}",
        "{{ text }} ||| {{ " + "-" * 5_000 + "a }}",
        "{{ text }} ||| {{ " + "[" * 2_000 + "}}",
        "{{ text }} {{ " + "x." * 5_000 + "y }} ||| x",
        "{{ text }} ||| " + "|||" * 20_000,
        "{% if a %}" + "||| " * 15_000 + "{% endif %}",
        "{% raw %}|||{% endraw %}{{ text }}",
        "{% set x %}|||{% endset %}{{ text }}",
        "{# ||| #}{{ text }}",
        "{{ '|||' }}{{ text }}",
        "x" * 70_000,
    ],
)
def test_a_template_that_is_odd_is_taken_or_refused_in_one_line(tmp_path: Path, jinja: str) -> None:
    try:
        found = source(tmp_path, jinja)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right
        assert len(str(error)) < 600  # noqa: PT017
    else:
        assert list(found.prompts) == ["p"]


# -- the harness -----------------------------------------------------------------------------------------

BASE = 'output_type: multiple_choice\ndoc_to_text: "{{sentence}} Good or bad?"\ndoc_to_choice: ["bad", "good"]\n'


@pytest.mark.parametrize("name", ["_base_yaml", "below/_base_yaml", "base.yaml"])
def test_a_task_is_read_over_what_it_includes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(BASE)
    child = tmp_path / "child.yaml"
    child.write_text(f'include: {name}\ntask: child\ndoc_to_choice: ["poor", "fine"]\n')

    assert usable_prompts(child).prompts == {
        "child": Prompt("{{sentence}} Good or bad?", ("poor", "fine"), (("poor",), ("fine",)), {"sentence": "text"})
    }


def test_a_file_without_an_extension_is_read_as_yaml(tmp_path: Path) -> None:
    (tmp_path / "_base_yaml").write_text(BASE)

    assert list(usable_prompts(tmp_path / "_base_yaml").prompts) == ["base_yaml"]


def test_an_include_that_leads_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret").write_text(BASE)
    (inner / "link").symlink_to(tmp_path / "secret")
    for name in ("../secret", str(tmp_path / "secret"), "link"):
        (inner / "child.yaml").write_text(f"include: {name}\ntask: child\n")

        with pytest.raises(DataError, match="which lies outside of its folder: put both into one folder"):
            usable_prompts(inner / "child.yaml")


def test_files_that_include_many_are_read_once(tmp_path: Path) -> None:
    for number in range(12):
        inner = ", ".join(["f" + str(number + 1)] * 9)
        (tmp_path / f"f{number}").write_text(f"include: [{inner}]\ntask: x\n")
    (tmp_path / "f12").write_text(BASE)

    assert list(usable_prompts(tmp_path / "f0").prompts) == ["x"]

    for number in range(12, 40):
        (tmp_path / f"f{number}").write_text(f"include: f{number + 1}\ntask: x\n")
    with pytest.raises(DataError, match="includes more than 20 files"):
        usable_prompts(tmp_path / "f0")


def test_what_stands_between_question_and_answer_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BASE + 'task: a\ntarget_delimiter: "\\n"\n')
    (tmp_path / "b.yaml").write_text(BASE + 'task: b\ntarget_delimiter: ""\n')

    assert usable_prompts(tmp_path / "a.yaml").prompts["a"].template == "{{sentence}} Good or bad?\n"
    assert usable_prompts(tmp_path / "b.yaml").notes == [
        "target_delimiter is empty, and a word follows after a blank all the same"
    ]


def test_choices_that_are_written_as_an_expression_are_fixed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("task: a\ndoc_to_text: '{{text}}'\ndoc_to_choice: '{{[\"no\", \"yes\"]}}'\n")

    assert usable_prompts(path).prompts["a"].answers == ("no", "yes")


# -- real files ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_of_promptsource_every_template_is_taken_or_told_why_not(data: Path, tmp_path: Path) -> None:
    """Print the counts; the files lie in the folder of public data, as an archive."""
    import tarfile

    with tarfile.open(data / "prompt_files" / "promptsource.tar.xz") as archive:
        for number, member in enumerate(one for one in archive if one.name.endswith("templates.yaml")):
            place, body = tmp_path / str(number) / "templates.yaml", archive.extractfile(member)
            assert body is not None, "it is a file"
            place.parent.mkdir()
            place.write_bytes(body.read())
    files = sorted(tmp_path.rglob("templates.yaml"))
    taken, reasons = 0, Counter[str]()
    for path in files:
        try:
            found = usable_prompts(path)
        except DataError:
            found = _left_out(path)
        taken += len(found.prompts)
        reasons.update(" ".join(why.split()[:6]) for why in found.left_out.values())
    print(f"{taken} taken of {taken + sum(reasons.values())}", *reasons.most_common(), sep="\n")  # noqa: T201

    assert len(files) == 279
    assert taken >= 600


def _left_out(path: Path) -> PromptFile:
    """Return why each template of a file is left out of which none can be used."""
    from registry.prompts.importing.reading import _yaml
    from registry.prompts.render import checked_prompts

    found = _yaml(path, PromptOptions())
    problems = {name: str(one) for name, one in checked_prompts(found.prompts).items() if not isinstance(one, Prompt)}
    return PromptFile({}, {**found.left_out, **problems})


def test_a_file_in_which_none_can_be_used_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no prompt that can be used: It has no answer choices"):
        read_prompts(_written(tmp_path, "{{ text }}"))


def _written(folder: Path, jinja: str) -> Path:
    path = folder / "templates.yaml"
    path.write_text(f"templates:\n  a:\n    jinja: '{jinja}'\n    name: p\n")
    return path
