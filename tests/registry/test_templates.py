"""Templates: what they may use, which of their variables stand for the input, and that none runs code or for ever."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from template_attacks import INJECTIONS, RUNAWAYS
from tiny_cli import dump

from registry import Registry
from registry.data.inputs import Input
from registry.errors import InputError, StoppedError, TemplateError
from registry.prompts.prompt import PAIR, TEXT, Prompt
from registry.prompts.render import checked_prompt, checked_prompts, render, rendered, rendered_each
from registry.prompts.sandbox import FILTERS
from registry.prompts.templates import MOST_NODES, asked, checked_template

ROOT = Path(__file__).parents[2]
FILM = Input("a fine film")
PAIRED = Input("It rains.", "It is wet.")


def prompt_of(template: str, **more: object) -> Prompt:
    return replace(Prompt(template, ("negative", "positive"), (("bad", "awful"), ("good",))), **more)


def asks(template: str, one: Input = FILM, **fields: str) -> str:
    (text,) = rendered(prompt_of(template, fields=fields), [one])
    return text


# -- what is rendered --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ text }}", "a fine film"),
        ('"{{ sentence }}" Is it {{ " or ".join(answer_choices) }}?', '"a fine film" Is it bad or good?'),
        ("{{ text|title|trim }}: {{ answers|join(', ')|upper }}", "A Fine Film: BAD, GOOD"),
        ("{{ text.split()[1] }} {{ text[:6] }} {{ text.replace('fine', 'dull') }}", "fine a fine a dull film"),
        ("{% for a in answers %}{{ loop.index }} {{ a }}\n{% endfor %}{{ text }}", "1 bad\n2 good\na fine film"),
        ("{% for i in range(answers|length) %}{{ answers[i] }} {% endfor %}{{ text }}", "bad good a fine film"),
        ("{% set all = answers|sort(true) %}{{ all|first }} {{ text }}", "good a fine film"),
        ("{% if text is defined and 'fine' in text %}fine: {{ text }}{% endif %}", "fine: a fine film"),
        ("{{ text if loop is not defined else '' }}", None),
        ("{# no word of this #}{% raw %}{{ raw }}{% endraw %} {{ text }}", "{{ raw }} a fine film"),
        ("What is {{ text }}?\n ||| {{ answer_choices[label] }}", "What is a fine film?"),
        ("{{ text }}\n", "a fine film\n"),
        ("<b>{{ text }}</b>", "<b>a fine film</b>"),
    ],
)
def test_a_template_is_rendered_with_the_input_and_the_words_of_the_answers(template: str, text: str | None) -> None:
    if text is None:
        with pytest.raises(TemplateError, match="'loop', which is not known"):
            asks(template)
    else:
        assert asks(template) == text


def test_what_an_input_says_is_text_and_no_template() -> None:
    assert asks("{{ text }}", Input("{{ 7 * 7 }}{% raw %} <&>\r\n|||")) == "{{ 7 * 7 }}{% raw %} <&>\r\n|||"


def test_ten_thousand_inputs_are_rendered_by_one_child_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [Input(f"text {number}") for number in range(10_000)]
    children: list[object] = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *given, **how: children.append(given) or run(*given, **how))

    made = rendered(prompt_of("<{{ text }}>"), inputs)

    assert made == [f"<text {number}>" for number in range(10_000)]
    assert len(children) == 1


def test_a_child_starts_in_a_blink_and_loads_next_to_nothing() -> None:
    code = "import registry.prompts.child, sys; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert set(found.stdout.split()) & {"numpy", "sqlalchemy", "torch", "click", "faiss", "yaml"} == set()


LISTS = ("answers", "[text, answers]", "range(3)", "(text, answers)", "text.split()", "answers[:1]")


def test_no_template_writes_where_something_lies_in_memory() -> None:
    made = [f"{{{{ text }}}} {{{{ {of}|{how}{then} }}}}" for of in LISTS for how in FILTERS for then in ("", "|string")]
    found = [one for one in checked_prompts(dict(zip(made, map(prompt_of, made), strict=True))).values()]
    asked_of = rendered_each([one for one in found if isinstance(one, Prompt)], [FILM])

    assert len(asked_of) > 100
    assert [texts for texts in asked_of if not isinstance(texts, list) or " at 0x" in texts[0].lower()] == []
    assert asks("{{ text }} {{ answers|reverse }} {{ answers|unique|list }}") == (
        "a fine film ['good', 'bad'] ['bad', 'good']"
    )


def test_what_is_asked_together_has_a_limit_that_is_told() -> None:
    long = "{% for i in range(15) %}" + "x" * 60_000 + "{% endfor %}{{ text }}"

    with pytest.raises(TemplateError, match=r"for input 150: what is asked is more than 128 MiB together: take fewer"):
        rendered(prompt_of(long), [FILM] * 200)
    assert len(rendered(prompt_of(long), [FILM] * 3)) == 3


# -- variables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "fields"),
    [
        ("{{ review }}", {"review": TEXT}),
        ("{{ premise }} {{ hypothesis }}", {"premise": TEXT, "hypothesis": PAIR}),
        ("{{ sentence1 }} {{ sentence2 }}", {"sentence1": TEXT, "sentence2": PAIR}),
        ("{{ context }} {{ question }}", {"context": PAIR, "question": TEXT}),
        ("{{ text }} {{ answers }} {{ answer_choices }}", {"text": TEXT}),
        ("{% for x in answers %}{{ x }}{% endfor %}{{ text }}", {"text": TEXT}),
    ],
)
def test_usual_names_of_fields_are_known(template: str, fields: dict[str, str]) -> None:
    assert checked_template(prompt_of(template)).fields == fields


def test_any_other_name_is_a_field_where_the_user_says_so() -> None:
    assert asks("{{ passage }} {{ claim }}", PAIRED, passage=TEXT, claim=PAIR) == "It rains. It is wet."
    assert asks("{{ sentence }} {{ text }}", FILM, sentence=TEXT, text=TEXT) == "a fine film a fine film"


@pytest.mark.parametrize(
    ("template", "fields", "problem"),
    [
        (
            "{{ passage }}",
            {},
            "has the variable 'passage', which is not known: say which text it is with --field passage",
        ),
        ("{{ text }} {{ label }}", {}, "has the variable 'label', which is not known"),
        ("{{ review }} {{ sentence }}", {}, "has 'review' and 'sentence' for the text: give --field"),
        ("Is it good?", {}, "never uses the text of the input"),
        ("{{ hypothesis }}", {}, "never uses the text of the input"),
        ("{{ text }}", {"text": PAIR}, "cannot have 'text_pair' for 'text'"),
        ("{{ passage }}", {"passage": "label"}, "cannot have 'label' for 'passage'"),
        ("{% set text = 'x' %}{{ text }}", {}, "sets 'text', which stands for the input"),
        ("{% for answers in answers %}{{ text }}{% endfor %}", {}, "sets 'answers', which stands for the input"),
        ("{{ text", {}, r"is not Jinja: unexpected end of template.*\(line 1\)"),
        (" \n", {}, "is empty"),
        ("||| {{ text }}", {}, "never uses the text"),
    ],
)
def test_a_template_that_does_not_say_what_is_asked_is_refused(
    template: str, fields: dict[str, str], problem: str
) -> None:
    with pytest.raises(TemplateError, match=f"The template {problem}"):
        checked_template(prompt_of(template, fields=fields))


def test_an_input_without_the_second_text_that_is_asked_for_is_told() -> None:
    with pytest.raises(InputError, match=r"asks for a second text \('hypothesis'\), and input 2 has none"):
        rendered(prompt_of("{{ premise }} {{ hypothesis }}"), [PAIRED, FILM])


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{% if text %}the same{% endif %}", "asks the same whatever the text is"),
        ("{{ text }}{{ x }}{% set x = 1 %}", "cannot be rendered: 'x' is undefined"),
        ("{{ text }}{{ answers[7] }}", "cannot be rendered: list object has no element 7"),
        ("{{ text }}{{ 'a' + 1 }}", "cannot be rendered: can only concatenate"),
    ],
)
def test_a_template_that_cannot_be_asked_is_found_by_trying_it(template: str, problem: str) -> None:
    with pytest.raises(TemplateError, match=f"The template {problem}"):
        checked_prompt(prompt_of(template))


def test_a_faulty_prompt_among_others_does_not_hide_them() -> None:
    stopped = prompt_of("{{ text }}{% set a = text ~ text %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}")
    found = checked_prompts(
        {"a": prompt_of("{{ text }}"), "b": stopped, "c": prompt_of("x"), "d": prompt_of("{{ review }}")}
    )

    assert [isinstance(one, InputError) for one in found.values()] == [False, True, True, False]


@pytest.mark.parametrize("text", ["\udc80", "x" * 70_000])
def test_texts_of_a_prompt_that_nobody_could_store_are_refused(text: str) -> None:
    for prompt in (prompt_of("{{ text }}", system=text), prompt_of("{{ text }}" + text)):
        with pytest.raises(InputError):
            checked_template(prompt)


# -- any text ----------------------------------------------------------------------------------------

PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}|\r"), max_size=40)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
WORDS = st.lists(ANY.filter(str.strip), min_size=2, max_size=5, unique=True)


@settings(deadline=None, max_examples=10)
@given(PLAIN, PLAIN, st.lists(ANY, min_size=1, max_size=20))
def test_what_is_no_template_is_rendered_as_it_stands(before: str, after: str, texts: list[str]) -> None:
    made = rendered(prompt_of(f"{before}{{{{ text }}}}{after}"), [Input(text) for text in texts])

    assert made == [before + text + after for text in texts]


@given(PLAIN, WORDS, st.none() | ANY, st.sampled_from(["vanilla", "chain-of-thought"]))
def test_a_prompt_is_read_back_from_its_spec(plain: str, words: list[str], system: str | None, style: str) -> None:
    own = tuple((word,) for word in words)
    prompt = checked_template(Prompt(plain + "{{ sentence }}", tuple(words), own, {}, system, style))  # type: ignore[arg-type]

    again = Prompt.from_spec(json.loads(json.dumps(prompt.spec())))

    assert again == prompt
    assert again.content_hash() == prompt.content_hash()
    assert checked_template(again) == prompt


# -- attacks -----------------------------------------------------------------------------------------


def test_a_child_that_is_stopped_says_at_which_line() -> None:
    loop = "{% for i in range(1000) %}"
    for_ever = {"template": loop * 4 + "{% endfor %}" * 4, "fields": {}, "answers": []}
    with pytest.raises(StoppedError, match="takes too long to render: simplify it") as stopped:
        render([{"template": "x", "fields": {}, "answers": []}, ["a", None], for_ever, ["b", None]])

    assert stopped.value.line == 3


def test_a_prompt_that_is_refused_leaves_nothing_behind(registry: Registry) -> None:
    before = dump(registry.folder)
    for template in (*INJECTIONS[:3], *RUNAWAYS[:3], "{{ text }}" + "{{ 1 }}" * MOST_NODES):
        with pytest.raises(InputError):
            registry.add_prompt("p", prompt_of(template))

    assert dump(registry.folder) == before


def test_only_the_part_before_the_bars_is_asked() -> None:
    assert asked(" a {{ text }} ||| b ||| c") == "a {{ text }}"
    assert asked(" a \n") == " a \n"
