"""How pages are made of templates: every text is escaped, numbers and times are written in one way."""

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from registry import __version__
from registry.kinds import EntryKind
from registry.shown import shown, without_secrets
from web import drawing
from web.questions import MOST, command_of
from web.reading import summary_of

HERE = Path(__file__).parent
LONGEST = 1_200  # characters of a text in a page
NAMES = {"task": "Task", "model": "Model", "prompt": "Prompt", "prompted-model": "Prompted model", "corpus": "Corpus"}
PLURALS = {
    "task": "tasks",
    "model": "models",
    "prompt": "prompts",
    "prompted-model": "prompted models",
    "corpus": "corpora",
}


def pages_of(location: str) -> Environment:
    """Return the templates, which know which registry they show."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True),
        finalize=lambda value: shown(value) if type(value) is str else value,  # what is markup was made of such texts
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "brief": brief,
        "time": told_time,
        "number": lambda value: f"{value:,}",
        "fixed": lambda value: "" if value is None else f"{value:.2f}",
        "percent": lambda value: f"{100 * value:.0f} %",
        "public": lambda value: without_secrets(told_value(value)),
        "lead": lead,
        "summary": summary_of,
        "query": lambda given: urlencode(
            {key: value for key, value in given.items() if value not in (None, "", [], False)}, doseq=True
        ),
    }
    made.globals |= {
        "command_of": command_of,
        "drawing": drawing,
        "entry_path": drawing.entry_path,
        "kind_name": NAMES,
        "kind_plural": PLURALS,
        "kinds": [kind.value for kind in EntryKind],
        "location": location,
        "most": MOST,
        "version": __version__,
        "zip": zip,
    }
    return made


def brief(text: object, most: int = LONGEST) -> str:
    """Return a text, and of a long one its beginning."""
    told = str(text)
    return told if len(told) <= most else f"{told[:most]} …"


def told_time(moment: datetime | None) -> str:
    """Return a time as people read it."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def told_value(value: object) -> str:
    """Return a value of a description in words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {told_value(its)}" for name, its in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(told_value, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def lead(sentence: str) -> tuple[str, str]:
    """Divide a verdict into what it comes to, and why."""
    end = min((at for sign in (": ", "; ") if (at := sentence.find(sign)) >= 0), default=len(sentence))
    return sentence[: end + 1], sentence[end + 2 :]


def page(templates: Environment, name: str, **given: Any) -> str:  # noqa: ANN401 - whatever a template shows
    """Return a page as HTML."""
    return templates.get_template(name).render(**given)
