"""From a traced graph to the bytes of an ONNX file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.compile.graph import Graph, Node, Value
from tatamu.compile.names import names_of
from tatamu.compile.passes.batch_norm import fold_batch_norm
from tatamu.compile.passes.constants import fold_constants
from tatamu.compile.passes.dead import drop_dead
from tatamu.compile.trace import trace
from tatamu.onnx import OPSET, OnnxExporterError, UnsupportedOperatorError
from tatamu.version import OWN

if TYPE_CHECKING:
    import onnx

__all__ = ["Writer", "written"]


def written(
    model: Callable[..., Any],
    args: tuple[Any, ...],
    input_names: Sequence[str] | None,
    output_names: Sequence[str] | None,
    fold: bool,
) -> bytes:
    """The file's bytes."""
    graph = drop_dead(fold_constants(trace(model, args, {}, *names_of(model)).graph))
    if fold:
        graph = drop_dead(fold_batch_norm(graph))
    writer = Writer(graph)
    inputs = _named(input_names, len(graph.inputs), "input")
    outputs = _named(output_names, len(graph.outputs), "output")
    content = writer.model(inputs, outputs).SerializeToString()
    return bytes(content)


def _named(names: Sequence[str] | None, count: int, noun: str) -> list[str]:
    """The names of inputs or outputs: the caller's, or numbered ones where there are several."""
    if names is None:
        return [noun if count == 1 else f"{noun}_{place}" for place in range(count)]
    if len(names) != count:
        raise ValueError(
            f"{noun}_names has {len(names)} names\n  the network has {count} {noun}(s)"
        )
    return list(names)


class Writer:
    """A graph being written; operators add nodes through `add` and `constant`."""

    def __init__(self, graph: Graph):
        try:
            import onnx
        except ModuleNotFoundError as error:
            raise OnnxExporterError(
                "Module onnx is not installed!\n  pip install tatamu[onnx] installs it"
            ) from error
        self.graph = graph
        self.onnx = onnx
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Any] = {}
        self.names: dict[Value, str] = {}

    def model(self, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.ModelProto:
        """The whole of it, checked by the library."""
        from tatamu.onnx.operators import OPERATORS

        helper = self.onnx.helper
        graph = self.graph
        self.names = dict(zip(graph.inputs, inputs, strict=True))
        for value, array in graph.constants.items():
            self.names[value] = self.constant(array.array, value.name)
        for node in graph.nodes:
            operator = OPERATORS.get(node.op.name)
            if operator is None:
                raise unsupported(node, "")
            for value, name in zip(node.outputs, operator(self, node), strict=False):
                self.names[value] = name
        for value, name in zip(graph.outputs, outputs, strict=True):
            self.nodes.append(helper.make_node("Identity", [self.names[value]], [name]))
        made = helper.make_graph(
            self.nodes,
            "tatamu",
            [self._kind(v, name) for v, name in zip(graph.inputs, inputs, strict=True)],
            [self._kind(v, name) for v, name in zip(graph.outputs, outputs, strict=True)],
            [self.onnx.numpy_helper.from_array(a, name) for name, a in self.constants.items()],
        )
        model = helper.make_model(
            made,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="tatamu",
            producer_version=OWN,
            ir_version=8,
        )
        self.onnx.checker.check_model(model)
        checked: onnx.ModelProto = model
        return checked

    def _kind(self, value: Value, name: str) -> onnx.ValueInfoProto:
        code = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(value.dtype.numpy))
        return self.onnx.helper.make_tensor_value_info(name, code, list(value.shape))

    def name(self, value: Value | None) -> str:
        """The name of an input of a node; '' for one that is absent."""
        return "" if value is None else self.names[value]

    def add(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> str:
        """Append a node; the name of its first output (see `several`)."""
        return self.several(kind, inputs, outputs, **attributes)[0]

    def several(
        self, kind: str, inputs: Sequence[str], outputs: int, **attributes: Any
    ) -> list[str]:
        """Append a node; the names of its outputs."""
        given = list(inputs)
        while given and not given[-1]:
            given.pop()
        first = len(self.nodes)
        names = [f"{kind}_{first}" + (f"_{place}" if place else "") for place in range(outputs)]
        self.nodes.append(
            self.onnx.helper.make_node(kind, given, names, name=f"{kind}_{first}", **attributes)
        )
        return names

    def constant(self, array: Any, name: str = "") -> str:
        """The name under which an array is kept in the file."""
        name = name or f"constant_{len(self.constants)}"
        while name in self.constants:
            name += "_"
        self.constants[name] = np.array(array, order="C")
        return name

    def integers(self, values: Sequence[int]) -> str:
        """A constant list of integers."""
        return self.constant(np.array(values, np.int64))


def unsupported(node: Node, why: str) -> UnsupportedOperatorError:
    """The error for an operation that cannot be written, with the line that asked for it."""
    where = f"\n  in {node.where}" if node.where else ""
    reason = f": {why}" if why else ""
    return UnsupportedOperatorError(
        f"Exporting the operator '{node.op.name}' to ONNX opset version {OPSET} is not supported"
        f"{reason}{where}"
    )
