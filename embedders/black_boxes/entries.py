"""From an entry of the catalog to a black box that can be asked."""

from functools import partial
from pathlib import Path

from embedders.black_boxes.loading import OnDemand, language_model
from embedders.errors import ModelNotUsableError, NotEmbeddableError, SettingError
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.classifiers import ClassifierPredictor, NumberPredictor
from embedders.predictors.contract import Predictor
from embedders.predictors.functions import FunctionPredictor
from embedders.predictors.heads import (
    CLASSIFICATION,
    PROMPTED,
    QUESTION_ANSWERING,
    REGRESSION,
    TEXT_TO_TEXT,
    head_of,
    settled_labels,
)
from embedders.predictors.language.prompted import PromptedPredictor
from embedders.predictors.readers import ReaderPredictor
from embedders.predictors.recordings import RecordedPredictor
from embedders.predictors.text_to_text import TextToTextPredictor
from embedders.surrogate.weights import identity, model_folder
from registry import Registry
from registry.catalog import EntryRecord
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt
from registry.prompts.render import rendered


class Boxes:
    """The black boxes of one run: a language model is loaded once for all of its prompts."""

    def __init__(self, registry: Registry, *, device: str | None) -> None:
        self._registry = registry
        self._device = device
        self._model: tuple[str, OnDemand] | None = None  # one language model at a time is in memory

    def of(self, entry: EntryRecord) -> Predictor:
        """Return the black box that an entry describes, ready to be asked; see `predictor_for`."""
        if entry.spec.get("type") != "prompted":
            return predictor_for(self._registry, entry, device=self._device)
        catalog = self._registry.catalog
        prompt = Prompt.from_spec(catalog.entries.get(entry.spec["prompt"], EntryKind.PROMPT).spec)
        name = entry.spec["model"]
        if self._model is None or self._model[0] != name:
            model = catalog.entries.get(name, EntryKind.MODEL)
            self._model = (name, OnDemand(partial(language_model, model.spec, device=self._device, name=model.name)))
        return PromptedPredictor(self._model[1], prompt, partial(rendered, prompt), entry.name)


def predictor_for(registry: Registry, entry: EntryRecord, *, device: str | None) -> Predictor:
    """Return the black box that an entry describes, ready to be asked.

    Raises:
        NotEmbeddableError: it is a language model, to which prompts are put.
        SettingError: it is a recorded LLM, of which only the prompts were recorded.
    """
    match entry.spec.get("type"):
        case "prompted":
            return Boxes(registry, device=device).of(entry)
        case "hf":
            return _checkpoint(entry, device)
        case "function":
            return FunctionPredictor(entry)
        case "recorded":
            return RecordedPredictor(entry, registry.contents(entry))
        case "endpoint":
            raise NotEmbeddableError(_by_itself(entry))
    raise SettingError(_by_itself(entry))


def _by_itself(entry: EntryRecord) -> str:
    return f"{entry.name!r} cannot be asked by itself: embed its prompts, {entry.name}@PROMPT."


def _checkpoint(entry: EntryRecord, device: str | None) -> Predictor:
    spec = entry.spec
    if spec.get("head") in PROMPTED:
        raise NotEmbeddableError(_by_itself(entry))
    folder = model_folder(spec["source"], spec["revision"])
    if spec["identity"] is not None and identity(folder) != spec["identity"]:
        raise ModelNotUsableError(f"{folder} has changed since it was registered: add it with --replace.")
    head = _head(entry, folder)
    if head in PROMPTED and not spec["labels"]:
        raise NotEmbeddableError(_by_itself(entry))
    ends = tuple(spec["range"]) if spec.get("range") else None
    labels = settled_labels(folder, head, spec["labels"] or None, ends, source=spec["source"])
    model = Checkpoint(entry.name, folder, head, device=device)
    if head == QUESTION_ANSWERING:
        return ReaderPredictor(model)
    if head == TEXT_TO_TEXT:
        return TextToTextPredictor(model, labels)
    if head == REGRESSION and ends is not None:
        return NumberPredictor(model, labels, ends)
    return ClassifierPredictor(model, labels)


def _head(entry: EntryRecord, folder: Path) -> str:
    """Return what was found when the entry was made; a model of the hub could not be looked into then.

    Entries of the first release say nothing of it: all of them are classifiers.
    """
    found: str = entry.spec.get("head", CLASSIFICATION) or head_of(folder, entry.spec["labels"])
    return found
