"""Makes the settings of a space, and the default space that is the same everywhere. Needs no torch."""

from pathlib import Path

from embedders.errors import SettingError
from embedders.methods import DEFAULT, method_named
from embedders.methods.settings import checked_settings, fitting_settings
from embedders.surrogate.weights import MINILM, identity, model_folder
from registry import Registry
from registry.catalog import EntryRecord, SpaceRecord
from registry.catalog.incoming.new_entries import new_corpus
from registry.catalog.records import NewEntry
from registry.data.inputs import Input, distinct
from registry.errors import NotFoundError
from registry.formats.tasks import read_task
from registry.kinds import EntryKind
from registry.names import whole
from registry.resources import resource
from registry.spaces.facets import Facets
from registry.spaces.spec import DIMENSION, IMPORTED, SpaceSpec

DEFAULT_SPACE = "default"
EVERYDAY = "everyday"  # the corpus that comes with the program


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
        surrogate: `minilm` from the offline package, a folder, or a hub id; what made the vectors of an imported space.
        method: `mapemb`, `taskemb`, `tupate`, `textemb` or `curvegrad`; `imported` for vectors that people bring.
        corpus: the inputs on which black boxes are observed; None for a space of tasks only.
        dimension: numbers in a vector; fewer where the method has no more to tell.
        settings: parameters of the method and of `COMMON`, as text.

    Raises:
        SettingError: a setting is unknown or does not make sense.
    """
    if method == IMPORTED:
        return _imported(registry, name, surrogate, dimension, settings)
    how = method_named(method)
    parameters = checked_settings(how, settings or {})
    if not 8 <= whole(dimension, "dimension") <= 65536:
        raise SettingError(f"A space has 8 to 65536 dimensions, not {dimension}.")
    if not 0 <= whole(seed, "seed") < 2**32:
        raise SettingError(f"A seed is a whole number from 0 to {2**32 - 1}.")
    folder = model_folder(surrogate)
    parameters = fitting_settings(how, parameters, settings or {}, folder)
    new = _corpus(registry, corpus) if corpus is not None and how.sees_answers else None
    spec = SpaceSpec(
        surrogate=identity(folder),
        surrogate_source=surrogate if surrogate == MINILM or not Path(surrogate).is_dir() else _absolute(surrogate),
        method=how.name,
        parameters=parameters,
        facets=Facets(how.facets(how.numbers(parameters, dimension))),
        corpus=new.content_hash if new else None,
        seed=whole(seed, "seed"),
    )
    return registry.add_space(name, spec, corpus=new)


def _imported(
    registry: Registry, name: str, source: str, dimension: int, settings: dict[str, str] | None
) -> SpaceRecord:
    """Make a space of vectors that people bring."""
    if settings:
        raise SettingError(f"A space of imported vectors has no settings such as {next(iter(settings))!r}.")
    if source == MINILM:
        raise SettingError("Say with --surrogate what made the vectors, such as openai/clip-vit-base-patch32.")
    return registry.add_space(name, SpaceSpec.imported(source, dimension), corpus=None)


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


def _absolute(path: str) -> str:
    return str(Path(path).resolve())
