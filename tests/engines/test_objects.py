"""The sketch engine's object detector, and the script that made its weights."""

import base64
import importlib.util
import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from longtake.engines.sketch.objects import (
    LABELS,
    Detection,
    ObjectDetector,
    drop_repeats,
    fit_image,
    read_row,
)
from tests.conftest import ROOT

BIKES = ROOT / "examples" / "bikes.mp4"


@pytest.fixture(scope="module")
def detector() -> ObjectDetector:
    return ObjectDetector()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_there_are_eighty_different_labels() -> None:
    assert len(LABELS) == len(set(LABELS)) == 80
    assert (LABELS[0], LABELS[9], LABELS[79]) == ("person", "traffic light", "toothbrush")
    assert all(label == label.strip() and label for label in LABELS)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_blank_image_has_no_objects(detector: ObjectDetector, shade: int) -> None:
    assert detector.detect(np.full((360, 640, 3), shade, np.uint8)) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2000), (513, 511)])
def test_odd_sizes_give_boxes_inside_the_frame(
    detector: ObjectDetector, size: tuple[int, int]
) -> None:
    for found in detector.detect(noise(*size), minimum_score=0.01):
        left, top, right, bottom = found.box
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
        assert found.label in LABELS and 0.01 <= found.score <= 1


def test_surest_object_comes_first(detector: ObjectDetector) -> None:
    scores = [found.score for found in detector.detect(noise(300, 400), minimum_score=0.01)]
    assert len(scores) > 1 and scores == sorted(scores, reverse=True)


def test_wide_image_fills_the_middle_of_the_square() -> None:
    square, area = fit_image(np.full((100, 200, 3), 255, np.uint8))
    assert area == (0, 128, 512, 384)
    assert square[128:384].min() == 255 and square[:128].max() == square[384:].max() == 0


def test_box_is_a_fraction_of_the_image_and_not_of_the_square() -> None:
    row = np.array([128, 192, 256, 600, 0.9, 1], np.float32)
    found = read_row(row, (0, 128, 512, 384))
    assert (found.label, found.box) == ("bicycle", (0.25, 0.25, 0.5, 1.0))


def test_one_object_is_said_once() -> None:
    surest = Detection("cat", 0.9, (0.1, 0.1, 0.5, 0.5))
    again = Detection("cat", 0.5, (0.1, 0.1, 0.5, 0.45))
    other_name = Detection("dog", 0.4, (0.1, 0.1, 0.5, 0.5))
    beside = Detection("cat", 0.3, (0.6, 0.1, 0.9, 0.5))
    assert drop_repeats([beside, other_name, again, surest]) == [surest, beside]


def test_objects_of_two_labels_may_share_a_place() -> None:
    rider = Detection("person", 0.9, (0.1, 0.1, 0.5, 0.9))
    bicycle = Detection("bicycle", 0.5, (0.1, 0.4, 0.5, 1.0))
    assert drop_repeats([rider, bicycle]) == [rider, bicycle]


@pytest.mark.skipif(not BIKES.exists(), reason="examples/bikes.mp4 is not fetched")
def test_street_footage_shows_persons_cars_and_bicycles(detector: ObjectDetector) -> None:
    av = pytest.importorskip("av")
    with av.open(str(BIKES)) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)][::10]
    seen = [{found.label for found in detector.detect(frame)} for frame in frames]
    for label in ("person", "car", "bicycle"):
        assert sum(label in labels for labels in seen) >= 3, label


@pytest.fixture(scope="module")
def convert() -> ModuleType:
    pytest.importorskip("onnx")
    path = ROOT / "scripts" / "convert_centernet.py"
    spec = importlib.util.spec_from_file_location("convert_centernet", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_graph(weights: dict[str, np.ndarray], *nodes: dict[str, Any]) -> tuple[dict, bytes]:
    """A tfjs model with a 1x5x4x2 input named x."""
    dims = {"dim": [{"size": str(size)} for size in (1, 5, 4, 2)]}
    attributes = {"dtype": {"type": "DT_FLOAT"}, "shape": {"shape": dims}}
    entry = {"name": "x", "op": "Placeholder", "attr": attributes}
    kinds = {"f": "float32", "i": "int32"}
    specs = [
        {"name": name, "shape": list(array.shape), "dtype": kinds[array.dtype.kind]}
        for name, array in weights.items()
    ]
    model = {"modelTopology": {"node": [entry, *nodes]}, "weightsManifest": [{"weights": specs}]}
    return model, b"".join(array.tobytes() for array in weights.values())


def write_node(name: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def strided(*steps: int) -> dict[str, Any]:
    return {"list": {"i": [str(step) for step in steps]}}


def convolve_same(image: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """TensorFlow's SAME convolution of one (height, width, channels) image, in plain loops."""
    shape = [math.ceil(size / stride) for size in image.shape[:2]]
    missing = [
        max(0, (count - 1) * stride + side - size)
        for count, side, size in zip(shape, kernel.shape, image.shape, strict=False)
    ]
    padded = np.pad(image, [(extra // 2, extra - extra // 2) for extra in missing] + [(0, 0)])
    high, wide = kernel.shape[:2]
    result = np.zeros((*shape, kernel.shape[3]), np.float32)
    for y, x in np.ndindex(*shape):
        part = padded[y * stride : y * stride + high, x * stride : x * stride + wide]
        result[y, x] = np.tensordot(part, kernel, 3)
    return result


def test_converted_graph_computes_what_numpy_does(convert: ModuleType) -> None:
    import onnxruntime

    random = np.random.default_rng(3)
    image = random.standard_normal((1, 5, 4, 2), dtype=np.float32)
    kernel = random.standard_normal((3, 3, 2, 4), dtype=np.float32)
    bias = random.standard_normal(4, dtype=np.float32)
    weights = {"k": kernel, "b": bias, "end": np.array([-1], np.int32)}
    window = {"strides": strided(1, 2, 2, 1), "dilations": strided(1, 1, 1, 1)}
    window |= {"padding": text("SAME"), "data_format": text("NHWC")}
    fused = {"fused_ops": {"list": {"s": [text("BiasAdd")["s"], text("Relu")["s"]]}}}
    nodes = [
        write_node("conv", "_FusedConv2D", "x", "k", "b", **window, **fused),
        write_node("sum", "Add", "conv", "b"),
        write_node("flat", "Reshape", "sum", "end"),
    ]
    graph = convert.read_graph(*write_graph(weights, *nodes))
    model = convert.Converter(graph).convert(["sum", "flat"])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    pictures, flat = session.run(None, {"x": image})
    wanted = np.maximum(convolve_same(image[0], kernel, 2) + bias, 0) + bias
    np.testing.assert_allclose(pictures[0], wanted, atol=1e-5)
    np.testing.assert_allclose(flat, wanted.ravel(), atol=1e-5)


def test_unknown_operation_is_named(convert: ModuleType) -> None:
    graph = convert.read_graph(*write_graph({}, write_node("odd", "Einsum", "x")))
    with pytest.raises(convert.ConversionError, match="Einsum of node odd"):
        convert.Converter(graph).convert(["odd"])
