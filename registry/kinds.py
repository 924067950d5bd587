"""What kinds of entries there are."""

import enum


class EntryKind(enum.StrEnum):
    """What an entry is."""

    TASK = "task"
    MODEL = "model"
    PROMPT = "prompt"
    PROMPTED_MODEL = "prompted-model"
    CORPUS = "corpus"
