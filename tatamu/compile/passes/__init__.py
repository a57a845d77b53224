"""What is done to a graph, one pass after the other; each is a function from graph to graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tatamu.compile.graph import Graph, verify
from tatamu.compile.passes.batch_norm import fold_batch_norm
from tatamu.compile.passes.chains import chain_elementwise
from tatamu.compile.passes.common import share_common
from tatamu.compile.passes.constants import fold_constants
from tatamu.compile.passes.dead import drop_dead
from tatamu.compile.passes.epilogues import fuse_epilogues
from tatamu.compile.passes.joins import join_in_place
from tatamu.compile.passes.layout import lay_channels_last
from tatamu.ops.elementwise import FEWEST

__all__ = ["EXACT", "FOLDING", "improved"]

FOLDING: tuple[Callable[[Graph], Graph], ...] = (
    share_common,
    fold_constants,
    drop_dead,
    lay_channels_last,
    share_common,
    fold_batch_norm,
    fuse_epilogues,
    chain_elementwise,
    share_common,
    drop_dead,
    join_in_place,
    drop_dead,
)
"""All passes, in order."""

EXACT: tuple[Callable[[Graph], Graph], ...] = (
    share_common,
    fold_constants,
    drop_dead,
    share_common,
    partial(fuse_epilogues, fewest=FEWEST),
    partial(chain_elementwise, fewest=FEWEST),
    share_common,
    drop_dead,
)
"""Those that change no bit of any number. Other strides could bring another kernel, so tensors lie
as eager mode lays them."""


def improved(graph: Graph, *, fold: bool) -> Graph:
    """``graph`` after all passes; without ``fold`` after those that change no bit."""
    for one in FOLDING if fold else EXACT:
        graph = verify(one(graph))
    return graph
