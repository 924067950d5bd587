"""Python functions as black boxes."""

import hashlib
import importlib
import importlib.machinery
import re
import symtable
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedders.errors import BlackBoxError, SettingError
from embedders.predictors.contract import Form
from registry.catalog import EntryRecord
from registry.data.inputs import Input
from registry.data.models import ModelKind, ModelSpec
from registry.data.predictions import Predictions
from registry.errors import first_line, hint
from registry.files.whole import read_file
from registry.kinds import EntryKind
from registry.reading.meanings import says_nothing

# What a source holds that may name things which it does not show.
_UNTOLD = re.compile(
    rb"import\s*\(?\s*\*|__getattr__|\b(?:globals|vars|locals|exec|eval|setattr)\s*\(|\bglobal\b|sys\.modules"
)
MOST_SOURCE = 1_000_000  # bytes of a module whose names are looked for: a syntax tree takes 200 times as many
_LOADED_FROM: dict[str, bytes] = {}  # the source that a module was last loaded from here
MOST_OFF = 0.05  # that an answer's probabilities may miss 1 by, as rounded ones do


class AskedFunction:
    """A function of the user's, or a fitted classifier: texts in, for each a label or {label: probability} out."""

    form: Form = "labels"

    def __init__(self, function: Any, target: str, *, takes_numbers: bool = False) -> None:  # noqa: ANN401 - anything
        """Take something that answers texts.

        Args:
            target: what it is called in messages.
            takes_numbers: whether classes and answers may be numbers, which are named later.

        Raises:
            SettingError: it is neither a function nor a fitted classifier of one label.
        """
        self._target = target
        self._takes_numbers = takes_numbers
        if _is_estimator(function):
            function = _asked_estimator(function, target, takes_numbers=takes_numbers)
        if not callable(function):
            raise SettingError(f"{target} is no function, and has no predict.")
        self._function: Callable[[list[str]], Sequence[Any]] = function

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """All of them."""
        return list(inputs)

    def predict(self, inputs: Sequence[Input]) -> Predictions:
        """Ask the function."""
        texts = [text if pair is None else f"{text}\n{pair}" for text, pair in inputs]
        try:
            given = self._function(texts)
            answers = list(given)
        except (Exception, SystemExit) as error:  # whatever a user's function raises becomes one line
            raise BlackBoxError(f"{self._target} raised {type(error).__name__}: {first_line(error)}") from error
        if isinstance(given, Mapping | str | set | frozenset) or hasattr(given, "columns"):  # a data frame
            told = "let it give a list, an answer for each text in order"
            raise BlackBoxError(f"{self._target} gave a {type(given).__name__}: {told}.")
        if len(answers) != len(inputs):  # the list of texts is the function's, which may have changed it
            raise BlackBoxError(f"{self._target} gave {len(answers)} answers to {len(inputs)} texts.")
        as_label = as_text if self._takes_numbers else _valued
        return self._as_table([as_label(answer) for answer in answers])

    def _as_table(self, answers: Sequence[Any]) -> Predictions:
        rows = [answer if isinstance(answer, dict) else {str(answer): 1.0} for answer in answers]
        labels = sorted({label for row in rows for label in row}, key=str)
        is_text = all(isinstance(answer, str | dict) for answer in answers)
        if not is_text or not labels or not all(isinstance(label, str) and label for label in labels):
            raise BlackBoxError(f"{self._target} must answer with texts, or with {{text: probability}}.")
        table = self._numbers(rows, labels)
        total = table.sum(axis=1, keepdims=True)
        if not np.isfinite(table).all() or (table < 0).any() or (total <= 0).any():
            raise BlackBoxError(f"{self._target} gave probabilities that are negative, or all zero.")
        self._check_one_choice(table, rows)
        nothing = [label for label in labels if says_nothing(label)]
        if not self._takes_numbers and 2 * len(nothing) >= len(labels):
            raise BlackBoxError(
                f"{self._target} answers {', '.join(labels)[:100]}, which say nothing of what they mean: let it answer "
                "with texts, such as negative and positive."
            )
        return Predictions(tuple(labels), table / total)

    def _numbers(self, rows: Sequence[dict[Any, Any]], labels: Sequence[str]) -> NDArray[np.float32]:
        """Return the rows' probabilities of labels; a text is none, be it of digits."""
        if any({"label", "score"} == row.keys() and isinstance(row["label"], str) for row in rows):
            raise BlackBoxError(
                f"{self._target} answers with {{'label': ..., 'score': ...}}, as pipelines of transformers do: let it "
                "give the label alone, [one['label'] for one in pipeline(texts)]."
            )
        try:
            if any(isinstance(number, str | bytes) for row in rows for number in row.values()):
                raise TypeError
            return np.array([[float(row.get(label, 0.0)) for label in labels] for row in rows], np.float32)
        except (TypeError, ValueError) as error:
            raise BlackBoxError(f"{self._target} gave a probability that is no number.") from error

    def _check_one_choice(self, table: NDArray[np.float32], rows: Sequence[dict[Any, Any]]) -> None:
        """Refuse probabilities of labels that hold or not each by itself; weights, such as counts, are divided."""
        for numbers, row in zip(table, rows, strict=True):
            total = float(numbers.sum())
            if len(row) > 1 and numbers.max() <= 1 and abs(total - 1) > MOST_OFF:
                raise BlackBoxError(
                    f"{self._target} gave probabilities that add up to {total:.3g}, not to 1: labels that hold or not "
                    "each by itself are not supported. Answer with the one label, or divide by the sum."
                )


class FunctionPredictor(AskedFunction):
    """A Python function of the user's, found by its module and name."""

    def __init__(self, entry: EntryRecord) -> None:
        target = ModelSpec.from_document(entry.spec, name=entry.name).source
        if function_hash(target) != entry.content_hash:
            raise BlackBoxError(f"{target} has changed since it was registered: add it with --replace.")
        module, _, name = target.partition(":")
        try:
            with _here_importable(), redirect_stdout(sys.stderr):
                function = getattr(_imported(module), name, None)
        except (Exception, SystemExit) as error:  # whatever a user's module raises becomes one line
            raise BlackBoxError(f"{module} cannot be imported: {type(error).__name__}: {first_line(error)}") from error
        if not callable(function) and not _is_estimator(function):
            raise SettingError(f"{target}: {module} has no function {name!r}.")
        super().__init__(function, target)

    def predict(self, inputs: Sequence[Input]) -> Predictions:
        """Ask the function, which may import what lies beside it as late as now; what it prints is no answer."""
        with _here_importable(), redirect_stdout(sys.stderr):
            return super().predict(inputs)


def _imported(name: str) -> ModuleType:
    """Return a module as its source is now, loaded anew where it may have been imported of another."""
    source = _module_source(f"{name}:any")
    is_known = not source or _LOADED_FROM.pop(name, None) == source  # nothing is known where loading breaks off
    module = (
        importlib.import_module(name) if is_known or name not in sys.modules else importlib.reload(sys.modules[name])
    )
    _LOADED_FROM[name] = source
    return module


def _is_estimator(thing: object) -> bool:
    """Say whether something predicts, and is no function itself."""
    return not callable(thing) and any(callable(getattr(thing, name, None)) for name in ("predict", "predict_proba"))


def as_text(answer: Any) -> Any:  # noqa: ANN401 - whatever a function answers
    """Return an answer with numbers as texts, to the last digit: 1 and 1.0 are one answer, and nan is none."""
    if isinstance(answer, dict):
        return dict(zip(_distinct(map(as_text, answer)), answer.values(), strict=True))
    answer = answer.value if isinstance(answer, Enum) else answer
    if isinstance(answer, bool | np.bool_):
        return str(bool(answer)).lower()
    if isinstance(answer, float | np.floating) and not np.isfinite(answer):
        return None
    if isinstance(answer, int | float | np.number):
        return str(int(answer)) if answer == int(answer) else str(answer)
    return answer


def _valued(answer: Any) -> Any:  # noqa: ANN401 - whatever a function answers
    """Return an answer with members of an Enum as their values."""
    if isinstance(answer, dict):
        return dict(zip(_distinct(map(_valued, answer)), answer.values(), strict=True))
    return answer.value if isinstance(answer, Enum) else answer


def _distinct(labels: Iterable[Any]) -> list[Any]:
    """Return labels as they are; raise `BlackBoxError` where two are one, whose probabilities would be lost."""
    texts = list(labels)
    twice = [text for text, often in Counter(texts).items() if often > 1]
    if twice:
        raise BlackBoxError(f"Two labels are the same text, {str(twice[0])[:80]!r}: let each have a name of its own.")
    return texts


def _asked_estimator(
    estimator: Any,  # noqa: ANN401 - of any library
    target: str,
    *,
    takes_numbers: bool,
) -> Callable[[list[str]], Sequence[Any]]:
    """Return the function that a fitted classifier of scikit-learn's kind is: texts in, probabilities or labels out.

    Raises:
        SettingError: it is a regressor, or its classes have numbers in the place of names.
    """
    classes = getattr(estimator, "classes_", None)
    if classes is None or isinstance(classes, list):
        raise SettingError(
            f"{target} is no fitted classifier of one label (a regressor, several outputs, or not fitted): register a "
            "function that answers each text with one text."
        )
    names = [str(name) for name in _distinct(map(as_text, classes))]
    if not takes_numbers and not all(isinstance(name, str) for name in classes):
        raise SettingError(
            f"{target} calls its classes {', '.join(names)[:100]}: register a function that answers with their names."
        )
    if not hasattr(estimator, "predict_proba"):
        return lambda texts: [str(as_text(answer)) for answer in estimator.predict(texts)]
    return lambda texts: [dict(zip(names, row, strict=True)) for row in estimator.predict_proba(texts).tolist()]


class _here_importable:  # noqa: N801 - a context manager that reads as a phrase
    """Lets modules of the current folder be imported, as `python -m` does."""

    def __enter__(self) -> None:
        sys.path.insert(0, str(Path.cwd()))

    def __exit__(self, *_: object) -> None:
        sys.path.remove(str(Path.cwd()))


def function_hash(target: str) -> str:
    """Return the sha256 of a function's name and its module's source; raise `SettingError` where it is not there."""
    return hashlib.sha256(target.encode() + b"\0" + _module_source(target)).hexdigest()


def has_changed(entry: EntryRecord) -> bool:
    """Say whether a registered function's source is there, and is another one than was registered."""
    if entry.kind is not EntryKind.MODEL:
        return False
    spec = ModelSpec.from_document(entry.spec, name=entry.name)
    if spec.kind is not ModelKind.FUNCTION:
        return False
    try:
        return function_hash(spec.source) != entry.content_hash
    except SettingError:
        return False


def check_named(target: str) -> None:
    """Raise `SettingError` where a module's source, which is read and not run, has nothing of a function's name."""
    module, _, name = target.partition(":")
    names = _names_of(_module_source(target))
    if names is None or name in names:
        return
    raise SettingError(f"{target}: {module} has no function {name!r}.{hint(name, names)}")


def _names_of(source: bytes) -> set[str] | None:
    """Return the names that a module gives; None where its source does not tell."""
    if not 0 < len(source) <= MOST_SOURCE or _UNTOLD.search(source):
        return None
    try:
        table = symtable.symtable(source.decode(), "module", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # nothing that Python could run, or too deep
        return None
    return {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}


def _module_source(target: str) -> bytes:
    """Return the source of the module that a function is in, found without importing it."""
    module, colon, name = target.partition(":")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), name]):
        raise SettingError(f"{target!r} is not of the form module:function.")
    with _here_importable():
        spec = _module_spec(module)
    if spec is None or spec.origin is None:
        mend = ": what lives in a session of Python is registered by embedders.live_model"
        raise SettingError(f"No module {module!r} to be found from this folder{mend if module in sys.modules else ''}.")
    origin = Path(spec.origin)
    return read_file(origin) if origin.suffix == ".py" else b""


def _module_spec(module: str) -> importlib.machinery.ModuleSpec | None:
    """Find a module step by step: `importlib.util.find_spec` would run the packages that it is in."""
    parts = module.split(".")
    spec = importlib.machinery.PathFinder.find_spec(parts[0])
    for number in range(2, len(parts) + 1):
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = ".".join(parts[:number])
        spec = importlib.machinery.PathFinder.find_spec(name, spec.submodule_search_locations)
    return spec
