"""What a template may use when it is rendered: Jinja's immutable sandbox, with most of it taken away."""

from typing import Any

from jinja2 import Environment, StrictUndefined, pass_environment
from jinja2.filters import do_reverse, do_unique
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
        self.filters = {name: self.filters[name] for name in FILTERS} | {"reverse": _reversed, "unique": _unique}
        self.tests = {name: self.tests[name] for name in TESTS}
        self.globals = {"range": _short_range}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401 - Jinja's
        """Say whether a template may read an attribute."""
        return attr in (*METHODS, *LOOP) and super().is_safe_attribute(obj, attr, value)


def _reversed(value: Any) -> Any:  # noqa: ANN401 - a text or a list, as the filter has it
    """Return a text or a list turned round. Jinja gives an iterator, which is written as an address in memory."""
    turned = do_reverse(value)
    return turned if isinstance(turned, str) else list(turned)


@pass_environment
def _unique(environment: Environment, value: Any, case_sensitive: bool = False) -> list[Any]:  # noqa: ANN401
    return list(do_unique(environment, value, case_sensitive))


def _short_range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > MOST_RANGE:
        raise OverflowError(f"a range of more than {MOST_RANGE} numbers")
    return numbers
