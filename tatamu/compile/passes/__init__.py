"""What is done to a graph, one pass after the other; each is a function from graph to graph."""

from __future__ import annotations

from collections.abc import Callable

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

__all__ = ["improved"]


def improved(graph: Graph, *, fold: bool) -> Graph:
    """``graph`` after all passes. Without ``fold`` only those that change no bit of any number."""
    passes: list[Callable[[Graph], Graph]] = [fold_constants, lay_channels_last, share_common]
    if fold:
        passes += [fold_batch_norm]
    fewest = 0 if fold else FEWEST
    passes += [
        lambda g: fuse_epilogues(g, fewest),
        lambda g: chain_elementwise(g, fewest),
        share_common,
        drop_dead,
        join_in_place,
        drop_dead,
    ]
    for one in passes:
        graph = verify(one(graph))
    return graph
