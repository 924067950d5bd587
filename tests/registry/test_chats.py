"""Chat templates that others made: rendered as transformers renders them, in a process that cannot do harm."""

import re
from pathlib import Path
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from registry.errors import StoppedError, TemplateError
from registry.prompts.chats import ChatTemplate

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Is <b>it</b> “fine”?\n  {{ 7 * 7 }}"}
CHATML = """{%- for message in messages -%}
    {%- if loop.first and messages[0]['role'] != 'system' -%}
        {{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' -}}
    {%- endif -%}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"""
LLAMA = """{{- bos_token }}
{%- if tools is not none %}{{- "tools" }}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start|>system\\n\\n" + system_message + "<|end|>" }}
{%- for message in messages %}
    {{- '<|start|>' + message.role + '\\n\\n' + message['content'] | trim + '<|end|>' }}
{%- endfor %}
"""
SPACE = """{% set ns = namespace(first=true, n=0) %}
{% for m in messages %}
  {% if m.role == 'system' %}
    {% continue %}
  {% endif %}
  {% generation %}[{{ m | tojson }}|{{ m.items() | list | length }}]{% endgeneration %}
  {% set ns.n = ns.n + 1 %}
{% endfor %}
{{ ns.n }} {{ dict(a=1) | tojson(indent=1) }} {{ documents is none }}
{%- macro said(x) %} {{ x.upper().split()[0] }}{% endmacro %}
{{ said('one two') }} {% for k, v in dict(b=2).items() %}{{ k }}{{ v }}{% break %}{% endfor %}
"""


@pytest.mark.parametrize("template", [CHATML, LLAMA, SPACE], ids=["chatml", "llama", "space"])
@pytest.mark.parametrize("messages", [[USER], [SYSTEM, USER]], ids=["alone", "with a system prompt"])
def test_a_template_renders_as_in_transformers(template: str, messages: list[dict[str, str]]) -> None:
    given: dict[str, Any] = {"conversations": [messages], "chat_template": template, "add_generation_prompt": True}
    expected = render_jinja_template(**given, **TOKENS)[0][0]

    assert ChatTemplate(template, TOKENS).render(messages) == expected


def test_one_process_renders_all() -> None:
    template = ChatTemplate(CHATML, TOKENS)
    template.render([USER])
    child = template._child

    texts = [template.render([{"role": "user", "content": f"number {number}"}]) for number in range(50)]

    assert [f"number {number}<" in text for number, text in enumerate(texts)] == [True] * 50
    assert template._child is child


def test_the_date_is_always_the_same() -> None:
    assert ChatTemplate("{{ strftime_now('%d %b %Y') }}", {}).render([USER]) == "26 Jul 2024"


def test_what_a_template_says_of_messages_is_told_and_the_next_are_rendered() -> None:
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('No system!') }}{% endif %}fine"
    template = ChatTemplate(refusing, {})

    with pytest.raises(TemplateError, match=r"^The template cannot be rendered: No system!\.$"):
        template.render([SYSTEM, USER])

    assert template.render([USER]) == "fine"


STOPPED = {
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "no memory": "{{ 'a' * 10**10 }}",
    "wide format": "{{ '%010000000000d' % 1 }}",
    "growing": "{% set ns = namespace(s='aaaaaaaa') %}{% for a in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "large power": "{{ 9 ** (9 ** 9) }}",
    "long": "{% for a in range(99999) %}" + "a" * 60 + "{% endfor %}",
}


@pytest.mark.parametrize("template", STOPPED.values(), ids=STOPPED)
def test_a_template_that_would_never_end_is_stopped(template: str) -> None:
    with pytest.raises(TemplateError) as told:
        ChatTemplate(template, {}).render([USER])

    assert "\n" not in str(told.value)


def test_a_stopped_template_is_tried_anew() -> None:
    slow = "{% if messages[0].content == 'slow' %}" + STOPPED["nested loops"] + "{% endif %}fine"
    template = ChatTemplate(slow, {})

    with pytest.raises(StoppedError):
        template.render([{"role": "user", "content": "slow"}])

    assert template.render([USER]) == "fine"


REACHING = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}",
    "{{ messages|attr('__class__') }}",
    "{{ '{0.__class__.__mro__}'.format(1) }}",
    "{{ '%s'|format(raise_exception.__globals__) }}",
    "{{ strftime_now.__self__.__class__.__subclasses__() }}",
    "{% set ns = namespace(__class__=1) %}{{ ns }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{{ dict.mro() }}",
    "{{ messages.append(1) }}",
    "{{ namespace.__init__.__globals__['os'].system('touch CANARY') }}",
)


@pytest.mark.parametrize("template", REACHING)
def test_a_template_reaches_nothing(template: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    try:
        said = ChatTemplate(template.replace("CANARY", str(canary)), {}).render([USER])
    except TemplateError as error:
        said = str(error)

    assert not re.search("<class|root:|__globals__':|\n", said)
    assert not canary.exists()


def test_a_template_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "xyzzy")

    assert "xyzzy" not in ChatTemplate("{{ self }}{{ tools }}{{ range }}{{ lipsum }}", {}).render([USER])


def test_a_template_that_is_none_is_told_each_time() -> None:
    template = ChatTemplate("{% for %}", {})

    for _ in range(2):
        with pytest.raises(TemplateError, match=r"^The template cannot be rendered: Expected"):
            template.render([USER])


def test_a_template_that_is_too_long_is_not_taken() -> None:
    with pytest.raises(TemplateError, match=r"^The template has more than 262144 characters\.$"):
        ChatTemplate("a" * (2**18 + 1), {})
