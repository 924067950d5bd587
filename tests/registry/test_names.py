"""Names, tags and references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InputError, NameFormError
from registry.names import Reference, checked_entry_name, checked_name, checked_tag


@pytest.mark.parametrize(
    "name", ["a", "7", "SST-2", "org/name", "a.b_c-d", "v1.2/x", "a" * 128, "é", "отзывы", "感情", "हिन्दी"]
)
def test_a_well_formed_name_is_kept_as_it_is(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "_a",
        "\u0301a",
        "a b",
        "a\u200bb",
        "a\u202eb",
        "a:b",
        "a@b",
        "-a",
        ".a",
        "/a",
        "a/",
        "a//b",
        "a..b",
        "../a",
        "a\n",
        "a\0",
        "a" * 129,
        "ΐ" * 43,  # 129 letters in the case in which names are compared
    ],
)
def test_a_name_that_could_be_mistaken_is_refused(name: str) -> None:
    with pytest.raises(NameFormError, match="is not a name: use 1 to 128 letters, digits or") as error:
        checked_name(name)
    assert error.value.exit_code == 2


@given(st.text(max_size=12))
def test_whatever_passes_as_a_name_cannot_leave_a_folder_or_look_like_a_reference(text: str) -> None:
    try:
        name = checked_name(text)
    except NameFormError:
        return
    assert not name.startswith(("/", ".", "-"))
    assert set(name).isdisjoint(":@\\ \n")
    assert ".." not in name


def test_a_refused_name_is_cut_in_the_message() -> None:
    with pytest.raises(NameFormError, match=f"^'{'X' * 60}' is not a name"):
        checked_name("X" * 5000)


def test_a_name_is_kept_in_one_form_of_unicode() -> None:
    assert checked_name("Cafe\u0301") == "Caf\u00e9"


def test_a_prompted_model_is_named_by_its_model_and_its_prompt() -> None:
    assert checked_entry_name("opt-2.7b@is-it-good") == "opt-2.7b@is-it-good"


@pytest.mark.parametrize("name", ["@", "m@", "@p", "m@p@q", "-m@p", "m@.p"])
def test_a_prompted_model_needs_two_well_formed_names(name: str) -> None:
    with pytest.raises(NameFormError, match="is not a name"):
        checked_entry_name(name)


@pytest.mark.parametrize("tag", ["x", "domain:films", "a = b", "v1.2", "Ünï_code", "a" * 64])
def test_a_well_formed_tag_is_kept_as_it_is(tag: str) -> None:
    assert checked_tag(tag) == tag


@pytest.mark.parametrize("tag", ["", " x", ":x", "a,b", "a\n", "[red]", "a" * 65])
def test_an_odd_tag_is_refused(tag: str) -> None:
    with pytest.raises(InputError, match="is not a tag: use 1 to 64 letters"):
        checked_tag(tag)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Reference("a", None)),
        ("a:3", Reference("a", "3")),
        ("org/a:production", Reference("org/a", "production")),
        ("m@p:2", Reference("m@p", "2")),
    ],
)
def test_a_reference_is_a_name_with_a_version_or_an_alias(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected


@pytest.mark.parametrize("reference", [Reference("a"), Reference("a", "3"), Reference("m@p", "best")])
def test_a_reference_is_written_as_it_is_read(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize("text", ["", ":", "a:", ":3", "a:b:c", "a: b", "-a:b", "a:-1"])
def test_a_reference_that_is_cut_short_or_doubled_is_refused(text: str) -> None:
    with pytest.raises(NameFormError, match="is not a name"):
        Reference.parse(text)
