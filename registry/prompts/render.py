"""What is an LLM asked? Prompts rendered for inputs, in a child process with limits."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from registry.data.inputs import Input
from registry.errors import InputError, RegistryError, StoppedError, TemplateError
from registry.prompts.child import Reply
from registry.prompts.prompt import PAIR, Prompt
from registry.prompts.templates import asked, checked_template

STOPPED = (-getattr(signal, "SIGPROF", 0), -getattr(signal, "SIGXCPU", 0), -getattr(signal, "SIGKILL", 0))
STARTING = 20  # seconds to wait for a child on a busy machine, beside what its own limits grant it
PROBES = (
    Input("The first of two texts, which are nothing like each other. " * 10, "It has a second text too."),
    Input("Another, to see whether a template asks of it anything else. " * 10, "So has this one."),
)
LINES = 1 + len(PROBES)  # that a prompt is tried with
MOST_STOPS = 3


def rendered(prompt: Prompt, inputs: Sequence[Input]) -> list[str]:
    """Return what a prompt asks of each input, as text.

    Raises:
        TemplateError: the template is refused, or an input cannot be rendered within the limits.
        InputError: the template asks for a second text, and an input has none.
    """
    (texts,) = rendered_each([prompt], inputs)
    if isinstance(texts, InputError):
        raise texts
    return texts


def rendered_each(prompts: Sequence[Prompt], inputs: Sequence[Input]) -> list[list[str] | InputError]:
    """Return what each prompt asks of each input, or why it cannot; raise `StoppedError` at a limit."""
    checked = [_askable(prompt, inputs) for prompt in prompts]
    good = [prompt for prompt in checked if isinstance(prompt, Prompt)]
    lines = chain.from_iterable((_job(prompt), *map(list, inputs)) for prompt in good)
    replies = iter(render(lines) if good else [])
    return [
        prompt_or_error if isinstance(prompt_or_error, InputError) else _texts(list(islice(replies, 1 + len(inputs))))
        for prompt_or_error in checked
    ]


def _askable(prompt: Prompt, inputs: Sequence[Input]) -> Prompt | InputError:
    """Return the prompt with its fields, or why it cannot be asked of these inputs."""
    try:
        prompt = checked_template(prompt)
        _check_pairs(prompt, inputs)
    except InputError as error:
        return error
    return prompt


def _texts(replies: Sequence[Reply]) -> list[str] | InputError:
    """Return what was rendered, the template's own reply left out, or the first thing that went wrong."""
    for number, reply in enumerate(replies):
        if isinstance(reply, dict):
            where = f" for input {number}" if number else ""
            return TemplateError(f"cannot be rendered{where}: {reply['error'].rstrip('.')}.")
    return [str(reply) for reply in replies[1:]]


def checked_prompts(prompts: Mapping[str, Prompt]) -> dict[str, Prompt | InputError]:
    """Check prompts, and try them on two texts; return each with its fields, or why it cannot be used.

    Raises `TemplateError` where more than a few run into the child's limits: nobody waits for them all.
    """
    checked: dict[str, Prompt | InputError] = {}
    for name, prompt in prompts.items():
        try:
            checked[name] = checked_template(prompt)
        except InputError as error:
            checked[name] = error
    left = {name: prompt for name, prompt in checked.items() if isinstance(prompt, Prompt)}
    for stops in range(MOST_STOPS + 1):
        if not left:
            break
        try:
            problems = dict(zip(left, _tried(list(left.values())), strict=True))
            checked |= {name: TemplateError(problem) for name, problem in problems.items() if problem}
            break
        except StoppedError as error:
            name = list(left)[error.line // LINES]
            if stops == MOST_STOPS:
                raise
            checked[name] = error
            del left[name]
    return checked


def _tried(prompts: Sequence[Prompt]) -> list[str | None]:
    """Try each template on two texts; return what is wrong with it, None for nothing."""
    replies = render(chain.from_iterable((_job(prompt), *map(list, PROBES)) for prompt in prompts))
    return [_problem(replies[start : start + LINES]) for start in range(0, len(replies), LINES)]


def checked_prompt(prompt: Prompt) -> Prompt:
    """Check a prompt, and try it; return it with its fields, or raise `TemplateError`."""
    (prompt_or_error,) = checked_prompts({"prompt": prompt}).values()
    if isinstance(prompt_or_error, InputError):
        raise prompt_or_error
    return prompt_or_error


def render(lines: Iterable[Collection[Any]]) -> list[Reply]:
    """Have a child render templates and their inputs; raise `StoppedError` where it ran into its limits.

    It sees the modules that this process sees, and nothing else of its environment.
    """
    body = [json.dumps(line) for line in lines]
    path = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
    try:
        child = subprocess.run(  # noqa: S603 - our own module; it ends with this call, also on Ctrl-C
            [sys.executable, "-P", "-S", "-m", "registry.prompts.child", str(len(body))],
            input="".join(f"{line}\n" for line in body).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(path)},
            timeout=STARTING + len(body) / 50,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StoppedError("takes too long to render", (error.stdout or b"").count(b"\n")) from error
    replies: list[Reply] = [json.loads(line) for line in child.stdout.splitlines()]
    if len(replies) < len(body):
        if child.returncode in STOPPED:
            raise StoppedError("takes too long to render", len(replies))
        if replies or child.returncode < 0:
            raise StoppedError("cannot be rendered in 256 MB of memory", len(replies))
        raise RegistryError(f"Templates cannot be rendered here: the process for it ended with {child.returncode}.")
    return replies


def _job(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt as the child takes it; the answers it names are the words that the LLM chooses from."""
    answers = [words[0] for words in prompt.words]
    return {"template": asked(prompt.template), "fields": dict(prompt.fields), "answers": answers}


def _check_pairs(prompt: Prompt, inputs: Sequence[Input]) -> None:
    name = next((name for name, field in prompt.fields.items() if field == PAIR), None)
    alone = next((number for number, text in enumerate(inputs, start=1) if text.text_pair is None), None)
    if name is not None and alone is not None:
        raise InputError(f"The template asks for a second text ({name!r}), and input {alone} has none.")


def _problem(replies: Sequence[Reply]) -> str | None:
    """Return what is wrong with a template, judged by the replies to it and to the two texts it was tried on."""
    for reply in replies:
        if isinstance(reply, dict):
            return f"cannot be rendered: {reply['error'].rstrip('.')}."
    _, one, other = replies
    if one == other:
        return "asks the same whatever the text is: write {{ text }} where it belongs."
    return None
