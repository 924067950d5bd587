"""What does a checkpoint answer with? Told by its config, without torch."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedders.errors import ModelNotUsableError, SettingError
from embedders.surrogate.weights import label_names
from registry.data.models import HeadKind
from registry.data.spelling import plain
from registry.files.lines import read_json
from registry.reading.meanings import says_nothing

log = logging.getLogger("registry")
_ENCODERS = (  # whose states can be read without a head
    *("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "ernie", "modernbert", "mpnet"),
    *("nomic_bert", "roberta", "xlm-roberta"),
)
_NOT_LEFT_TO_RIGHT = ("xlm", "xlnet")  # their language-model heads fill gaps
_DECODE_IF_TOLD = (  # to read from left to right alone
    *(*_ENCODERS, "bert-generation", "big_bird", "data2vec-text", "megatron-bert", "rembert", "roberta-prelayernorm"),
    *("roformer", "xlm-roberta-xl", "xmod"),
)


def head_of(folder: Path, labels: Sequence[str] | None = None) -> HeadKind:
    """Return what a checkpoint's head is for; raise `ModelNotUsableError` where it has none that answers.

    A sequence classifier with one output is a regression. A text-to-text model without labels to choose from is a
    language model, to which prompts are put.
    """
    config = read_json(folder / "config.json")
    given = config.get("architectures")
    names = [str(name) for name in given] if isinstance(given, list) else []

    def is_a(*endings: str) -> bool:
        return any(name.endswith(endings) for name in names)

    if is_a("ForSequenceClassification"):
        return _classifying(folder, config)
    if is_a("ForQuestionAnswering"):
        return HeadKind.QUESTION_ANSWERING
    if config.get("is_encoder_decoder") is True and is_a("ForConditionalGeneration"):
        return HeadKind.TEXT_TO_TEXT if labels else HeadKind.SEQ2SEQ_LM
    kind = config.get("model_type")
    if kind not in _NOT_LEFT_TO_RIGHT and is_a("ForCausalLM", "LMHeadModel"):
        if kind in _DECODE_IF_TOLD and config.get("is_decoder") is not True:
            raise ModelNotUsableError(f"{folder} reads texts from both sides (is_decoder is not true): it writes none.")
        return HeadKind.CAUSAL_LM
    if kind in _ENCODERS and is_a("Model"):
        return HeadKind.SENTENCE_ENCODER
    raise ModelNotUsableError(
        f"{folder} ({', '.join(names)[:80] or 'no architecture'}) is not a sequence classifier, a reader, a "
        "text-to-text model, a language model or a sentence encoder."
    )


def _classifying(folder: Path, config: Mapping[str, object]) -> HeadKind:
    """Return what a sequence classifier gives, a class or a number."""
    outputs = len(label_names(folder))
    if config.get("problem_type") == "regression" and outputs > 1:
        raise ModelNotUsableError(f"{folder} gives {outputs} numbers at once: only one can be read.")
    return HeadKind.REGRESSION if outputs == 1 else HeadKind.CLASSIFICATION


def settled_labels(
    folder: Path, head: HeadKind, labels: Sequence[str] | None, ends: tuple[float, float] | None, *, source: str
) -> list[str]:
    """Return the texts of a checkpoint's answers, none where it has none; raise where a setting is missing or wrong.

    Args:
        labels: as the user gave them; None for those that the checkpoint itself names.
        ends: of a regression, the outputs that the two labels stand for.
        source: the checkpoint, as the user called it.
    """
    if ends is not None and head is not HeadKind.REGRESSION:
        raise SettingError(f"{source} does not give one number: leave --range out.")
    if head is HeadKind.REGRESSION:
        settled = _of_regression(folder, labels, ends, source)
    elif head is HeadKind.TEXT_TO_TEXT:
        settled = _of_writer(labels, source)
    elif head is HeadKind.CLASSIFICATION:
        settled = _of_classifier(folder, labels, source)
    else:
        settled = _none(head, labels, source)
    if len(set(settled)) < len(settled):
        raise SettingError(f"{source} has the same label twice: {', '.join(settled)[:200]}.")
    return settled


def _none(head: HeadKind, labels: Sequence[str] | None, source: str) -> list[str]:
    if labels and head is HeadKind.QUESTION_ANSWERING:
        raise SettingError(f"{source} answers with parts of a passage: leave --labels out.")
    if labels:
        raise SettingError(f"{source} has no labels of its own: leave --labels out, and put prompts to it.")
    return []


def _of_writer(labels: Sequence[str] | None, source: str) -> list[str]:
    if not labels or len(labels) < 2 or not all(label.strip() for label in labels):
        raise ModelNotUsableError(f"{source} writes text: say which answers it chooses from with --labels A,B.")
    return list(labels)


def _check_one_choice(folder: Path, source: str) -> None:
    """Refuse a classifier whose outputs are probabilities each by itself, not of one choice among all."""
    config = read_json(folder / "config.json")
    is_sigmoid = any("sigmoid" in str(function).lower() for function in _applied(config))
    if not is_sigmoid and config.get("problem_type") != "multi_label_classification":
        return
    own = label_names(folder)
    which = "its one label, by a probability and not on a scale"
    if len(own) > 1:
        which = f"each of its {len(own)} labels by itself, so that a text may have none or several"
    raise ModelNotUsableError(
        f"{source} answers yes or no to {which}: such models are not supported. Register a function that answers with "
        "one text instead."
    )


def _applied(config: Mapping[str, object]) -> list[object]:
    """Return what a config names, as transformers or sentence-transformers do, to be applied to the outputs."""
    inner = config.get("sentence_transformers")  # its cross-encoders, as later and as earlier releases write them
    later = inner.get("activation_fn") if isinstance(inner, Mapping) else None
    return [later, *map(config.get, ("sbert_ce_default_activation_function", "function_to_apply"))]


def _of_regression(
    folder: Path, labels: Sequence[str] | None, ends: tuple[float, float] | None, source: str
) -> list[str]:
    _check_one_choice(folder, source)
    if not labels or ends is None:
        raise ModelNotUsableError(
            f"{source} gives one number: say what the ends of its scale mean with --labels LOW,HIGH, and where they "
            "are with --range LOW,HIGH."
        )
    if len(labels) != 2:
        raise SettingError(f"{source} gives one number, so it has two labels, LOW,HIGH; not {len(labels)}.")
    if not all(map(math.isfinite, ends)) or not ends[0] < ends[1]:
        raise SettingError(f"The range {ends[0]:g} to {ends[1]:g} is not a smaller and a larger number.")
    if not math.isfinite(ends[1] - ends[0]):
        raise SettingError(f"The range {ends[0]:g} to {ends[1]:g} is too wide.")
    return list(labels)


def _of_classifier(folder: Path, labels: Sequence[str] | None, source: str) -> list[str]:
    _check_one_choice(folder, source)
    own = label_names(folder)
    labels = list(labels or own)
    nameless = next(filter(says_nothing, labels), None)
    if nameless is not None:
        raise ModelNotUsableError(f"{source} names its labels {nameless!r}, ...: say what they mean with --labels A,B.")
    if len(labels) != len(own):
        raise SettingError(f"{source} has {len(own)} outputs, not {len(labels)}.")
    given, theirs = [plain(label) for label in labels], [plain(label) for label in own]
    if given != theirs and sorted(given) == sorted(theirs):
        log.warning(
            "%s names its outputs %s itself, in this order: what you gave is another order, and counts.",
            source,
            ", ".join(own)[:200],
        )
    return labels
