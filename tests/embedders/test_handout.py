"""What is handed to which worker, where some are lost and others are at it: no cluster is needed to know."""

from dataclasses import replace

from tiny import opinions

from embedders.jobs.handout import LOSSES, Handout, Portion
from embedders.jobs.runs import EmbedReport
from registry import Registry
from registry.catalog import EntryRecord


def entries(registry: Registry, count: int) -> list[EntryRecord]:
    return [registry.add_task(f"task-{number}", opinions(8 + number)) for number in range(count)]


def taken(handout: Handout) -> Portion:
    portion = handout.take()
    assert portion is not None
    return portion


def test_each_entry_is_handed_out_once_and_what_comes_of_it_is_reported(registry: Registry) -> None:
    handout = Handout(entries(registry, 3), EmbedReport("space"))
    first, second, third = taken(handout), taken(handout), taken(handout)

    assert [first.name, second.name, third.name] == ["task-0", "task-1", "task-2"]
    assert handout.take() is None
    assert handout.took(first, EmbedReport("space", embedded={"task-0": 1.5}, unanswered={"task-0": "few"}))
    assert handout.took(second, EmbedReport("space", failed={"task-1": "no luck"}))
    assert handout.took(third, EmbedReport("space", known=["task-2"]))
    assert not handout.has_more
    told = EmbedReport("space", {"task-0": 1.5}, ["task-2"], failed={"task-1": "no luck"})
    assert handout.report == replace(told, unanswered={"task-0": "few"})


def test_what_another_run_is_at_is_tried_again_later_and_taken_from_nobody(registry: Registry) -> None:
    handout = Handout(entries(registry, 1), EmbedReport("space"))
    portion = taken(handout)

    assert portion.is_first
    assert not handout.took(portion, EmbedReport("space", busy={"task-0": "host:7"}))
    assert handout.busy == {"task-0": "host:7"}
    assert handout.has_more
    assert handout.take() is None
    handout.try_again()
    again = taken(handout)
    assert not again.is_first
    assert handout.took(again, EmbedReport("space", embedded={"task-0": 1.0}))
    assert handout.busy == {}
    assert not handout.has_more


def test_an_entry_that_workers_are_lost_over_fails_and_the_others_go_on(registry: Registry) -> None:
    handout = Handout(entries(registry, 2), EmbedReport("space"))
    for _ in range(LOSSES):
        portion = taken(handout)
        assert portion.name == "task-0"
        handout.lose(portion, "out of memory")

    assert handout.report.failed == {"task-0": "2 workers were lost while they were at it (out of memory)."}
    assert taken(handout).name == "task-1"
    assert not handout.has_more


def test_what_nobody_is_left_for_has_failed(registry: Registry) -> None:
    handout = Handout(entries(registry, 3), EmbedReport("space"))
    handout.took(taken(handout), EmbedReport("space", busy={"task-0": "host:7"}))
    handout.took(taken(handout), EmbedReport("space", embedded={"task-1": 1.0}))
    handout.give_up("no worker is left")

    assert handout.report.failed == {"task-0": "no worker is left", "task-2": "no worker is left"}
    assert handout.report.embedded == {"task-1": 1.0}
    assert not handout.has_more
    assert handout.busy == {}
