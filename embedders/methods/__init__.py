"""How an embedding is read off the surrogate: one file per method."""

from embedders.errors import SettingError
from embedders.methods.contract import Method, Parts, Reading
from embedders.methods.curvegrad import CurveGrad
from embedders.methods.mapemb import MapEmb
from embedders.methods.taskemb import TaskEmb
from embedders.methods.textemb import TextEmb
from embedders.methods.tupate import TuPaTE

__all__ = ["DEFAULT", "METHODS", "Method", "Parts", "Reading", "method_named"]

_ALL = (MapEmb(), TaskEmb(), TuPaTE(), TextEmb(), CurveGrad())
METHODS: dict[str, Method] = {method.name: method for method in _ALL}
DEFAULT = "mapemb"


def method_named(name: str) -> Method:
    """Return a method by its name; raise `SettingError`."""
    if name not in METHODS:
        raise SettingError(f"No method {name!r}: there are {', '.join(METHODS)}.")
    return METHODS[name]
