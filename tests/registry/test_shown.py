"""Texts from elsewhere: keys are taken out, and what a terminal would obey is written out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DataError, InputError
from registry.shown import holds_secret, is_secret_in_path, shown, without_secrets


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("key sk-proj-abcdefghij0123456789 is wrong", "key *** is wrong"),
        ("https://user:hunter2@host/v1: no", "https://***host/v1: no"),
        ("https://host/v1?key=abc&x=1", "https://host/v1?***&x=1"),
        ('{"Authorization": "Bearer abcdef123456"}', '{"Authorization": "Bearer ***"}'),
        ("hf_abcdefghijklmnopqrstuvwxyz", "***"),
        ("AKIAABCDEFGHIJKLMNOP", "***"),
    ],
)
def test_a_key_is_taken_out(text: str, kept: str) -> None:
    assert without_secrets(text) == kept
    assert str(InputError(text)) == kept
    assert holds_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        *("sk-learn-sentiment-classifier-v2", "https://host/v1?api-version=2024-02-01", "the token=5 stays", "a@b.com"),
        *("meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen2.5-0.5B", "hf:stanfordnlp/imdb/plain_text", "model@prompt"),
        *("0123456789abcdef0123456789abcdef01234567", "https://host:8000/v1", "the bearer of bad news arrived"),
        "/home/someone/key_facts/api-answers/train.jsonl",
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_what_a_variable_holds_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "plain words")
    monkeypatch.setenv("SHORT_TOKEN", "abc")

    assert str(DataError("abc.csv", "said plain words.")) == "abc.csv: said ***."


def test_a_path_with_a_short_key_is_known() -> None:
    assert is_secret_in_path("v1/sk-abc/chat")
    assert not is_secret_in_path("v1/accounts/0123456789abcdef/openai/deployments/gpt-4o")


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert shown("\x1b[2J\x9b31m a\u202eb\x7f\x00") == "\\u001b[2J\\u009b31m a\\u202eb\\u007f\\u0000"
    assert shown("a\tb\nc\r\nd é \u0bbe 🙂\u200d") == "a\tb\nc\r\nd é \u0bbe 🙂\u200d"


@given(st.dictionaries(st.text(), st.text()))
def test_json_that_is_shown_says_the_same(value: dict[str, str]) -> None:
    printed = shown(json.dumps(value, ensure_ascii=False))

    assert json.loads(printed) == value
    assert not any(sign in printed for sign in "\x1b\x9b\x07\x08\u202e\x7f")
