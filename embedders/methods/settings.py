"""The settings of a space's method, checked before anything is embedded."""

from collections.abc import Container
from pathlib import Path
from typing import Any

from embedders.errors import SettingError
from embedders.methods.contract import Method
from embedders.surrogate.weights import model_type, most_tokens

LEAST_TOKENS = 8  # with fewer, all inputs would look alike
ANSWERS = ("hard", "probabilities", "calibrated")
COMMON: dict[str, Any] = {
    "examples": 512,  # of a task, at most
    "max_length": 128,  # tokens
    "answers": "hard",  # of a black box: its likeliest answer, its probabilities, or those calibrated in batch
}


def checked_settings(how: Method, given: dict[str, str]) -> dict[str, Any]:
    """Return the parameters that were given and the defaults of the others; raise `SettingError`."""
    parameters = _parameters({**COMMON, **how.parameters()}, given, zero=how.may_be_zero)
    for key, known in {"answers": ANSWERS, **how.choices}.items():
        if parameters[key] not in known:
            raise SettingError(f"No {key} {parameters[key]!r}: there are {', '.join(known)}.")
    return parameters


def fitting_settings(how: Method, parameters: dict[str, Any], given: dict[str, str], folder: Path) -> dict[str, Any]:
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
