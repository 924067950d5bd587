"""What a template may use when it is rendered: Jinja's immutable sandbox, with most of it taken away."""

from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

# What templates need to write a question. None of it makes a text wider, reads an attribute or draws lots.
FILTERS = (
    *("capitalize", "count", "d", "default", "first", "join", "last", "length", "list", "lower", "replace", "reverse"),
    *("sort", "string", "title", "trim", "truncate", "unique", "upper", "wordcount"),
)
TESTS = (
    *("!=", "<", "<=", "==", ">", ">=", "defined", "divisibleby", "eq", "equalto", "even", "ge", "gt", "in", "le"),
    *("lower", "lt", "ne", "none", "number", "odd", "string", "undefined", "upper"),
)
METHODS = (
    *("capitalize", "endswith", "join", "lower", "lstrip", "replace", "rstrip", "split", "startswith", "strip"),
    *("title", "upper"),
)
LOOP = ("first", "index", "index0", "last", "length", "revindex", "revindex0")
MOST_RANGE = 1_000


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment without loaders, with few filters, few methods and `range` alone."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, cache_size=0)
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.tests = {name: self.tests[name] for name in TESTS}
        self.globals = {"range": _short_range}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401 - Jinja's
        """Say whether a template may read an attribute."""
        return attr in (*METHODS, *LOOP) and super().is_safe_attribute(obj, attr, value)


def _short_range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > MOST_RANGE:
        raise OverflowError(f"a range of more than {MOST_RANGE} numbers")
    return numbers
