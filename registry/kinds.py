"""What kinds of entries there are."""

import enum


class EntryKind(enum.StrEnum):
    """What an entry is."""

    TASK = "task"
    MODEL = "model"
    PROMPT = "prompt"
    PROMPTED_MODEL = "prompted-model"
    CORPUS = "corpus"


EMBEDDABLE = (EntryKind.TASK, EntryKind.MODEL, EntryKind.PROMPTED_MODEL)  # what a vector may be of
ANSWERING = (EntryKind.MODEL, EntryKind.PROMPTED_MODEL)  # what answers texts
