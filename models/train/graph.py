"""The encoder as an ONNX graph with standard operators (opset 18): vocabulary in exact 4 bits, matrices in int8 afterwards."""
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

import base

OPSET, IR = 18, 8
POSITIONS, ATTENTION_HEADS, EPSILON = 256, 12, 1e-12


def four_bits(matrix):
    """Rows -> packed bytes and float16 scales, so that (half - 8) * scale gives back the weights. Exact for the base's vocabulary."""
    rows, columns = matrix.shape
    blocks = matrix.reshape(rows, columns // base.BLOCK, base.BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)[..., 0]
    scales = (largest / -8).astype(np.float16)
    wide = scales.astype(np.float32)[..., None]
    halves = np.clip(np.round(np.divide(blocks, wide, out=np.zeros_like(blocks), where=wide != 0)) + 8, 0, 15)
    error = float(np.abs((halves - 8) * wide - blocks).max())
    halves = halves.astype(np.uint8)
    packed = halves[..., : base.BLOCK // 2] | (halves[..., base.BLOCK // 2 :] << 4)
    return packed.reshape(rows, columns // 2), scales, error


class Graph:
    """Collects nodes and constants; each operation gives the name of its result."""

    def __init__(self):
        self.nodes, self.constants, self.names = [], [], set()

    def constant(self, name, value):
        if name not in self.names:
            self.names.add(name)
            self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def __call__(self, operator, *inputs, result=None, **attributes):
        result = result or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [result], name=result, **attributes))
        return result

    def numbers(self, *values):
        return self.constant("n_" + "_".join(map(str, values)).replace("-", "m"), np.array(values, np.int64))

    def real(self, value):
        return self.constant(f"f_{value!r}".replace("-", "m"), np.float32(value))


def build(state, head_weight, head_bias, heads, kept):
    """The model for the kept rows of the vocabulary; inputs `input_ids`, `attention_mask`, outputs `logits`, `embedding`."""
    g = Graph()
    width, each = base.HIDDEN, base.HIDDEN // ATTENTION_HEADS
    weights = lambda name: g.constant(name, state[name].astype(np.float32))
    norm = lambda x, name: g("LayerNormalization", x, weights(name + ".weight"), weights(name + ".bias"), axis=-1, epsilon=EPSILON)

    def linear(x, name):
        matrix = g.constant(name + ".weight_t", state[name + ".weight"].T.astype(np.float32))
        return g("Add", g("MatMul", x, matrix), weights(name + ".bias"))

    packed, scales, error = four_bits(state[base.WORDS][kept])
    print(f"largest error of the vocabulary in 4 bits: {error}")
    bytes_ = g("Reshape", g("Gather", g.constant("vocab_q4", packed), "input_ids"), g.numbers(0, 0, width // base.BLOCK, base.BLOCK // 2))
    low = g("BitwiseAnd", bytes_, g.constant("low_half", np.uint8(15)))
    high = g("BitShift", bytes_, g.constant("four", np.uint8(4)), direction="RIGHT")
    halves = g("Sub", g("Cast", g("Concat", low, high, axis=-1), to=TensorProto.FLOAT), g.real(8.0))
    scale = g("Unsqueeze", g("Cast", g("Gather", g.constant("vocab_scale", scales), "input_ids"), to=TensorProto.FLOAT), g.numbers(-1))
    words = g("Reshape", g("Mul", halves, scale), g.numbers(0, 0, width))
    length = g("Gather", g("Shape", "input_ids"), g.constant("one", np.int64(1)))
    places = g("Range", g.constant("zero", np.int64(0)), length, g.constant("one", np.int64(1)))
    positions = state["embeddings.position_embeddings.weight"][:POSITIONS] + state["embeddings.token_type_embeddings.weight"][0]
    x = norm(g("Add", words, g("Gather", g.constant("positions", positions.astype(np.float32)), places)), "embeddings.LayerNorm")

    mask = g("Cast", "attention_mask", to=TensorProto.FLOAT)
    bias = g("Unsqueeze", g("Mul", g("Sub", g.real(1.0), mask), g.real(-1e4)), g.numbers(1, 2))
    layers = 1 + max(int(name.split(".")[2]) for name in state if name.startswith("encoder.layer."))
    for layer in range(layers):
        at = f"encoder.layer.{layer}."
        parted = {part: g("Reshape", linear(x, f"{at}attention.self.{part}"), g.numbers(0, 0, ATTENTION_HEADS, each)) for part in ("query", "key", "value")}
        query, value = (g("Transpose", parted[part], perm=[0, 2, 1, 3]) for part in ("query", "value"))
        key = g("Transpose", parted["key"], perm=[0, 2, 3, 1])
        weight = g("Softmax", g("Add", g("Mul", g("MatMul", query, key), g.real(each**-0.5)), bias), axis=-1)
        seen = g("Reshape", g("Transpose", g("MatMul", weight, value), perm=[0, 2, 1, 3]), g.numbers(0, 0, width))
        x = norm(g("Add", linear(seen, at + "attention.output.dense"), x), at + "attention.output.LayerNorm")
        h = linear(x, at + "intermediate.dense")
        h = g("Mul", g("Mul", h, g.real(0.5)), g("Add", g("Erf", g("Mul", h, g.real(2**-0.5))), g.real(1.0)))
        x = norm(g("Add", linear(h, at + "output.dense"), x), at + "output.LayerNorm")

    wide = g("Unsqueeze", mask, g.numbers(2))
    total = g("ReduceSum", g("Mul", x, wide), g.numbers(1), keepdims=0)
    pooled = g("Div", total, g("Max", g("ReduceSum", wide, g.numbers(1), keepdims=0), g.real(1e-6)))
    g("Gemm", pooled, g.constant("head.weight", head_weight), g.constant("head.bias", head_bias), result="logits", transB=1)
    long = g("Sqrt", g("ReduceSum", g("Mul", pooled, pooled), g.numbers(1), keepdims=1))
    g("Div", pooled, g("Max", long, g.real(1e-6)), result="embedding")

    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "l"]) for name in ("input_ids", "attention_mask")]
    sizes = {"logits": len(heads), "embedding": width}
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", size]) for name, size in sizes.items()]
    graph = helper.make_graph(g.nodes, "encoder", inputs, results, g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    helper.set_model_props(model, {"heads": ",".join(heads), "prefix": "query: ", "max_tokens": str(POSITIONS)})
    checker.check_model(model)
    return model
