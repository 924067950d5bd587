"""Markdown of texts that come from elsewhere: none of them is taken for markup."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def front_matter(said: Mapping[str, Any]) -> str:
    """Return the front matter of a card, as YAML between two lines of dashes; what is empty is left out."""
    import yaml

    known = {key: value for key, value in said.items() if value or value is False}
    return f"---\n{yaml.safe_dump(known, sort_keys=False, allow_unicode=True, width=10_000)}---\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; what stands in its cells is Markdown."""
    return [_row(header), _row(["---"] * len(header)), *map(_row, rows)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def code(value: str) -> str:
    """Return a text as it is, in one line of a table."""
    text = " ".join(value.split())
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}".replace("|", "\\|")


def prose(text: str) -> str:
    """Return a text of which nothing is taken for Markdown or HTML."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def fenced(text: str) -> list[str]:
    """Return the lines of a block in which a text stands as it is."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return [fence, text.rstrip("\n"), fence]
