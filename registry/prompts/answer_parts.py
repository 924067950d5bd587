"""What does a file's template answer with? PromptSource writes the right answer behind bars, as a template of its own.

Nothing is rendered here: a template is read as far as it can be told which of its choices it answers with.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from jinja2 import TemplateSyntaxError, nodes

from registry.errors import TemplateError
from registry.prompts.sandbox import Sandbox

BARS = "|||"
CHOICES = "answer_choices"  # PromptSource's name for the list; `answers` is a field of the data there
_KEEPS_MEANING = ("capitalize", "int", "lower", "round", "string", "strip", "title", "trim", "upper", "float")
_NUMBERS = ("label", "labels", "idx", "index")  # fields that number a choice and are no text
_OPENS = ("if", "for", "block", "macro", "call", "filter", "set", "raw", "with", "autoescape")


class Parts(NamedTuple):
    """A template, cut at its bars."""

    question: str
    answer: str | None  # None: it has no bars
    unless: tuple[str, ...] = ()  # variables of a condition around all of it, which was left out


class _Token(NamedTuple):
    kind: str
    text: str


@dataclass(frozen=True)
class _Leaf:
    """One thing that a template may answer with."""

    text: str | None = None  # a written text
    index: nodes.Node | None = None  # of a list
    listed: tuple[str, ...] | None = None  # that list, where it is written in the template; else the choices
    field: str | None = None  # a field of the data, or what is made of one
    is_bare: bool = False  # whether it is that field as it is, but for capitals
    when: int | None = None  # the value of a field for which it is this one, where that is written

    @property
    def is_text_field(self) -> bool:
        """Whether it is a field as it is, which may hold a choice's text."""
        return self.is_bare and self.field not in _NUMBERS


def parts_of(template: str) -> Parts:
    """Cut a template at its bars, which may stand inside a block; raise `TemplateError` where that cannot be told."""
    if BARS not in template:
        return Parts(template, None)
    before, _, behind = template.partition(BARS)
    if not _depth(before):
        return Parts(before.strip(), behind.strip())
    question, answer = _cut_in_blocks(_tokens(template))
    with _not_too_deep():
        return _without_condition(question.strip(), answer.strip())


@contextmanager
def _not_too_deep() -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        raise TemplateError("is nested too deeply: simplify it.") from error


def _tokens(template: str) -> list[_Token]:
    try:
        return [_Token(kind, text) for _, kind, text in Sandbox().lex(template)]
    except TemplateSyntaxError as error:
        raise TemplateError(f"is not Jinja: {str(error.message).rstrip('.')} (line {error.lineno}).") from error


def _depth(template: str) -> int:
    """Return how many blocks are open at the end of a text, 1 also where it is not Jinja so far."""
    depth = 0
    try:
        for word in _block_words(_tokens(template)):
            depth += 1 if word in _OPENS else -1 if word.startswith("end") else 0
    except TemplateError:
        return 1
    return depth


def _block_words(tokens: Sequence[_Token]) -> Iterator[str]:
    """Yield the first word of each block's tag, but for a `set` that opens none."""
    for number, token in enumerate(tokens):
        if token.kind == "block_begin":
            inner = list(takewhile(lambda one: one.kind != "block_end", tokens[number + 1 :]))
            words = [one.text for one in inner if one.kind == "name"]
            if words and not (words[0] == "set" and any(one.text == "=" for one in inner)):
                yield words[0]


def _cut_in_blocks(tokens: Sequence[_Token]) -> tuple[str, str]:
    """Return what stands before the bars and behind them, each within the blocks that the bars are in.

    What stands behind the end of such a block would be asked in one case and not in another: it has to be blank.
    """
    question: list[str] = []
    answer: list[str] = []
    depth, cut_at = 0, None  # the depth at which bars were met
    was_cut = False
    for tag in _tags(tokens):
        word, text = tag
        is_end, is_turn = word.startswith("end"), word in ("else", "elif")
        if cut_at is not None and (is_end or is_turn) and depth == cut_at:
            cut_at = None  # the branch with the bars is over
        depth += 1 if word in _OPENS else 0
        if cut_at is None and not word and BARS in text:
            before, _, behind = text.partition(BARS)
            question.append(before.rstrip())
            answer.append(behind)
            cut_at, was_cut = depth, True
        elif cut_at is not None:
            answer.append(text)
        elif was_cut and not word and text.strip():
            raise TemplateError("has bars in a block and a text behind it: write the question without the block.")
        else:
            question.append(text)
        depth -= 1 if is_end else 0
    return "".join(question), "".join(answer)


def _tags(tokens: Sequence[_Token]) -> Iterator[tuple[str, str]]:
    """Yield the pieces of a template: the first word of a block's tag, '' for all else, with its text."""
    piece: list[_Token] = []
    for token in tokens:
        piece.append(token)
        if token.kind in ("data", "block_end", "variable_end", "comment_end", "raw_end"):
            words = list(_block_words([*piece]))
            yield (words[0] if words else "", "".join(one.text for one in piece))
            piece = []
    if piece:
        yield "", "".join(one.text for one in piece)


def _without_condition(question: str, answer: str) -> Parts:
    """Leave a condition out that all of a question stands under, where it asks for what the question does not show."""
    parsed = _parsed(question)
    written = [node for node in parsed.body if not _is_blank(node)]
    if len(written) != 1 or not isinstance(written[0], nodes.If) or written[0].else_ or written[0].elif_:
        return Parts(question, answer)
    shown = {name.name for node in written[0].body for name in node.find_all(nodes.Name)}
    unless = sorted({name.name for name in _names(written[0].test)} - shown)
    if not unless:
        return Parts(question, answer)
    pieces = [text for _, text in _tags(_tokens(question))]
    opening = next(number for number, text in enumerate(pieces) if text.lstrip().startswith("{%"))
    closing = max(number for number, text in enumerate(pieces) if text.lstrip().startswith("{%"))
    return Parts("".join(pieces[opening + 1 : closing]).strip(), answer, tuple(unless))


def _names(node: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(node, nodes.Name):
        yield node
    yield from node.find_all(nodes.Name)


def _is_blank(node: nodes.Node) -> bool:
    is_text = isinstance(node, nodes.Output) and all(isinstance(one, nodes.TemplateData) for one in node.nodes)
    return is_text and not "".join(str(one.data) for one in node.find_all(nodes.TemplateData)).strip()


def _parsed(template: str) -> nodes.Template:
    try:
        return Sandbox().parse(template)
    except (TemplateSyntaxError, RecursionError, ValueError) as error:
        raise TemplateError(f"is not Jinja: {' '.join(str(error).split())[:200].rstrip('.')}.") from error


# -- the answer ---------------------------------------------------------------------------------------


def choices_answered(answer: str, choices: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the choices that an answer is one of: those of the file, else the texts that are written in the answer.

    A file that names its choices and answers with a field says what texts the field holds; that is noted.

    Raises:
        TemplateError: it answers with a field of the data, with a text that is no choice, or with another choice than
            the one that a label numbers.
    """
    with _not_too_deep():
        leaves = [leaf for leaf in _leaves(_parsed(answer).body) if leaf.text is None or leaf.text]
    listed = next((leaf.listed for leaf in leaves if leaf.listed is not None), None)
    written = tuple(dict.fromkeys(leaf.text for leaf in leaves if leaf.text is not None))
    known = tuple(choices) or listed or written
    for leaf in leaves:
        if leaf.field is not None and not (choices and leaf.is_text_field):
            raise _field_refused(leaf.field)
        _check_choice(leaf, known)
    if _is_reordered(leaves, known, choices):
        raise TemplateError(
            "answers with its choices in another order than that of its labels: write it with the words exchanged."
        )
    named = [leaf.field[:60] for leaf in leaves if leaf.field is not None]
    return known, [f"answers with its field {field!r}, whose texts its choices have to be" for field in named]


def _field_refused(field: str) -> TemplateError:
    """Return why an answer that is read from the data cannot be told."""
    if field == CHOICES:
        return TemplateError("answers with more than one of its choices: write it with the answers alone.")
    return TemplateError(
        f"answers with the field {field[:60]!r} of its data, which differs from input to input: write a prompt of "
        "its question with fixed answers."
    )


def _check_choice(leaf: _Leaf, known: Sequence[str]) -> None:
    """Refuse an answer that is no choice, or another than a label numbers; raise `TemplateError`."""
    plain = [_plain(text) for text in known]
    if any(_plain(text) not in plain for text in leaf.listed or ([leaf.text] if leaf.text else [])):
        raise TemplateError("answers with texts that are none of its choices: give the answers with --choices A,B.")
    if leaf.index is not None and _is_turned(leaf.index):
        raise TemplateError(
            "answers with another choice than the one that its label numbers, so that each choice means another: "
            "write it with the words exchanged."
        )


def _is_reordered(leaves: Sequence[_Leaf], known: Sequence[str], choices: Sequence[str]) -> bool:
    """Say whether a label of a greater number stands for an earlier choice."""
    numbered = [(leaf.when, leaf.index.value) for leaf in leaves if isinstance(leaf.index, nodes.Const)]
    numbered += [(leaf.when, known.index(leaf.text)) for leaf in leaves if leaf.text in known and choices]
    told = sorted((when, number) for when, number in numbered if when is not None)
    is_turned = [number for _, number in told] != sorted(number for _, number in told)
    return is_turned or (len(known) == 2 and told in ([(0, 1)], [(1, 0)]))


def _plain(text: str) -> str:
    return text.strip(" .!\n\t\"'").casefold()


def _leaves(body: Sequence[nodes.Node], when: int | None = None) -> Iterator[_Leaf]:
    """Yield what the nodes of an answer may write, blanks left out."""
    for node in body:
        if isinstance(node, nodes.Output):
            yield from _of_output(node, when)
        elif isinstance(node, nodes.If):
            yield from _leaves(node.body, _compared(node.test))
            for branch in node.elif_:
                yield from _leaves(branch.body, _compared(branch.test))
            yield from _leaves(node.else_)
        elif isinstance(node, nodes.For):
            yield from _leaves([*node.body, *node.else_])


def _of_output(node: nodes.Output, when: int | None) -> Iterator[_Leaf]:
    pieces = [one for one in node.nodes if not (isinstance(one, nodes.TemplateData) and not one.data.strip())]
    if all(isinstance(one, nodes.TemplateData) for one in pieces):
        text = "".join(str(one.data) for one in pieces if isinstance(one, nodes.TemplateData)).strip()
        yield _Leaf(text=text, when=when)
    elif len(pieces) == 1:
        yield from _of_expression(pieces[0], when)
    else:
        marks = "".join(str(one.data) for one in pieces if isinstance(one, nodes.TemplateData)).strip(" .!\n\t\"'")
        for one in pieces:
            if not isinstance(one, nodes.TemplateData):
                yield from [_Leaf(field=_named(one))] if marks else _of_expression(one, when)


def _of_expression(node: nodes.Node, when: int | None) -> Iterator[_Leaf]:
    match node:
        case nodes.Const():
            yield _Leaf(text=str(node.value).strip(), when=when)
        case nodes.CondExpr():
            yield from _of_expression(node.expr1, _compared(node.test))
            if node.expr2 is not None:
                yield from _of_expression(node.expr2, None)
        case nodes.Filter() if node.name in _KEEPS_MEANING and node.node is not None:
            yield from _of_expression(node.node, when)
        case nodes.Call() if isinstance(node.node, nodes.Getattr) and node.node.attr in _KEEPS_MEANING:
            yield from _of_expression(node.node.node, when)
        case nodes.Getitem() if isinstance(node.node, nodes.Name) and node.node.name == CHOICES:
            yield _Leaf(index=node.arg, when=when)
        case nodes.Getitem() if (listed := _written_list(node.node)) is not None:
            yield _Leaf(index=node.arg, listed=listed)
        case nodes.Getitem() if (numbers := _chosen(node.node)) is not None:
            is_list = isinstance(node.node, nodes.List)
            yield from (_Leaf(index=one, when=place if is_list else None) for place, one in enumerate(numbers))
        case _:
            yield _Leaf(field=_named(node), is_bare=isinstance(node, nodes.Name))


def _chosen(node: nodes.Node) -> list[nodes.Node] | None:
    """Return the numbers of the choices that a list, or the values of a dict, consists of."""
    items: Sequence[nodes.Node] = []
    if isinstance(node, nodes.List):
        items = node.items
    if isinstance(node, nodes.Dict):
        items = [pair.value for pair in node.items]
    numbers: list[nodes.Node] = [
        item.arg
        for item in items
        if isinstance(item, nodes.Getitem) and isinstance(item.node, nodes.Name) and item.node.name == CHOICES
    ]
    return numbers if numbers and len(numbers) == len(items) else None


def _written_list(node: nodes.Node) -> tuple[str, ...] | None:
    """Return the texts of a list, or the values of a dict, that is written in the template."""
    match node:
        case nodes.List() | nodes.Tuple():
            items: Sequence[nodes.Node] = node.items
        case nodes.Dict():
            items = [pair.value for pair in node.items]
        case _:
            return None
    texts = [item.value for item in items if isinstance(item, nodes.Const) and isinstance(item.value, str)]
    return tuple(text.strip() for text in texts) if texts and len(texts) == len(items) else None


def _named(node: nodes.Node) -> str:
    return next((name.name for name in _names(node)), "an expression")


def _compared(test: nodes.Node) -> int | None:
    """Return the whole number that a condition compares a field with, as `label == 1` does; else None."""
    if isinstance(test, nodes.Compare) and len(test.ops) == 1 and test.ops[0].op == "eq":
        for side in (test.expr, test.ops[0].expr):
            if isinstance(side, nodes.Const) and type(side.value) is int:
                return side.value
    return None


def is_turned(expression: str) -> bool:
    """Say whether a template that numbers a choice, such as `{{ 1 - label }}`, falls where its field rises."""
    try:
        with _not_too_deep():
            body = _parsed(expression.strip()).body
            outputs = [one for node in body if isinstance(node, nodes.Output) for one in node.nodes]
            return any(_is_turned(one) for one in outputs)
    except TemplateError:
        return False


def _is_turned(index: nodes.Node) -> bool:
    """Say whether an index falls where its field rises: `1 - label`, `-label`, `not label`."""
    match index:
        case nodes.Sub():
            return any(True for _ in _names(index.right)) or _is_turned(index.left)
        case nodes.Neg() | nodes.Not():
            return any(True for _ in _names(index.node))
        case nodes.Add():
            return _is_turned(index.left) or _is_turned(index.right)
        case nodes.Filter() if index.node is not None:
            return _is_turned(index.node)
        case nodes.CondExpr():
            first, second = index.expr1, index.expr2
            compared = _compared(index.test)
            numbers = [one.value for one in (first, second) if isinstance(one, nodes.Const)]
            is_straight = compared is None or (bool(numbers) and numbers[0] == compared)
            return not is_straight
    return False
