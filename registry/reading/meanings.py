"""Labels that say nothing of what they mean: an embedding of them would be one of digits."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from registry.data.examples import CLASSIFICATION, REGRESSION, Example
from registry.data.tasks import ENDS, TaskData, answerable
from registry.errors import DataError, InputError
from registry.names import checked_text, listed
from registry.reading.answer_columns import cell_text
from registry.reading.classes import Tell

_NOTHING = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?|label[\s_-]*[0-9]+|[!-/:-@\[-`{-~\s]*", re.IGNORECASE)
_LITTLE = re.compile(r"[a-z]|true|false|[a-z]+[\s_-]*[0-9]+", re.IGNORECASE)
SHOWN, LONGEST = 6, 50  # labels of a message, and characters of an example


def says_nothing(answer: str) -> bool:
    """Say whether an answer is a number, a sign or LABEL_n: what a model or a dataset calls a class without a name."""
    return bool(_NOTHING.fullmatch(answer.strip()))


def with_answers(task: TaskData, answers: Mapping[str, str], place: str) -> TaskData:
    """Return a task with a text for each of its labels.

    Raises:
        InputError: a label has none or is not one of the task, or two have the same.
    """
    names = answerable(task.kind, task.labels)
    what = "ends" if task.kind == REGRESSION else "labels"
    strange = [name for name in answers if name not in names]
    if strange:
        of_no_row = "" if task.kind == REGRESSION else f": no row has {listed(strange)}, leave its answer out"
        raise InputError(f"Answers are for the {what} {', '.join(names)[:300] or '(none)'}{of_no_row}.")
    unnamed = [name for name in names if name not in answers]
    if unnamed:
        raise InputError(f"{place}: the answers leave out the {what} {', '.join(unnamed)[:300]}: name them all.")
    texts = [text.strip() for text in answers.values()]
    if not all(texts) or len(set(texts)) < len(texts):
        raise InputError(f"{place}: an answer is empty, or two {what} have the same one.")
    return replace(task, answers=dict(answers))


def check_meaning(task: TaskData, place: str, tell: Tell, found: Sequence[str] = (), *, in_folder: bool) -> None:
    """Refuse a task whose labels say nothing of what they mean.

    Labels that say little (a letter, "class 3", true) are told. Where the file's form had to be found out
    as well, they are refused: it may be the reading that is wrong.

    Args:
        task: with the answers that it was given.
        place: what the task is called in messages.
        tell: is told of labels that say little.
        found: what was found out about the file's form.
        in_folder: whether it has a `task.json`, in which answers can stand.

    Raises:
        DataError: the labels say nothing; with an example of each.
    """
    labels = _labels(task)
    nothing, little = _doubtful(task)
    doubtful = nothing + little
    if not doubtful or 2 * len(doubtful) < len(labels):
        return
    what, mend = _told(task, doubtful, labels)
    if in_folder:
        mend = mend.replace("name them ", "name them by 'answers' in task.json, or ", 1)
    if not has_meaning(task) or found:
        read = f" (read {', '.join(found)})" if found else ""
        raise DataError(place, f"{what} say nothing of what they mean{read}: {mend}")
    tell(f"{what} say little of what they mean: {mend}")


def by_text(names: Mapping[Any, str]) -> dict[str, str]:
    """Return names of answers by these as a table has them: the number 1 is the answer `1`."""
    if not isinstance(names, Mapping):
        raise InputError("The names of answers are a dict of a text for each, such as {0: 'negative', 1: 'positive'}.")
    return {answer if isinstance(answer, str) else str(cell_text(answer)): its for answer, its in names.items()}


def named_answers(
    answers: Sequence[str], names: Mapping[str, str] | None, place: str, *, texts: Mapping[str, str]
) -> tuple[str, ...]:
    """Return recorded answers by the names that they were given.

    Args:
        answers: as they were recorded.
        names: of all of them; {} to take them as they are, None where nobody has said so.
        place: what they are called in messages.
        texts: an answer -> a text that was answered so.

    Raises:
        InputError: names leave out an answer, or are of others.
        DataError: most answers say nothing of what they mean.
    """
    if names:
        for its in names.values():
            checked_text(its, "name of an answer")
        known = ", ".join(answers)[:300]
        if set(names) != set(answers) or len(set(names.values())) < len(names):
            raise InputError(f"{place}: name each of the answers {known}, and no other, by a text of its own.")
        return tuple(names[answer] for answer in answers)
    nothing = [answer for answer in answers if says_nothing(answer)]
    if nothing and 2 * len(nothing) >= len(answers) and names is None:
        what, mend = _refused("answers", answers, {answer: _cut(texts.get(answer, "")) for answer in answers})
        raise DataError(place, f"{what} say nothing of what they mean: {mend}")
    return tuple(answers)


def has_meaning(task: TaskData) -> bool:
    """Say whether most of a task's labels, or their answers, say what they mean, or somebody has named them so."""
    nothing, _ = _doubtful(task)
    return not nothing or 2 * len(nothing) < len(_labels(task))


def _labels(task: TaskData) -> dict[str, str]:
    """Return the text of each label's answer, or of each end of the scale."""
    if task.kind not in (CLASSIFICATION, REGRESSION):
        return {}
    return dict(zip(answerable(task.kind, task.labels), task.answer_texts, strict=True))


def _doubtful(task: TaskData) -> tuple[list[str], list[str]]:
    """Return the labels without a given answer that say nothing, and those that say little."""
    unnamed = {label: text for label, text in _labels(task).items() if label not in task.answers}
    nothing = [label for label, text in unnamed.items() if says_nothing(text)]
    little = [label for label, text in unnamed.items() if not says_nothing(text) and _LITTLE.fullmatch(text.strip())]
    return nothing, little


def _told(task: TaskData, labels: Sequence[str], texts: Mapping[str, str]) -> tuple[str, str]:
    """Return which labels are meant, and how they get a name, with an example of each."""
    what, mend = _refused("labels", labels, {label: _example(task, label) for label in labels[:SHOWN]}, texts)
    if task.kind == REGRESSION:
        what = f"the ends {' and '.join(f'{end} ({texts[end]})' for end in labels)} of its scale"
    return what, mend


def _refused(
    what: str, labels: Sequence[str], examples: Mapping[str, str], texts: Mapping[str, str] | None = None
) -> tuple[str, str]:
    shown = labels[:SHOWN]
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    wanted = ",".join(f'{label}="..."' for label in shown) + (",..." if more else "")
    if any("," in label for label in shown):  # the shell takes one kind of quotes away
        wanted = "'" + ",".join(f'"{label}"="..."' for label in shown) + ("'" if not more else ",...'")
    such = "; ".join(f"{(texts or {}).get(label, label)}: {examples[label]}" for label in shown)
    mend = f"name them with --answers {wanted}, or take them with --answers-as-they-are. Such as {such}."
    return f"its {what} {', '.join(shown)}{more}", mend


def _example(task: TaskData, label: str) -> str:
    """Return the beginning of a text that has a label, or is nearest to an end of the scale."""
    if task.kind == REGRESSION:
        best: Example = (min if label == ENDS[0] else max)(task.train, key=lambda example: float(example.label))
    else:
        best = next((example for example in task.train if example.label == label), task.train[0])
    return _cut(best.text)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= LONGEST else line[: LONGEST - 3] + "...")
