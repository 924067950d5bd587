"""What may be shown, and kept, of texts that come from elsewhere: no key, and no character that a terminal obeys.

Whether bars of progress are shown is said here too.
"""

import os
import re

HIDDEN = "***"
NO_BARS = "FUTE_NO_PROGRESS"  # the environment variable
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$")  # of an environment variable
_LEAST = 8  # characters of what such a variable holds; less is found by chance in any text
_SECRETS = (
    re.compile(r"(?<=://)[^/\s@'\"?#\\]*@"),  # a user with a password, or a key in its place
    re.compile(r"(?<=[?&;])[\w.-]*(?:key|token|secret|password|passwd|pwd|auth|sig(?:nature)?)=[^\s&#'\"\\]+", re.I),
    re.compile(r"\b(?:[sprx]k|gsk|xai|hf|ghp|gho|ghs|ghu|glpat|pplx|nvapi|xox[abeoprs]|r8|key|api)"
               r"(?:[-_][A-Za-z0-9]{1,12}){0,3}[-_][A-Za-z0-9]{16,}[A-Za-z0-9_-]*"),
    re.compile(r"\bgithub_pat_\w{20,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bya29\.[\w-]{20,}"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # a JSON web token
    re.compile(r"(?<=bearer )\s*[^\s'\",}\\]{8,}|(?<=basic )\s*[A-Za-z0-9+/]{12,}={0,2}", re.I),
)  # fmt: skip
_IN_A_PATH = re.compile(r"(?:[sprx]k|gsk|xai|hf|ghp|glpat|pplx|nvapi|r8|key|token|secret)[-_].+", re.IGNORECASE)
# Control characters but for the ends of lines and tabs, and marks that turn the direction of what follows.
_OBEYED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\r(?!\n)"
)


def without_secrets(text: str) -> str:
    """Return a text with `***` for whatever looks like a key, and for what this machine's variables hold as one."""
    for name, value in os.environ.items():
        if len(value) >= _LEAST and _SECRET_NAME.search(name.upper()):
            text = text.replace(value, HIDDEN)
    for secret in _SECRETS:
        text = secret.sub(HIDDEN, text)
    return text


def bars_off() -> bool | None:
    """Say what tqdm is to be told: True where no bars are wanted, None where a terminal decides."""
    return True if os.environ.get(NO_BARS) else None


def holds_secret(text: str) -> bool:
    """Say whether a text holds what looks like a key."""
    return without_secrets(text) != text


def is_secret_in_path(path: str) -> bool:
    """Say whether a part of a URL's path looks like a key: there even a short one is none of an address's words."""
    return any(_IN_A_PATH.fullmatch(part) for part in path.split("/")) or holds_secret(path)


def shown(text: str) -> str:
    r"""Return a text as it may reach a terminal, with `\u001b` for what it would obey; JSON stays the same JSON."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def storable(text: str) -> str:
    r"""Return a text as every database can keep it: as it is shown, and with `\ud800` for half of a surrogate pair."""
    return shown(text).encode(errors="backslashreplace").decode()
