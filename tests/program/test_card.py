"""`fute card`: Markdown with front matter that hubs read, of every kind of entry, whatever its texts hold."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_cli import told
from tiny_pages import CHOICES, HTML, fill

from registry import Registry
from registry.prompts.prompt import Prompt

TEMPLATE = "````\n# Not a heading\n---\n<b>{{ text }}</b> | `good`?\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = fill(tmp_path_factory.mktemp("cards"))
    with Registry.open(place) as registry:
        words = (("no|t", "``"), ("yes",))
        registry.add_prompt("odd", Prompt(TEMPLATE, CHOICES, words, system="# Be *brief*\n```"))
    return place


def card(store: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    """Return the front matter of a card, and what follows it."""
    code, text = told("--registry", store, "card", *arguments)
    assert code == 0, text
    nothing, front, body = text.split("---\n", 2)
    assert nothing == ""
    return yaml.safe_load(front), body


def html_of(body: str) -> str:
    markdown = pytest.importorskip("markdown_it")
    return str(markdown.MarkdownIt("commonmark").enable("table").render(body))


def test_a_tasks_card_says_what_it_is_and_what_was_measured(store: Path) -> None:
    front, body = card(store, "t01:first")

    assert front == {
        "pretty_name": "t01",
        "tags": ["fute", "many", "two words"],
        "task_categories": ["text-classification"],
        "size_categories": ["n<1K"],
        "fute": front["fute"],
    }
    assert {key: front["fute"][key] for key in ("name", "kind", "version")} == {
        "name": "t01",
        "kind": "task",
        "version": 1,
    }
    assert "| examples | `12 train` |" in body
    assert "## Vectors\n\n| space | made |\n| --- | --- |\n| `by-hand` |" in body
    with Registry.open(store) as registry:
        best = max(registry.transfers("t01"), key=lambda one: one.score_mean)
    first = f"| `{best.source}` | `{best.model}/{best.adaptation}` | {best.score_mean:.3f} |"
    assert f"## Transfers to it\n\n| from | model | score |\n| --- | --- | --- |\n{first}\n" in body


def test_no_example_and_no_text_is_in_a_card(store: Path) -> None:
    with Registry.open(store) as registry:
        examples = [example.text for example in registry.task_data("t02").train]
        texts = [one.text for one in registry.corpus_inputs("texts")]

    assert len(examples) == 12
    assert not [text for text in examples if text in card(store, "t02")[1]]
    assert not [text for text in texts if text in card(store, "texts")[1]]


@pytest.mark.parametrize(
    ("name", "kind"), [("opt", "model"), ("opt@bad", "prompted-model"), ("bad", "prompt"), ("texts", "corpus")]
)
def test_every_kind_of_entry_has_a_card(store: Path, name: str, kind: str) -> None:
    front, body = card(store, name)

    assert (front["fute"]["name"], front["fute"]["kind"]) == (name, kind)
    assert card(store, name, "--kind", kind) == (front, body)
    assert body.startswith(f"\n# {name}\n")
    assert ("```\nbad: {{ text }}\n```" in body) == (kind in ("prompt", "prompted-model"))
    assert ("Asked of: `opt@bad`." in body) == (kind == "prompt")


def test_a_prompt_stands_in_its_card_as_it_is(store: Path) -> None:
    shown = html_of(card(store, "odd")[1])

    assert "<pre><code>````\n# Not a heading\n---\n&lt;b&gt;{{ text }}&lt;/b&gt; | `good`?\n</code></pre>" in shown
    assert "<pre><code># Be *brief*\n```\n</code></pre>" in shown
    assert "<td><code>negative</code></td>\n<td><code>no|t</code>, <code>``</code></td>" in shown


def test_nothing_of_an_entrys_texts_is_taken_for_markup(store: Path) -> None:
    front, body = card(store, "hostile")
    shown = html_of(body)

    assert HTML in body.replace("\\", "")
    assert "<script" not in shown
    assert "<img" not in shown
    assert front["fute"]["name"] == "hostile"


@pytest.mark.parametrize("name", ["hostile", "films", "opt", "odd"])
def test_a_hub_reads_the_front_matter(store: Path, name: str) -> None:
    hub = pytest.importorskip("huggingface_hub")
    text = told("--registry", store, "card", name)[1]

    for kind in (hub.DatasetCard, hub.ModelCard):
        read = kind(text, ignore_metadata_errors=False)
        assert read.data.to_dict()["fute"]["name"] == name
        assert read.data.to_dict()["tags"] == ["fute"]


def test_what_looks_like_a_key_is_hidden(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "recorded-llm")

    assert "| type | `***` |" in card(store, "opt")[1]


def test_a_name_that_nothing_has_is_told_in_one_line(store: Path) -> None:
    assert told("--registry", store, "card", "nobody") == (2, "Error: No entry named 'nobody' in this registry.\n")
    assert told("--registry", store, "card", "opt", "--kind", "task") == (
        2,
        "Error: No task named 'opt' in this registry.\n",
    )
