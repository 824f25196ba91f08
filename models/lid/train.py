"""Trains the linear language model and writes weights.bin and manifest.toml beside this file.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python train.py <folder of the research data>

Model: a text is the mean of the vectors of its hashed character n-grams (1 to 4) and whole words, times a
matrix to one score per language: softmax regression of low rank. Vectors are stored in int8.
The Rust side (pipeline/text/src/language/linear.rs) computes the same features; format at `write` below.
"""
import argparse
import hashlib
import os
import struct
import time

import numpy as np
from scipy import sparse

import data

BUCKET_BITS = 16
DIMENSIONS = 24
MAX_LETTERS = 256
MULTIPLIER = 0x9E3779B1
MIX = 0x85EBCA6B
WORD_SEED = 5
SCRIPTS = {"ar": "Arab", "ckb": "Arab", "fa": "Arab", "ps": "Arab", "ur": "Arab", "be": "Cyrl", "bg": "Cyrl",
           "kk": "Cyrl", "mk": "Cyrl", "ru": "Cyrl", "tt": "Cyrl", "uk": "Cyrl", "am": "Ethi", "ti": "Ethi"}
SCRIPTS |= {"sr": "CyrlLatn", data.UNDETERMINED: "ArabCyrlLatn"}


def scripts_of(language):
    joined = SCRIPTS.get(language, "Latn")
    return [joined[i:i + 4] for i in range(0, len(joined), 4)]


def mix(hashes):
    hashes = hashes ^ (hashes >> np.uint32(15))
    hashes = hashes * np.uint32(MIX)
    return (hashes ^ (hashes >> np.uint32(13))) >> np.uint32(32 - BUCKET_BITS)


def features(texts):
    """Row-normalised sparse matrix of n-gram counts. Texts come from `data.letters`: " word word "."""
    texts = [t[:MAX_LETTERS] for t in texts]
    lengths = np.array([len(t) for t in texts])
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    rows = np.repeat(np.arange(len(texts)), lengths)
    space = codes == 32
    powers = np.ones(MAX_LETTERS + 1, np.uint32)
    for i in range(1, len(powers)):
        powers[i] = np.uint32(int(powers[i - 1]) * MULTIPLIER & 0xFFFFFFFF)
    found_rows, found = [], []
    gram = np.zeros(len(codes), np.uint32)
    usable = np.ones(len(codes), bool)
    for n in range(1, 5):
        last = n - 1
        gram[:len(codes) - last] += codes[last:] * powers[last]
        # Within one text and one word: a space only at the first or last place.
        usable[len(codes) - last:] = False
        usable[:len(codes) - last] &= rows[:len(codes) - last] == rows[last:]
        if n > 2:
            usable[:len(codes) - last] &= ~space[last - 1:len(codes) - 1]
        take = usable & ~space if n == 1 else usable
        found_rows.append(rows[take])
        found.append(mix(gram[take] + np.uint32(n)))
    starts = np.flatnonzero(~space & np.r_[True, space[:-1]])
    word_of = np.cumsum(np.isin(np.arange(len(codes)), starts)) - 1
    inside = np.flatnonzero(~space)
    position = inside - starts[word_of[inside]]
    words = np.zeros(len(starts), np.uint32)
    np.add.at(words, word_of[inside], codes[inside] * powers[position])
    found_rows.append(rows[starts])
    found.append(mix(words + np.uint32(WORD_SEED)))
    all_rows, columns = np.concatenate(found_rows), np.concatenate(found)
    counts = np.bincount(all_rows, minlength=len(texts)).clip(1)
    values = (1 / counts[all_rows]).astype(np.float32)
    return sparse.csr_matrix((values, (all_rows, columns)), shape=(len(texts), 1 << BUCKET_BITS), dtype=np.float32)


class Adam:
    def __init__(self, shape):
        self.m, self.v, self.t = np.zeros(shape, np.float32), np.zeros(shape, np.float32), 0

    def step(self, weights, gradient, rate):
        self.t += 1
        self.m += 0.1 * (gradient - self.m)
        self.v += 0.01 * (gradient * gradient - self.v)
        weights -= rate * (self.m / (1 - 0.9 ** self.t)) / (np.sqrt(self.v / (1 - 0.99 ** self.t)) + 1e-7)


def softmax(scores):
    scores = np.exp(scores - scores.max(1, keepdims=True))
    return scores / scores.sum(1, keepdims=True)


def train(texts, labels, classes, epochs, seed):
    rng = np.random.default_rng(seed)
    x = features(texts)
    vectors = rng.normal(0, 0.1, (1 << BUCKET_BITS, DIMENSIONS)).astype(np.float32)
    output = rng.normal(0, 0.1, (DIMENSIONS, classes)).astype(np.float32)
    bias = np.zeros(classes, np.float32)
    optimisers = [Adam(w.shape) for w in (vectors, output, bias)]
    batch, steps = 1024, 0
    total = epochs * (len(texts) // batch)
    for epoch in range(epochs):
        order, loss, begun = rng.permutation(len(texts)), 0.0, time.time()
        for at in range(0, len(order) - batch + 1, batch):
            rows = order[at:at + batch]
            xb, yb = x[rows], labels[rows]
            hidden = xb @ vectors
            p = softmax(hidden @ output + bias)
            loss -= np.log(p[np.arange(batch), yb] + 1e-9).mean()
            p[np.arange(batch), yb] -= 1
            p /= batch
            rate = 0.02 * (1 - steps / total) + 1e-4
            steps += 1
            gradients = (xb.T @ (p @ output.T), hidden.T @ p, p.sum(0))
            for optimiser, weights, gradient in zip(optimisers, (vectors, output, bias), gradients):
                optimiser.step(weights, gradient, rate)
        print(f"epoch {epoch + 1}: loss {loss / (len(order) // batch):.4f}, {time.time() - begun:.0f} s", flush=True)
    return vectors, output, bias


def quantise(vectors):
    """int8 with one scale; the rare weights beyond 4.5 standard deviations are clipped."""
    scale = np.float32(min(np.abs(vectors).max(), 4.5 * vectors.std()) / 127)
    return np.clip(np.rint(vectors / scale), -127, 127).astype(np.int8), scale


def write(path, codes, vectors, scale, output, bias, temperature):
    """Little-endian: "STRLID01"; u32 bucket bits, dimensions, languages; f32 scale, temperature; per language: u8
    length and code, u8 number of scripts, 4 bytes each; f32 bias per language; f32 output matrix, one row per
    language; int8 vectors, one row per bucket."""
    with open(path, "wb") as file:
        file.write(b"STRLID01" + struct.pack("<IIIff", BUCKET_BITS, DIMENSIONS, len(codes), scale, temperature))
        for code in codes:
            scripts = scripts_of(code)
            file.write(struct.pack("<B", len(code)) + code.encode() + struct.pack("<B", len(scripts)) + "".join(scripts).encode())
        file.write(bias.astype("<f4").tobytes() + np.ascontiguousarray(output.T).astype("<f4").tobytes() + vectors.tobytes())


def masked(scores, texts, codes):
    """Scores with the languages of other scripts ruled out."""
    script_of = [data.script(t[1]) if len(t) > 2 else None for t in texts]
    allowed = {s: np.array([s in scripts_of(c) for c in codes]) for s in set(script_of)}
    return np.where(np.array([allowed[s] for s in script_of]), scores, -1e9)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder of the research data (with lid_ntrex, germeval2018 ...)")
    parser.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--samples", type=int, default=4000, help="training texts per language")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    kept, dev = data.split(args.data)
    texts = data.samples(kept, args.samples, args.seed)
    codes = sorted({language for language, _ in texts})
    index = {c: i for i, c in enumerate(codes)}
    print(f"{len(texts)} training texts, {len(codes)} languages", flush=True)
    vectors, output, bias = train([t for _, t in texts], np.array([index[c] for c, _ in texts]), len(codes), args.epochs, args.seed)
    small, scale = quantise(vectors)

    rng = data.random.Random(args.seed)
    views = {
        "sentences": dev["sentence"],
        "posts": dev["post"],
        "2-3 words": [(c, data.cut(t, rng.choice((2, 3)), rng)) for c, t in dev["sentence"]],
        "upper case": [(c, t.upper()) for c, t in dev["sentence"]],
        "without marks": [(c, data.without_marks(t)) for c, t in dev["sentence"]],
    }
    calibration = []
    for name, view in views.items():
        view = [(c, data.letters(t)) for c, t in view]
        view = [(c, t) for c, t in view if t]
        y = np.array([index[c] for c, _ in view])
        scores = masked((features([t for _, t in view]) @ (small * scale)) @ output + bias, [t for _, t in view], codes)
        full = masked((features([t for _, t in view]) @ vectors) @ output + bias, [t for _, t in view], codes)
        german = y == index["de"]
        print(f"{name:14} {len(y):5} texts: {(scores.argmax(1) == y).mean():.4f} (before int8 {(full.argmax(1) == y).mean():.4f}), "
              f"German {(scores[german].argmax(1) == y[german]).mean():.4f}", flush=True)
        calibration.append((scores, y))
    scores, y = np.concatenate([s for s, _ in calibration]), np.concatenate([y for _, y in calibration])
    temperature = min(np.arange(0.5, 3.01, 0.05), key=lambda t: -np.log(softmax(scores / t)[np.arange(len(y)), y] + 1e-9).mean())
    print(f"temperature {temperature:.2f}")

    weights = os.path.join(args.out, "weights.bin")
    write(weights, codes, small, scale, output, bias, temperature)
    with open(weights, "rb") as file:
        content = file.read()
    with open(os.path.join(args.out, "manifest.toml"), "w", encoding="utf8") as file:
        file.write(f'''# Written by train.py.
name = "lid-linear"
version = 1
kind = "language-identification"
file = "weights.bin"
size_bytes = {len(content)}
sha256 = "{hashlib.sha256(content).hexdigest()}"
licence = "CC-BY-SA-4.0"
data = ["NTREX-128 (CC BY-SA 4.0)", "wordfreq 3.1.1 (CC BY-SA 4.0)", "posts of known language from the research data (see README.md)"]
languages = [{", ".join(f'"{c}"' for c in codes)}]

# Asked where the linear model is not sure; not part of this repository.
[fasttext]
file = "lid.176.ftz"
sha256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
licence = "CC-BY-SA-3.0"
''')


if __name__ == "__main__":
    main()
