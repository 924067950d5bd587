"""The diagonal of the empirical Fisher, for whole batches, streamed into a sink."""

from embedders.fisher.hooks import Losses
from embedders.fisher.passes import POWERS, VARIANTS, Fisher, diagonal_fisher
from embedders.fisher.selection import SELECTIONS, Layout, select
from embedders.fisher.sums import Sink

__all__ = ["POWERS", "SELECTIONS", "VARIANTS", "Fisher", "Layout", "Losses", "Sink", "diagonal_fisher", "select"]
