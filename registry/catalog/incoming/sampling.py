"""Unlabelled inputs drawn from the registered tasks: what a corpus can be made of."""

from collections.abc import Sequence

from registry.catalog import Catalog, Filter
from registry.data.inputs import Input, sample_inputs
from registry.data.tasks import SPLITS, task_of
from registry.data.vectors import has_data
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.names import several, whole


def sampled(catalog: Catalog, *, per_task: int, exclude: Sequence[str], seed: int) -> tuple[list[Input], str]:
    """Return inputs of the tasks' training examples, those in `exclude` left out, and a sentence that says of which."""
    if whole(per_task, "per_task") < 1:
        raise InputError(f"per_task: {per_task} texts are none.")
    left_out = {catalog.entries.get(task, EntryKind.TASK).name for task in several(exclude, "exclude")}
    known = catalog.entries.all(Filter(kinds=(EntryKind.TASK,)))
    tasks = {}
    for task in known:
        if task.name not in left_out and has_data(task.spec):
            held = {role: catalog.entries.content(sha) for role, sha in task.contents.items() if role in SPLITS}
            tasks[task.name] = task_of(task.spec, held, task.name).train
    without = f", without {', '.join(sorted(left_out))}" if left_out else ""
    inputs = sample_inputs(tasks, per_task=per_task, seed=seed)
    return inputs, f"{per_task} texts of each of {len(tasks)} tasks{without}"
