"""What rankings are held against: transfers measured from all sources, or from those of the target's own class."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from embedders.evaluation.transfer.taskweb import SourceScoreTable
from registry.data.examples import CLASSIFICATION, FREE_TEXT, MULTIPLE_CHOICE, QUESTION_ANSWERING, REGRESSION
from registry.data.transfers import TransferRecord
from registry.errors import DataError
from registry.formats.transfers import read_transfers
from registry.metrics import REGRETS
from registry.sources.history import mean_score, setting_of

Truth = Mapping[str, SourceScoreTable]  # setting -> target -> source -> measured score, as a fraction

CR, QA = "classification and regression", "question answering"  # the classes of Vu et al. (2020) that tasks here have
CLASSES = {CLASSIFICATION: CR, REGRESSION: CR, MULTIPLE_CHOICE: QA, QUESTION_ANSWERING: QA, FREE_TEXT: QA}


def read_truth(path: Path, names: Iterable[str] = ()) -> dict[str, dict[str, dict[str, float]]]:
    """Read measured transfers by setting, `MODEL/ADAPTATION`; runs of a measurement are averaged by their seeds.

    Case tells no two tasks apart; each is spelt as in `names`, else as it comes first.

    Raises `DataError` where a target has fewer than two sources, or a score is not what the metrics take.
    """
    collected: dict[str, dict[str, dict[str, list[TransferRecord]]]] = {}
    for record in read_transfers(path, names=names):
        if record.score_mean > 1:
            raise DataError(str(path), f"a score of {record.score_mean:g} is not a fraction: divide percents by 100.")
        if record.source != record.target:
            targets_of = collected.setdefault(setting_of(record), {})
            targets_of.setdefault(record.target, {}).setdefault(record.source, []).append(record)
    truth = {
        setting: {
            target: {source: mean_score(runs) for source, runs in sorted(sources.items())}
            for target, sources in sorted(targets.items())
        }
        for setting, targets in sorted(collected.items())
    }
    for setting, targets in truth.items():
        for target, sources in targets.items():
            if len(sources) < 2:
                raise DataError(str(path), f"{target} has one source in {setting}: there is nothing to rank.")
            if not _helps(sources.values()):
                raise DataError(str(path), f"nothing helps {target} in {setting}: scores above 0 are needed.")
    return truth


def sources_of(truth: Truth) -> dict[str, set[str]]:
    """Return every target with the sources that were measured in any setting."""
    found: dict[str, set[str]] = {}
    for targets in truth.values():
        for target, sources in targets.items():
            found.setdefault(target, set()).update(sources)
    return found


def tasks_of(truth: Truth) -> set[str]:
    """Return every task that is a target or a source."""
    return {name for target, sources in sources_of(truth).items() for name in (target, *sources)}


def in_class(truth: Truth, kinds: Mapping[str, str | None]) -> Truth:
    """Return what was measured from sources of the target's own class; nothing unless the tasks are of both classes.

    Left out are targets with fewer than two such sources, and those that none of these helps.

    Args:
        kinds: of the tasks; where that of any is not known, there is nothing either.
    """
    classes = {name: CLASSES.get(kinds.get(name) or "") for name in tasks_of(truth)}
    if None in classes.values() or len(set(classes.values())) < 2:
        return {}
    made: dict[str, SourceScoreTable] = {}
    for setting, targets in truth.items():
        own = {
            target: {source: score for source, score in sources.items() if classes[source] == classes[target]}
            for target, sources in targets.items()
        }
        kept = {target: sources for target, sources in own.items() if len(sources) > 1 and _helps(sources.values())}
        if kept:
            made[setting] = kept
    return made


def _helps(scores: Collection[float]) -> bool:
    """Return whether there is an outcome to regret: the metrics take shares of the best ones' mean."""
    return sum(sorted(scores)[-max(REGRETS) :]) > 0
