"""A trained encoder as the product runs it.

    python train/export.py --data DATA --base SRC --model OUT/model.npz --out models/encoder [--student]

Several models (seeds that continued from one release) are averaged, weight by weight.
Writes model-int8.onnx and tokenizer.json and their lines of the manifest (size, SHA-256).
Calibration (calibrate.py) must follow: thresholds belong to one model.
"""
import argparse
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import onnx
from tokenizers import Tokenizer

import base
import examples
import fine_tune
import graph
import quantise
import vocabulary

CALIBRATION_TEXTS, CALIBRATION_SEED = 1_200, 5
FILES = ("model-int8.onnx", "tokenizer.json")


def trained(model_files, base_folder):
    """-> (state with the base's vocabulary, head weight, head bias), the mean of several models"""
    state = base.from_four_bits(str(Path(base_folder) / "e5-small-q4.bin"))
    words = state[base.WORDS]
    models = [dict(np.load(model_file)) for model_file in model_files]
    stored = {name: np.mean([model[name] for model in models], axis=0) for name in models[0]}
    weight, bias = stored.pop("head.weight"), stored.pop("head.bias")
    return stored | {base.WORDS: words}, weight, bias


def calibration_ids(root, tokenizer_file):
    """Tokens of training texts of all languages, drawn by CALIBRATION_SEED: what the ranges of int8 are taken from."""
    rows = examples.training_rows(root)
    chosen = np.random.default_rng(CALIBRATION_SEED).permutation(len(rows))[:CALIBRATION_TEXTS]
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(fine_tune.BUCKETS[-1])
    return fine_tune.tokenised(tokenizer, [examples.data.clean(rows[row].text) for row in chosen])


def write_hashes(folder):
    """Size and hash of each file in the manifest, where the manifest names it."""
    manifest = folder / "manifest.toml"
    if not manifest.is_file():
        return
    text = manifest.read_text(encoding="utf8")
    for name in FILES:
        content = (folder / name).read_bytes()
        lines = f'name = "{name}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}\n'
        text = re.sub(rf'name = "{re.escape(name)}"\nsha256 = "\w+"\nbytes = \d+\n', lines, text)
    manifest.write_text(text, encoding="utf8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "base", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--student", action="store_true", help="with the student's vocabulary")
    arguments = parser.parse_args()
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    state, weight, bias = trained(arguments.model, arguments.base)
    tokenizer, kept = vocabulary.trimmed(str(Path(arguments.base) / "tokenizer.json"), arguments.data, vocabulary.STUDENT if arguments.student else vocabulary.ENCODER)
    model = graph.build(state, weight, bias, examples.HEADS, kept)
    (out / FILES[1]).write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), encoding="utf8")
    onnx.save(quantise.quantised(model, calibration_ids(arguments.data, out / FILES[1])), out / FILES[0])
    write_hashes(out)
    for name in FILES:
        print(name, (out / name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
