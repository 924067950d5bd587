"""The commands that a document shows, and what a test types in their place."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PROGRAMS = ("fute", "make", "python", "pip", "git", "bash", "pre-commit", "hatch", ".ci/run", "export")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")


class Typed(NamedTuple):
    """One command of a document."""

    document: str
    text: str
    block: int | None  # the number of its fenced block; None in a sentence
    is_alternative: bool = False  # stands in the comment behind another

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

    @property
    def comment(self) -> str:
        return self.text.partition(" #")[2]


def typed(path: Path) -> Iterator[Typed]:
    """Yield the commands of a document: of its blocks, and of the code within sentences."""
    text, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
    for number, (language, block) in enumerate(FENCE.findall(text)):
        lines = block.replace("\\\n", " ").splitlines()
        marked = [line[2:] for line in lines if line.startswith("$ ")]
        plain = [line.strip() for line in lines if line.split()[:1] and line.split()[0] in PROGRAMS]
        for line in marked or ([] if language == "python" else plain):
            yield Typed(name, line, number)
            alternative = re.search(r"# or: (.+)$", line)
            if alternative:
                yield Typed(name, alternative[1], number, is_alternative=True)
    for code in INLINE.findall(FENCE.sub("", text)):
        line = " ".join(code.split())
        if line.partition(" ")[0] in PROGRAMS and " " in line:
            yield Typed(name, line, None)


def adapted(words: list[str], url: str) -> list[str]:
    """Return what is typed in the test: the tiny surrogate for MiniLM, our server for the user's."""
    made = [url if word.startswith("http://localhost") else word for word in words]
    return [*made, "--surrogate", "tiny"] if made[:2] == ["space", "create"] else made
