"""Where the public data lie that the figures of the documents come from."""

import os
from pathlib import Path

ENVIRONMENT = "FUTE_DATA"
BESIDE = Path(__file__).parents[2] / "shared" / "data"  # where it is looked for unless the environment says


def data_folder() -> Path:
    """Return the folder of public data: $FUTE_DATA, else ../shared/data. docs/results.md says what it holds."""
    given = os.environ.get(ENVIRONMENT)
    return Path(given).expanduser().resolve() if given else BESIDE


DATA = data_folder() / "tasks"  # a folder for each task
