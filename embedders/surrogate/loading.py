"""A space's surrogate, loaded when it is needed: torch is not, before."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from embedders.surrogate.kept import KeptFeatures, user_cache
from embedders.surrogate.weights import checked_folder
from registry.errors import MissingExtraError
from registry.spaces.spec import SpaceSpec

if TYPE_CHECKING:
    from embedders.surrogate.model import Surrogate
    from embedders.surrogate.recalling import RecallingSurrogate


def surrogate_of(spec: SpaceSpec, device: str | None) -> "Surrogate":
    """Return a space's surrogate; raise `ModelNotUsableError` where it has changed.

    It is loaded when features are asked for that are not kept, or more than features.
    """
    with _torch_loading():
        from embedders.hardware.devices import arithmetic, best_device
        from embedders.surrogate.model import Surrogate
    kept, folder, length = None, user_cache("features"), spec.parameters["max_length"]
    if folder is not None:
        made_by = {"surrogate": spec.surrogate, "max_length": length, **arithmetic(best_device(device))}
        kept = KeptFeatures(folder, made_by)
    return Surrogate(
        checked_folder(spec),
        device=device,
        max_length=length,
        kept=kept,
        later=kept is not None,
        check=partial(checked_folder, spec),
    )


class SurrogateCache:
    """The surrogates that several spaces share: each is loaded once, and works out the features of an input once."""

    def __init__(self, *, device: str | None) -> None:
        self._device = device
        self._loaded: dict[tuple[str, int], RecallingSurrogate] = {}

    def for_space(self, spec: SpaceSpec) -> "RecallingSurrogate":
        """Return a space's surrogate; raise `ModelNotUsableError` where it has changed."""
        with _torch_loading():
            from embedders.surrogate.recalling import RecallingSurrogate
        length = spec.parameters["max_length"]
        key = (spec.surrogate, length)
        if key not in self._loaded:
            folder, check = checked_folder(spec), partial(checked_folder, spec)
            self._loaded[key] = RecallingSurrogate(folder, device=self._device, max_length=length, check=check)
        return self._loaded[key]


@contextmanager
def _torch_loading() -> Iterator[None]:
    """Tell what is missing; and let a Ctrl-C while torch is loaded be heard, which a callback of `gc` would lose."""
    gc.disable()
    try:
        yield
    except ImportError as error:
        what = error.name if isinstance(error, ModuleNotFoundError) else "PyTorch"
        raise MissingExtraError(f"Embedding needs {what}", "embed") from error
    finally:
        gc.enable()
