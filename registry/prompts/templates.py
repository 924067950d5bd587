"""Which templates may be rendered: what they may use, and which of their variables stand for the input.

Everything that is not known to be harmless is refused, before the template is compiled.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from jinja2 import TemplateSyntaxError, nodes

from registry.errors import InputError, TemplateError
from registry.prompts.answer_parts import CHOICES, parts_of
from registry.prompts.prompt import ANSWERS, FIELDS, TEXT, USUAL, Prompt
from registry.prompts.sandbox import FILTERS, LOOP, METHODS, MOST_RANGE, TESTS, Sandbox

TEMPLATE_LIMIT = 65_536  # bytes
MOST_NODES = 5_000
MOST_STEPS = 10_000  # of all its loops together
LARGEST_NUMBER = 1_000_000

_PLAIN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand),
    *(nodes.Not, nodes.And, nodes.Or, nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.Pos),
    *(nodes.List, nodes.Tuple, nodes.Slice, nodes.Keyword),
)
_SHOWN_AS = {
    **dict.fromkeys(("Include", "Import", "FromImport", "Extends"), "another template"),
    **{"Macro": "a macro", "CallBlock": "a call block", "FilterBlock": "a filter block", "AssignBlock": "a set block"},
    **{"Block": "a block", "Dict": "a dict", "NSRef": "a namespace", "With": "a with block"},
    **{"Mul": "'*'", "Pow": "'**'", "Mod": "'%'", "Div": "'/'", "FloorDiv": "'//'"},
}


def asked(template: str) -> str:
    """Return the part that is asked: PromptSource writes the right answer behind `|||`, also within a block."""
    return parts_of(template).question


def variables_of(template: str) -> set[str]:
    """Return what a template asks for from outside, the list of its choices aside; raise `TemplateError`."""
    try:
        names = list(_parsed(template).find_all(nodes.Name))
    except RecursionError as error:
        raise TemplateError("is nested too deeply: simplify it.") from error
    stored = {name.name for name in names if name.ctx != "load"}
    return {name.name for name in names if name.ctx == "load"} - stored - {CHOICES, "range", "loop"}


def checked_template(prompt: Prompt) -> Prompt:
    """Return the prompt with a field for each variable of its template; raise `TemplateError` where that is refused."""
    _check_texts(prompt)
    walk = _Walk(len(prompt.answers))
    walk.template(_parsed(prompt.template))
    variables = sorted(walk.loaded - walk.stored)
    taken = sorted(walk.stored & {*USUAL, *ANSWERS, *prompt.fields})
    if taken:
        raise TemplateError(f"sets {taken[0]!r}, which stands for the input: use another name.")
    fields = {name: _field(name, prompt.fields) for name in variables if name not in ANSWERS}
    for wanted in FIELDS:
        names = [name for name, field in fields.items() if field == wanted]
        if len(names) > 1 and not all(name in prompt.fields for name in names):
            both = " and ".join(map(repr, names[:2]))
            raise TemplateError(
                f"has {both} for the {wanted}: give --field NAME=text or NAME=text_pair for each of them."
            )
    if TEXT not in fields.values():
        raise TemplateError("never uses the text of the input: write {{ text }} where it belongs, or give --field.")
    return replace(prompt, fields=fields)


def _check_texts(prompt: Prompt) -> None:
    """Refuse texts that are very long, or that no file could hold."""
    texts = (prompt.system or "", prompt.conclusion, *prompt.answers, *(w for words in prompt.words for w in words))
    if any(len(text) > TEMPLATE_LIMIT for text in texts):
        raise InputError(f"A prompt's texts have {TEMPLATE_LIMIT} characters at most: shorten them.")
    try:
        for text in (prompt.template, *texts, *prompt.fields):
            text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            "A prompt's texts are Unicode: half of a surrogate pair, or a byte that is no UTF-8, is none."
        ) from error


def _field(name: str, given: Mapping[str, str]) -> str:
    """Return what a variable stands for: `text` or `text_pair`."""
    field = given.get(name) or USUAL.get(name)
    if field is None:
        raise TemplateError(
            f"has the variable {name[:60]!r}, which is not known: say which text it is with --field {name[:60]}=text."
        )
    if field not in FIELDS or (name in FIELDS and field != name):
        raise TemplateError(f"cannot have {field[:60]!r} for {name[:60]!r}: a field is text or text_pair.")
    return field


def _parsed(template: str) -> nodes.Template:
    if len(template.encode()) > TEMPLATE_LIMIT:
        raise TemplateError(f"is longer than {TEMPLATE_LIMIT // 1024} KiB: shorten it.")
    if not template.strip():
        raise TemplateError("is empty.")
    try:
        return Sandbox().parse(asked(template))
    except TemplateSyntaxError as error:
        raise TemplateError(
            f"is not Jinja: {' '.join(str(error.message).split())[:200].rstrip('.')} (line {error.lineno})."
        ) from error
    except RecursionError as error:
        raise TemplateError("is nested too deeply: simplify it.") from error
    except ValueError as error:  # a number of thousands of digits
        raise TemplateError("holds a number that is too large.") from error


class _Walk:
    """Visits a template node by node, in the order in which it is written."""

    def __init__(self, answers: int) -> None:
        self.loaded: set[str] = set()
        self.stored: set[str] = set()
        self._sizes = dict.fromkeys(ANSWERS, answers)  # of lists
        self._nodes = self._steps = self._loops = 0
        self._checks: dict[type[nodes.Node], Callable[..., None]] = {
            nodes.Const: self._const,
            nodes.Name: self._name,
            nodes.Assign: self._assign,
            nodes.For: self._for,
            nodes.Filter: self._filter,
            nodes.Test: self._test,
            nodes.Call: self._call,
            nodes.Getattr: self._getattr,
            nodes.Getitem: self._getitem,
        }

    def template(self, parsed: nodes.Template) -> None:
        try:
            self._visit(parsed, 1)
        except RecursionError as error:
            raise TemplateError("is nested too deeply: simplify it.") from error

    def _visit(self, node: nodes.Node, times: int) -> None:
        """Check a node that is rendered up to `times` times."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise TemplateError(f"has more than {MOST_NODES} parts: simplify it.")
        check = self._checks.get(type(node))
        if check is not None:
            check(node, times)
        elif isinstance(node, _PLAIN):
            self._children(node, times)
        else:
            name = type(node).__name__
            raise TemplateError(f"uses {_SHOWN_AS.get(name, name)}, which prompts may not: write it without.")

    def _children(self, node: nodes.Node, times: int) -> None:
        for child in node.iter_child_nodes():
            self._visit(child, times)

    def _const(self, node: nodes.Const, times: int) -> None:
        if isinstance(node.value, int | float) and not abs(node.value) <= LARGEST_NUMBER:
            raise TemplateError(f"holds a number larger than {LARGEST_NUMBER}.")

    def _name(self, node: nodes.Name, times: int) -> None:
        if node.ctx == "load":
            if node.name == "loop" and self._loops:
                raise TemplateError("uses 'loop' by itself: write loop.index or another of its numbers.")
            self.loaded.add(node.name)
        else:
            self.stored.add(node.name)

    def _assign(self, node: nodes.Assign, times: int) -> None:
        self._children(node, times)
        size = self._size(node.node)
        if isinstance(node.target, nodes.Name) and size is not None:
            self._sizes[node.target.name] = max(size, self._sizes.get(node.target.name, 0))

    def _for(self, node: nodes.For, times: int) -> None:
        size = self._size(node.iter)
        if size is None or node.recursive:
            raise TemplateError("loops over something other than the answers, a list or range(NUMBER).")
        self._steps += times * size
        if self._steps > MOST_STEPS:
            raise TemplateError(f"loops more than {MOST_STEPS} times: shorten it.")
        if not (isinstance(node.iter, nodes.Call) and _called(node.iter) == "range"):
            self._visit(node.iter, times)
        self._loops += 1
        for child in (node.target, *node.body, *([node.test] if node.test else [])):
            self._visit(child, times * size)
        self._loops -= 1
        for child in node.else_:
            self._visit(child, times)

    def _filter(self, node: nodes.Filter, times: int) -> None:
        if node.name not in FILTERS or node.node is None:
            raise TemplateError(f"uses the filter {node.name[:60]!r}: there are {', '.join(FILTERS)}.")
        if any(keyword.key == "attribute" for keyword in node.kwargs) or node.dyn_args or node.dyn_kwargs:
            raise TemplateError(f"gives the filter {node.name!r} an attribute to read: write it without.")
        most = {"join": 1, "sort": 2, "unique": 1}.get(node.name)  # what follows would be an attribute
        if most is not None and len(node.args) > most:
            raise TemplateError(f"gives the filter {node.name!r} an attribute to read: write it without.")
        if node.name == "join":
            self._joined(node.node)
        if node.name == "replace":
            _check_replaced(node.args)
        self._children(node, times)

    def _test(self, node: nodes.Test, times: int) -> None:
        if node.name not in TESTS:
            raise TemplateError(f"uses the test {node.name[:60]!r}: there are {', '.join(TESTS)}.")
        self._children(node, times)

    def _call(self, node: nodes.Call, times: int) -> None:
        name = _called(node)
        if name == "range" and self._size(node) is not None:
            return
        if name not in METHODS or not isinstance(node.node, nodes.Getattr):
            raise TemplateError(f"calls {name[:60]!r}: only range and the methods {', '.join(METHODS)} can be called.")
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise TemplateError(f"calls {name!r} with named arguments: write them without names.")
        if name == "join":
            for argument in node.args:
                self._joined(argument)
        if name == "replace":
            _check_replaced(node.args)
        for child in (node.node.node, *node.args):
            self._visit(child, times)

    def _getattr(self, node: nodes.Getattr, times: int) -> None:
        on_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop" and self._loops
        if not on_loop or node.attr not in LOOP:
            raise TemplateError(f"reads the attribute {node.attr[:60]!r}: the input has texts, not attributes.")

    def _getitem(self, node: nodes.Getitem, times: int) -> None:
        if not isinstance(node.arg, nodes.Slice) and not _is_number(node.arg):
            raise TemplateError("looks something up by another thing than a number: write answers[0] or text[:100].")
        self._children(node, times)

    def _joined(self, node: nodes.Node) -> None:
        """Refuse to join the characters of a text: only lists are short."""
        is_split = isinstance(node, nodes.Call) and _called(node) == "split"
        if not is_split and self._size(node) is None:
            raise TemplateError("joins something other than the answers, a list or a split text.")

    def _size(self, node: nodes.Node | None) -> int | None:
        """Return how many items a list has at most, None for what is not known to be a list."""
        match node:
            case nodes.Name():
                return self._sizes.get(node.name)
            case nodes.List() | nodes.Tuple():
                return len(node.items)
            case nodes.Filter() if node.name in ("list", "reverse", "sort", "unique"):
                return self._size(node.node)
            case nodes.Getitem() if isinstance(node.arg, nodes.Slice):
                return self._size(node.node)
            case nodes.Call() if _called(node) == "range" and not node.kwargs:
                bounds = [self._number(argument) for argument in node.args]
                return None if not bounds or None in bounds else self._short(sum(b for b in bounds if b is not None))
        return None

    def _short(self, size: int) -> int:
        if size > MOST_RANGE:
            raise TemplateError(f"has a range of more than {MOST_RANGE} numbers.")
        return size

    def _number(self, node: nodes.Node) -> int | None:
        """Return the largest that a number can be."""
        match node:
            case nodes.Const() if type(node.value) is int:
                return abs(node.value)
            case nodes.Filter() if node.name in ("length", "count"):
                return self._size(node.node)
            case nodes.Add() | nodes.Sub():
                left, right = self._number(node.left), self._number(node.right)
                return None if left is None or right is None else left + right
        return None


def _called(node: nodes.Call) -> str:
    """Return the name of what is called."""
    if isinstance(node.node, nodes.Getattr):
        return node.node.attr
    return node.node.name if isinstance(node.node, nodes.Name) else "an expression"


def _is_number(node: nodes.Node) -> bool:
    """Say whether a subscript is a number, a name or made of them; the sandbox looks at what a name holds."""
    match node:
        case nodes.Const():
            return type(node.value) is int
        case nodes.Name() | nodes.Getattr():
            return True
        case nodes.Add() | nodes.Sub():
            return _is_number(node.left) and _is_number(node.right)
        case nodes.Neg():
            return _is_number(node.node)
    return False


def _check_replaced(args: list[nodes.Expr]) -> None:
    """Refuse to replace nothing, which is found everywhere, or by something that is not written there."""
    written = [argument.value for argument in args if isinstance(argument, nodes.Const)]
    if len(args) != 2 or len(written) != 2 or not written[0] or not all(isinstance(value, str) for value in written):
        raise TemplateError("replaces by other than two written texts: replace('_', ' ').")
