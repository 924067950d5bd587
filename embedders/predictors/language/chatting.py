"""How a checkpoint's chat template wants a prompt: found out with two words before the first prompt is put in it."""

import logging
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from embedders.errors import ModelNotUsableError
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.language.contract import Question
from embedders.predictors.language.texts import plain, with_reasoning
from registry.errors import StoppedError, TemplateError, first_line
from registry.prompts.chats import ChatTemplate, Message

SYSTEM, USER = "quagmarine", "zibbertwist"  # no template has such words
_WITHOUT_THOUGHT = {"enable_thinking": False, "thinking": False}  # what templates call it
_THOUGHT = re.compile(r"[<\[]\|?(?!/|end)[a-z_]*(think|thought|reason)[a-z_]*\|?[>\]]\s*$", re.IGNORECASE)
_log = logging.getLogger("registry")  # whose notes the command line shows


class Chat:
    """A chat template, asked so that nothing of a prompt is left out.

    Templates without a place for a system prompt get it before the text, whether they refuse it or pass over it; those
    that want a message in parts get its one part. A thought that a template opens is left out where it knows how.

    Raises:
        ModelNotUsableError: when a prompt is put in it: it cannot be rendered, or leaves out the prompt's text.
    """

    def __init__(self, model: Checkpoint) -> None:
        self._name = model.name
        try:
            self._source = model.tokenizer.get_chat_template()
            self._tokens: Mapping[str, Any] = model.tokenizer.special_tokens_map
            self._template = ChatTemplate(self._source, self._tokens)
        except (TemplateError, ValueError, TypeError) as error:
            raise self._refused(error) from error

    def text(self, question: Question) -> str:
        """Return a prompt as far as the answer's place; the template's special tokens are part of the text."""
        try:
            has_system, in_parts = self._form
            if has_system and question.system is not None:
                text = self._rendered(in_parts, user=question.text, system=question.system)
            else:
                text = self._rendered(in_parts, user=plain(question._replace(reasoning=None)))
        except TemplateError as error:
            raise self._refused(error) from error
        return with_reasoning(text, question)

    @cached_property
    def _form(self) -> tuple[bool, bool]:
        """Say whether it has a place for a system prompt, and whether it wants messages in parts."""
        for in_parts in (False, True):
            alone, both = self._tried(in_parts, user=USER), self._tried(in_parts, user=USER, system=SYSTEM)
            if USER in alone or USER in both:
                self._end_thought(in_parts)
                return SYSTEM in both and USER in both, in_parts
        self._rendered(False, user=USER)  # which says why, where it can
        raise TemplateError("leaves out the text of a prompt.")

    def _end_thought(self, in_parts: bool) -> None:
        """Have a thought that the template opens left out; tell of one that stays open."""
        if not _THOUGHT.search(self._tried(in_parts, user=USER)):
            return
        opens, self._template = self._template, ChatTemplate(self._source, {**self._tokens, **_WITHOUT_THOUGHT})
        text = self._tried(in_parts, user=USER)
        if USER in text and not _THOUGHT.search(text):
            return
        self._template = opens
        _log.warning(
            "%s: its chat template opens a thought before each answer, and cannot do without: how likely words are is "
            "read within the thought, not where the model would answer. Behind an endpoint it thinks first.",
            self._name,
        )

    def _tried(self, in_parts: bool, **texts: str) -> str:
        """Return what is rendered, nothing where the template refuses such messages."""
        try:
            return self._rendered(in_parts, **texts)
        except StoppedError:
            raise
        except TemplateError:
            return ""

    def _rendered(self, in_parts: bool, *, user: str, system: str | None = None) -> str:
        said = [("user", user)] if system is None else [("system", system), ("user", user)]
        messages: list[Message] = [
            {"role": role, "content": [{"type": "text", "text": text}] if in_parts else text} for role, text in said
        ]
        return self._template.render(messages)

    def _refused(self, error: Exception) -> ModelNotUsableError:
        return ModelNotUsableError(f"{self._name!r} has no chat template that can be used. {first_line(error)}")
