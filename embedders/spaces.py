"""Makes the settings of a space, and the default space that is the same everywhere. Needs no torch."""

from collections.abc import Container
from pathlib import Path
from typing import Any

from embedders.errors import SettingError
from embedders.methods import DEFAULT, Method, method_named
from embedders.weights import MINILM, identity, model_folder, model_type, most_tokens
from registry import Registry
from registry.catalog import EntryRecord, SpaceRecord
from registry.catalog.new_entries import new_corpus
from registry.catalog.records import NewEntry
from registry.data.inputs import Input, distinct
from registry.errors import NotFoundError
from registry.formats.tasks import read_task
from registry.kinds import EntryKind
from registry.resources import resource
from registry.spaces.spec import DIMENSION, SpaceSpec

DEFAULT_SPACE = "default"
LEAST_TOKENS = 8  # with fewer, all inputs would look alike
EVERYDAY = "everyday"  # the corpus that comes with the program

ANSWERS = ("hard", "probabilities", "calibrated")
COMMON: dict[str, Any] = {
    "examples": 512,  # of a task, at most
    "max_length": 128,  # tokens
    "answers": "hard",  # of a black box: its likeliest answer, its probabilities, or those calibrated in batch
}


def create_space(
    registry: Registry,
    name: str,
    *,
    surrogate: str = MINILM,
    method: str = DEFAULT,
    corpus: str | None = EVERYDAY,
    dimension: int = DIMENSION,
    seed: int = 0,
    settings: dict[str, str] | None = None,
) -> SpaceRecord:
    """Make a space; the same settings again give the same space.

    Args:
        surrogate: `minilm` from the offline package, a folder, or a hub id.
        method: `mapemb`, `taskemb`, `tupate`, `textemb` or `curvegrad`.
        corpus: the inputs on which black boxes are observed; None for a space of tasks only.
        dimension: numbers in a vector; fewer where the method has no more to tell.
        settings: parameters of the method and of `COMMON`, as text.

    Raises:
        SettingError: a setting is unknown or does not make sense.
    """
    how = method_named(method)
    parameters = _checked(how, settings or {})
    if not 8 <= dimension <= 65536:
        raise SettingError(f"A space has 8 to 65536 dimensions, not {dimension}.")
    if not 0 <= seed < 2**32:
        raise SettingError(f"A seed is a whole number from 0 to {2**32 - 1}.")
    folder = model_folder(surrogate)
    parameters = _fitting(how, parameters, settings or {}, folder)
    new = _corpus(registry, corpus) if corpus is not None and how.sees_answers else None
    spec = SpaceSpec(
        surrogate=identity(folder),
        surrogate_source=surrogate if surrogate == MINILM or not Path(surrogate).is_dir() else _absolute(surrogate),
        method=how.name,
        parameters=parameters,
        facets=how.facets(how.numbers(parameters, dimension)),
        corpus=new.content_hash if new else None,
        seed=seed,
    )
    return registry.add_space(name, spec, corpus=new)


def current_space(registry: Registry, name: str | None = None) -> SpaceRecord:
    """Return the space by name, or the current one; where there is none at all, make the default one."""
    if name is None and not registry.catalog.spaces.all():
        return create_space(registry, DEFAULT_SPACE)
    return registry.catalog.spaces.get(name)


def everyday_inputs() -> list[Input]:
    """Return the texts of the example tasks: the corpus that is at hand everywhere."""
    tasks = [read_task(str(path.parent)) for path in sorted(resource("examples").glob("*/task.json"))]
    return distinct(Input(e.text, e.text_pair) for task in tasks for e in (*task.train, *task.test))


def _corpus(registry: Registry, name: str) -> NewEntry | EntryRecord:
    """Return a registered corpus, or the one that comes with the program, to be registered with its space."""
    try:
        return registry.catalog.entries.get(name, EntryKind.CORPUS)
    except NotFoundError:
        if name != EVERYDAY:
            raise
    return new_corpus(EVERYDAY, everyday_inputs(), source="the texts of the example tasks")


def _checked(how: Method, given: dict[str, str]) -> dict[str, Any]:
    """Return the parameters that were given and the defaults of the others; raise `SettingError`."""
    parameters = _parameters({**COMMON, **how.parameters()}, given, zero=how.may_be_zero)
    for key, known in {"answers": ANSWERS, **how.choices}.items():
        if parameters[key] not in known:
            raise SettingError(f"No {key} {parameters[key]!r}: there are {', '.join(known)}.")
    return parameters


def _fitting(how: Method, parameters: dict[str, Any], given: dict[str, str], folder: Path) -> dict[str, Any]:
    """Return the parameters as the surrogate takes them; raise `SettingError` for what cannot work with it."""
    most = most_tokens(folder)
    parameters = how.completed(parameters, given, model_type(folder))
    most -= how.extra_tokens(parameters)
    length = parameters["max_length"] if "max_length" in given else min(parameters["max_length"], most)
    if not LEAST_TOKENS <= length <= most:
        raise SettingError(f"max_length is {LEAST_TOKENS} to {most} tokens for this surrogate.")
    return {**parameters, "max_length": length}


def _parameters(defaults: dict[str, Any], given: dict[str, str], zero: Container[str] = ()) -> dict[str, Any]:
    """Read settings given as text by the type of their defaults.

    Args:
        zero: the settings that may be zero.
    """
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise SettingError(f"No setting {unknown[0]!r}: there are {', '.join(defaults)}.")
    read = {}
    for key, text in given.items():
        try:
            read[key] = type(defaults[key])(text)
        except ValueError as error:
            raise SettingError(f"{key} is a {type(defaults[key]).__name__}, not {text!r}.") from error
        if key in zero and read[key] == 0:
            continue
        if not isinstance(read[key], str) and not 0 < read[key] < 1e9:
            raise SettingError(f"{key} is a positive number, not {text!r}.")
    return {**defaults, **read}


def _absolute(path: str) -> str:
    return str(Path(path).resolve())
