"""What is known of one layer: a row of the table, and a record for programs to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tatamu.nn.parameter import is_lazy
from tatamu.summary.settings import ColumnSettings
from tatamu.summary.sizes import product, size_and_width

if TYPE_CHECKING:
    from tatamu.nn import Module
    from tatamu.tensor import Tensor

__all__ = ["LayerInfo", "numbered"]


class LayerInfo:
    """One call of a module, or a module that was never called: sizes, parameters, mult-adds.

    ``children`` are all records below, not only the next ones; ``parent_info`` the module's place
    in the tree; ``depth_index`` counts the rows of the same depth.
    """

    def __init__(
        self, var_name: str, module: Module, depth: int, parent_info: LayerInfo | None = None
    ) -> None:
        self.layer_id = id(module)
        self.module = module
        self.class_name = type(module).__name__
        self.var_name = var_name
        self.depth = depth
        self.depth_index: int | None = None
        self.parent_info = parent_info
        self.children: list[LayerInfo] = []
        self.is_leaf_layer = not any(module.children())  # an empty Sequential is false
        self.is_recursive = False
        self.executed = False
        self.contains_lazy_param = False
        self.inner_layers: dict[str, dict[ColumnSettings, Any]] = {}
        self.kernel_size = _kernel_size(module)
        self.input_size: list[Any] = []
        self.output_size: list[Any] = []
        self.num_params = 0
        self.trainable_params = 0
        self.param_bytes = 0
        self.output_bytes = 0
        self.macs = 0

    def __repr__(self) -> str:
        return f"{self.class_name}: {self.depth}"

    @property
    def trainable(self) -> str:
        """``True``, ``False`` or ``Partial``, as its parameters are; ``--`` without any."""
        if self.num_params == 0:
            return "--"
        if self.trainable_params == 0:
            return "False"
        return "True" if self.num_params == self.trainable_params else "Partial"

    def path(self) -> str:
        """How Python reaches the module.

        >>> from tatamu import nn
        >>> model = LayerInfo("Net", nn.Sequential(), 0)
        >>> LayerInfo("0", nn.ReLU(), 2, LayerInfo("body", nn.ReLU(), 1, model)).path()
        'model.body[0]'
        """
        if self.parent_info is None:
            return "model"
        step = f"[{self.var_name}]" if self.var_name.isdigit() else f".{self.var_name}"
        return self.parent_info.path() + step

    # ---- what is counted ----

    def count_params(self) -> None:
        """Parameters of the module and all below, and the rows that ``verbose=2`` shows of them."""
        self.num_params = self.trainable_params = self.param_bytes = 0
        self.inner_layers = {}
        last: dict[ColumnSettings, Any] = {}
        for name, parameter, count in self._counted():
            self.param_bytes += parameter.element_size() * count
            self.num_params += count
            if parameter.requires_grad:
                self.trainable_params += count
            size = list(parameter.size())
            if name == "weight" and len(size) > 1:
                size[:2] = size[1], size[0]  # channels in, channels out, kernel
            if self.parent_info is not None or "." not in name:
                self.inner_layers[name] = last = {
                    ColumnSettings.KERNEL_SIZE: str(size),
                    ColumnSettings.NUM_PARAMS: f"├─{count:,}",
                }
        if last:
            last[ColumnSettings.NUM_PARAMS] = f"└─{last[ColumnSettings.NUM_PARAMS][2:]}"

    def _counted(self) -> Iterator[tuple[str, Tensor, int]]:
        """Name, tensor and number of each parameter; of a pruned one those that are left."""
        for name, parameter in self.module.named_parameters():
            if is_lazy(parameter):
                self.contains_lazy_param = True
                continue
            mask = None
            if name.endswith("_orig"):
                mask = _reached(self.module, f"{name[:-5]}_mask")
            if mask is None:
                yield name, parameter, parameter.numel()
            else:
                yield name[:-5], parameter, int(mask.sum())

    def ran(self, inputs: Any, outputs: Any, batch_dim: int | None) -> None:
        """Note what a call was given and gave. TypeError for outputs of no known kind."""
        if self.contains_lazy_param:
            self.count_params()
        self.input_size, _ = size_and_width(inputs, batch_dim)
        self.output_size, width = size_and_width(outputs, batch_dim)
        self.output_bytes = width * product(self.output_size)
        self.executed = True
        self._count_macs()

    def _count_macs(self) -> None:
        """A convolution's parameters at every position of every picture; others once a sample."""
        size = self.output_size
        for name, _, count in self._counted():
            if name not in ("weight", "bias"):
                # Named weight_ih, or a child's own: each step of a sequence uses it.
                if "weight" in name or "bias" in name:
                    self.macs += product(size[:2]) * count
            elif "Conv" in self.class_name:
                self.macs += int(count * product(size[:1] + size[2:]))
            else:
                self.macs += size[0] * count

    def leftover(self, what: str, known: dict[int, int] | None = None) -> int:
        """``num_params`` or ``trainable_params`` less those of the records below.

        ``known`` keeps what has been found on the way: each record is below all those around it.
        """
        known = {} if known is None else known
        if id(self) not in known:
            own: int = getattr(self, what)
            for child in self.children:
                if not child.is_recursive:
                    leaf = child.is_leaf_layer
                    own -= getattr(child, what) if leaf else child.leftover(what, known)
            known[id(self)] = own
        return known[id(self)]

    def leftover_params(self) -> int:
        """Parameters of the module that none of the records below has."""
        return self.leftover("num_params")

    def leftover_trainable_params(self) -> int:
        """As ``leftover_params``, of the trainable ones."""
        return self.leftover("trainable_params")

    # ---- cells ----

    def get_layer_name(self, show_var_name: bool, show_depth: bool) -> str:
        """``Conv2d (conv1): 1-3``, or parts of it."""
        name = self.class_name
        if show_var_name and self.var_name:
            name += f" ({self.var_name})"
        if show_depth and self.depth > 0:
            name += f": {self.depth}"
            if self.depth_index is not None:
                name += f"-{self.depth_index}"
        return name

    def _shown_params(self, reached_max_depth: bool) -> int:
        """What the row says for itself: what lies below has rows of its own, if any are shown."""
        if reached_max_depth or self.is_leaf_layer:
            return self.num_params
        return self.leftover_params()

    def num_params_to_str(self, reached_max_depth: bool) -> str:
        """The cell of the parameters; in brackets where none is trained."""
        if self.num_params == 0:
            return "--"
        if self.is_recursive:
            return "(recursive)"
        shown = self._shown_params(reached_max_depth)
        if reached_max_depth or self.is_leaf_layer:
            return f"{shown:,}" if self.trainable_params else f"({shown:,})"
        return f"{shown:,}" if shown > 0 else "--"

    def params_percent(self, total_params: int, reached_max_depth: bool) -> str:
        """The cell of the share in all parameters."""
        if total_params and self.is_recursive:
            return "(recursive)"
        shown = self._shown_params(reached_max_depth)
        if not total_params or not shown:
            return "     --"
        return f"{shown / total_params:>7.2%}"

    def macs_to_str(self, reached_max_depth: bool) -> str:
        """The cell of the mult-adds."""
        if self.macs <= 0:
            return "--"
        if self.is_leaf_layer:
            return f"{self.macs:,}"
        if reached_max_depth:
            return f"{sum(child.macs for child in self.children if child.is_leaf_layer):,}"
        return "--"


def numbered(records: Sequence[LayerInfo]) -> None:
    """Give each record its number within its depth, and the records below it."""
    counts: dict[int, int] = {}
    for place, record in enumerate(records):
        counts[record.depth] = counts.get(record.depth, 0) + 1
        record.depth_index = counts[record.depth]
        end = place + 1
        while end < len(records) and records[end].depth > record.depth:
            end += 1
        record.children = list(records[place + 1 : end])


def _kernel_size(module: Module) -> int | list[int] | None:
    if not hasattr(module, "kernel_size"):
        return None
    size = module.kernel_size
    if isinstance(size, Iterable):
        return list(size)
    if isinstance(size, int):
        return int(size)
    raise TypeError(f"kernel_size has an unexpected type: {type(size)}")


def _reached(module: Module, path: str) -> Tensor | None:
    """The tensor of a dotted name, if it is there."""
    found: Any = module
    for name in path.split("."):
        if not hasattr(found, name):
            return None
        found = getattr(found, name)
    tensor: Tensor = found
    return tensor
