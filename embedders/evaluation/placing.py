"""Spaces outside a registry, and where models land among the tasks of one."""

import tempfile
from collections.abc import Iterable
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from embedders.errors import SettingError
from embedders.methods import method_named
from embedders.methods.assembling import assemble
from embedders.methods.settings import COMMON
from embedders.observed import Observed, from_task
from embedders.spaces import create_space
from embedders.surrogate.model import Surrogate
from registry import Registry
from registry.data.tasks import TaskData
from registry.shown import bars_off
from registry.spaces.spec import SpaceSpec

T = TypeVar("T")


class MethodSpace:
    """A space of one method with its defaults."""

    def __init__(
        self, method: str, surrogate: Surrogate, source: str, *, seed: int, examples: int = COMMON["examples"]
    ) -> None:
        """Make it: `source` is where the surrogate is from, `examples` how many of a task are taken at most."""
        self.method = method
        self._surrogate = surrogate
        with tempfile.TemporaryDirectory() as folder, Registry.create(folder) as registry:
            settings = {"examples": str(examples)}
            made = create_space(
                registry, method, surrogate=source, method=method, corpus=None, seed=seed, settings=settings
            )
            self.spec = SpaceSpec.from_document(made.spec)
        self.facets = self.spec.facets

    def of_task(self, task: TaskData) -> NDArray[np.float32]:
        """Return the DTE of a sample of the training examples."""
        return self.of_model(from_task(task, examples=self.spec.parameters["examples"], seed=self.spec.seed))

    def of_model(self, observed: Observed) -> NDArray[np.float32]:
        """Return the embedding of labelled inputs."""
        spec = self.spec
        reading = method_named(self.method).read(
            self._surrogate, observed, spec.parameters, seed=spec.seed, dimension=spec.dimension
        )
        return assemble(reading, spec)


def check_sees_answers(methods: Iterable[str]) -> None:
    """Raise `SettingError` if one of the methods cannot tell models apart."""
    for name in methods:
        if not method_named(name).sees_answers:
            raise SettingError(f"{name} sees no answers, so all models would get the same vector: leave it out.")


def shown(items: Iterable[T], what: str) -> Iterable[T]:
    """Go through items with a bar on stderr, where that is a terminal."""
    from tqdm.auto import tqdm

    return cast("Iterable[T]", tqdm(list(items), desc=what, disable=bars_off(), dynamic_ncols=True))
