"""Lists of pairs as they are typed: `0=negative,1=positive`, `spam=10%,other=0.9`."""

import re

from registry.errors import InputError

_PART = r'(?:[^,"]|"[^"]*"?)+'  # of a list with commas, which may stand in double quotes


def pairs_of(text: str) -> dict[str, str]:
    """Return what stands before and behind each `=`; either may be in double quotes, which a shell may have left there.

    Raises:
        InputError: a part is no pair, or a name is there twice.
    """
    parts = [re.fullmatch(r'(\s*"[^"]*"\s*|[^=]*)=?(.*)', part, re.DOTALL) for part in re.findall(_PART, text)]
    found = {_unquoted(part[1]): _unquoted(part[2]) for part in parts if part is not None}
    if not all(key and value for key, value in found.items()) or len(found) < text.count(",") + 1 - _quoted(text):
        raise InputError("expected LABEL=TEXT,LABEL=TEXT")
    return found


def shares_of(text: str) -> dict[str, float]:
    """Return shares by their names, numbers or percents; raise `InputError` where one is neither."""
    try:
        named = pairs_of(text)
        return {key: float(said.removesuffix("%")) / (100 if said.endswith("%") else 1) for key, said in named.items()}
    except (InputError, ValueError) as error:
        raise InputError("expected LABEL=SHARE,LABEL=SHARE, such as spam=0.1") from error


def _unquoted(text: str) -> str:
    return text.strip().removeprefix('"').removesuffix('"').strip()


def _quoted(text: str) -> int:
    """Return how many commas stand in double quotes."""
    return sum(part.count(",") for part in re.findall(r'"[^"]*"', text))
