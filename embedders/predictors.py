"""The black boxes: registering them, and asking them. Only their outputs are read."""

import hashlib
import importlib
import importlib.machinery
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from embedders.errors import BlackBoxError, ModelNotUsableError, NotCoveredError, SettingError
from embedders.weights import identity, is_classifier, label_names, model_folder, most_tokens
from registry import Registry
from registry.catalog import EntryRecord
from registry.formats.corpora import Input
from registry.formats.recorded import outputs_of, read_answers, read_llm

LEAST_COVERED = 32  # recorded answers to so many texts of a corpus are enough to embed
MOST_TOKENS = 256  # of an input that a classifier reads
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAMELESS = re.compile(r"LABEL_\d+")


class Answers(NamedTuple):
    """What a black box says of some inputs."""

    texts: list[str]  # of the answers, one per column
    probabilities: NDArray[np.float32]  # (inputs, answers)


class Predictor(Protocol):
    """A black box, ready to be asked."""

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """Return those of the inputs that it can answer, in order."""
        ...

    def predict(self, inputs: Sequence[Input]) -> Answers:
        """Answer inputs that are answerable."""
        ...


def hf_model(
    registry: Registry,
    name: str,
    source: str,
    *,
    revision: str | None = None,
    labels: Sequence[str] | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> EntryRecord:
    """Register a sequence classifier: a folder, or a hub id pinned to a commit.

    Raises:
        ModelNotUsableError: it is not there, not a classifier, not pinned, or its labels have no names.
    """
    is_folder = Path(source).exists()
    if is_folder:
        folder = model_folder(source)
        if not is_classifier(folder):
            raise ModelNotUsableError(f"{source} is not a sequence classifier.")
        labels = list(labels or label_names(folder))
        if any(_NAMELESS.fullmatch(label) for label in labels):
            raise ModelNotUsableError(
                f"{source} names its labels {labels[0]}, ...: say what they mean with --labels A,B."
            )
        if len(labels) != len(label_names(folder)):
            raise SettingError(f"{source} has {len(label_names(folder))} outputs, not {len(labels)}.")
        content, source = identity(folder), str(Path(source).resolve())
    elif revision is None or not _COMMIT.fullmatch(revision):
        raise ModelNotUsableError(
            f"{source} is not a folder; a model of the hub needs --revision with its full commit hash."
        )
    else:
        content = f"{source}@{revision}"
    spec = {"type": "hf", "source": source, "revision": revision, "labels": list(labels or [])}
    content_hash = hashlib.sha256("\0".join([content, *(labels or [])]).encode()).hexdigest()
    spec["identity"] = content if is_folder else None
    return registry.add_model(name, spec, content_hash=content_hash, tags=tags, replace=replace)


def function_model(
    registry: Registry, name: str, target: str, *, tags: Sequence[str] = (), replace: bool = False
) -> EntryRecord:
    """Register a Python function, `module:callable`: texts in, for each a label or {label: probability} out.

    A pair of texts reaches the function as one text, with a line break between.
    """
    spec = {"type": "function", "source": target}
    return registry.add_model(name, spec, content_hash=_function_hash(target), tags=tags, replace=replace)


def recorded_model(
    registry: Registry, name: str, path: str, *, tags: Sequence[str] = (), replace: bool = False
) -> list[EntryRecord]:
    """Register recorded outputs: a .jsonl file of `text` and `answer`, or a recorded LLM's folder."""
    if Path(path).is_dir():
        return registry.add_recorded_llm(
            name, read_llm(Path(path)), source=str(Path(path).resolve()), tags=tags, replace=replace
        )
    outputs = read_answers(Path(path))
    contents = outputs.contents()
    parts = b"".join(hashlib.sha256(body).digest() for body in contents.values())
    spec = {"type": "recorded", "source": str(Path(path).resolve()), "answers": list(outputs.answers)}
    return [
        registry.add_model(
            name,
            spec,
            content_hash=hashlib.sha256(parts).hexdigest(),
            contents=contents,
            tags=tags,
            replace=replace,
        )
    ]


def predictor_for(registry: Registry, entry: EntryRecord, *, device: str | None) -> Predictor:
    """Return the black box that an entry describes, ready to be asked."""
    match entry.spec.get("type"):
        case "hf":
            return ClassifierPredictor(entry, device=device)
        case "function":
            return FunctionPredictor(entry)
        case "recorded":
            return RecordedPredictor(entry, registry.contents(entry))
    raise SettingError(f"{entry.name!r} cannot be asked by itself: embed its prompts, {entry.name}@PROMPT.")


class ClassifierPredictor:
    """A Hugging Face sequence classification checkpoint."""

    def __init__(self, entry: EntryRecord, *, device: str | None) -> None:
        from safetensors import SafetensorError
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        from embedders.devices import attention, best_device, quiet_transformers

        spec = entry.spec
        folder = model_folder(spec["source"], spec["revision"])
        if spec["identity"] is not None and identity(folder) != spec["identity"]:
            raise ModelNotUsableError(f"{folder} has changed since it was registered: add it with --replace.")
        self._device = best_device(device)
        self._labels = spec["labels"] or label_names(folder)
        self._name = entry.name
        self._max_length = min(MOST_TOKENS, most_tokens(folder))
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            with quiet_transformers():
                self._model = AutoModelForSequenceClassification.from_pretrained(
                    folder,
                    trust_remote_code=False,
                    use_safetensors=True,
                    attn_implementation=attention(self._device),
                )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ModelNotUsableError(f"{folder} cannot be loaded: {str(error).splitlines()[0]}") from error
        self._model.to(self._device).eval()

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """All of them."""
        return list(inputs)

    def predict(self, inputs: Sequence[Input]) -> Answers:
        """Return the softmax of the classifier's outputs."""
        import torch

        from embedders.batching import by_length, padded, tokenised
        from embedders.devices import autocast

        rows = tokenised(self._tokenizer, inputs, max_length=self._max_length)
        table = np.zeros((len(rows), len(self._labels)), np.float32)
        for chosen in by_length(rows, batch_size=32):
            batch = padded(self._tokenizer, [rows[i] for i in chosen], self._device)
            with torch.inference_mode(), autocast(self._device):
                scores = self._model(**batch).logits.float()
            table[chosen] = torch.softmax(scores, dim=-1).cpu().numpy()
        if not np.isfinite(table).all():
            raise BlackBoxError(f"{self._name!r} gave outputs that are no numbers: its weights are damaged.")
        return Answers(list(self._labels), table)


class FunctionPredictor:
    """A Python function of the user's."""

    def __init__(self, entry: EntryRecord) -> None:
        self._target = target = str(entry.spec["source"])
        if _function_hash(target) != entry.content_hash:
            raise BlackBoxError(f"{target} has changed since it was registered: add it with --replace.")
        module, _, name = target.partition(":")
        try:
            with _here_importable():
                function = getattr(importlib.import_module(module), name, None)
        except Exception as error:  # whatever a user's module raises is told in one line
            raise BlackBoxError(f"{module} cannot be imported: {type(error).__name__}: {error}") from error
        if not callable(function):
            raise SettingError(f"{target}: {module} has no function {name!r}.")
        self._function: Callable[[list[str]], Sequence[Any]] = function

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """All of them."""
        return list(inputs)

    def predict(self, inputs: Sequence[Input]) -> Answers:
        """Ask the function."""
        texts = [text if pair is None else f"{text}\n{pair}" for text, pair in inputs]
        try:
            said = list(self._function(texts))
        except Exception as error:  # whatever a user's function raises is told in one line
            raise BlackBoxError(f"{self._target} raised {type(error).__name__}: {error}") from error
        if len(said) != len(texts):
            raise BlackBoxError(f"{self._target} gave {len(said)} answers to {len(texts)} texts.")
        return self._as_table(said)

    def _as_table(self, said: Sequence[Any]) -> Answers:
        rows = [answer if isinstance(answer, dict) else {str(answer): 1.0} for answer in said]
        labels = sorted({label for row in rows for label in row}, key=str)
        is_text = all(isinstance(answer, str | dict) for answer in said)
        if not is_text or not labels or not all(isinstance(label, str) and label for label in labels):
            raise BlackBoxError(f"{self._target} must answer with texts, or with {{text: probability}}.")
        try:
            table = np.array([[float(row.get(label, 0.0)) for label in labels] for row in rows], np.float32)
        except (TypeError, ValueError) as error:
            raise BlackBoxError(f"{self._target} gave a probability that is no number.") from error
        total = table.sum(axis=1, keepdims=True)
        if not np.isfinite(table).all() or (table < 0).any() or (total <= 0).any():
            raise BlackBoxError(f"{self._target} gave probabilities that are negative, or all zero.")
        return Answers(labels, table / total)


class RecordedPredictor:
    """Answers that were recorded: it can answer what was asked then, and nothing else."""

    def __init__(self, entry: EntryRecord, contents: dict[str, bytes]) -> None:
        outputs = outputs_of(entry.spec["answers"], contents)
        self._name = entry.name
        self._answers = list(outputs.answers)
        self._probabilities = outputs.probabilities
        self._row = {text: number for number, text in enumerate(outputs.inputs)}

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """Return the inputs that are among the recorded ones; raise `NotCoveredError` where they are too few."""
        known = [text for text in inputs if text in self._row]
        if len(known) < min(LEAST_COVERED, len(inputs)):
            raise NotCoveredError(self._name, len(known), len(inputs))
        return known

    def predict(self, inputs: Sequence[Input]) -> Answers:
        """Look the answers up."""
        return Answers(self._answers, self._probabilities[[self._row[text] for text in inputs]])


class _here_importable:  # noqa: N801 - a context manager that reads as a phrase
    """Lets modules of the current folder be imported, as `python -m` does."""

    def __enter__(self) -> None:
        sys.path.insert(0, str(Path.cwd()))

    def __exit__(self, *_: object) -> None:
        sys.path.remove(str(Path.cwd()))


def _function_hash(target: str) -> str:
    return hashlib.sha256(target.encode() + b"\0" + _module_source(target)).hexdigest()


def _module_source(target: str) -> bytes:
    """Return the source of the module that a function is in, found without importing it."""
    module, colon, name = target.partition(":")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), name]):
        raise SettingError(f"{target!r} is not of the form module:function.")
    with _here_importable():
        found = _found(module)
    if found is None or found.origin is None:
        raise SettingError(f"No module {module!r} to be found from this folder.")
    origin = Path(found.origin)
    return origin.read_bytes() if origin.suffix == ".py" else b""


def _found(module: str) -> importlib.machinery.ModuleSpec | None:
    """Find a module step by step: `importlib.util.find_spec` would run the packages that it is in."""
    parts = module.split(".")
    found = importlib.machinery.PathFinder.find_spec(parts[0])
    for number in range(2, len(parts) + 1):
        if found is None or found.submodule_search_locations is None:
            return None
        name = ".".join(parts[:number])
        found = importlib.machinery.PathFinder.find_spec(name, found.submodule_search_locations)
    return found
