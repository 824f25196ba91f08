"""Runs the encoder over the research data and keeps logits only: the input of calibration and of the gate's recall tuning.

    python score.py --data DATA --encoder models/encoder --out logits.npz [--texts 60000] [--languages de,en,ar,tr]

One text at its exact length per run, as the product does. Dev rows come first, then unlabelled news, then a seeded sample
of the rest, so that a short run is useful too. Texts that the file knows already are skipped: a run can be continued. The file holds hashes of texts, never texts.
"""
import argparse
import hashlib
import os
import time

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

import data

SEED = 20


def key(text):
    """The 64-bit name of a text in the logits file."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


class Encoder:
    """The int8 encoder on one thread."""

    def __init__(self, folder, prefix="query: ", max_tokens=256):
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = ort.InferenceSession(os.path.join(folder, "model-int8.onnx"), options)
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_tokens)
        self.prefix = prefix

    def logits(self, text):
        """Raw outputs of the heads for one cleaned text."""
        ids = np.array([self.tokenizer.encode(self.prefix + text).ids], np.int64)
        return self.session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]


def work(root, languages):
    """Rows in the order of their use."""
    rows = [row for row in data.labelled(root) if row.language in languages]
    random = np.random.default_rng(SEED)
    dev = [row for row in rows if row.dev]
    train = [row for row in rows if not row.dev]
    train = [train[i] for i in random.permutation(len(train))]
    plain = [row for row in data.plain(root) if row.language in languages]
    return dev + plain + train


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--texts", type=int, default=60_000, help="how many texts to add")
    parser.add_argument("--languages", default="de,en,ar,tr,pt,fr")
    arguments = parser.parse_args()
    names, logits, started = [], [], time.process_time()
    if os.path.exists(arguments.out):
        stored = np.load(arguments.out)
        names, logits = stored["keys"].tolist(), list(stored["logits"])
    known = set(names)
    rows = [row for row in work(arguments.data, arguments.languages.split(",")) if key(row.text) not in known]
    encoder, rows = Encoder(arguments.encoder), rows[: arguments.texts]

    def save():
        partial = arguments.out + ".partial.npz"
        np.savez(partial, keys=np.array(names, np.uint64), logits=np.array(logits, np.float32))
        os.replace(partial, arguments.out)

    for done, row in enumerate(rows, 1):
        names.append(key(row.text))
        logits.append(encoder.logits(row.text))
        if done % 2000 == 0:
            save()
            print(f"{done} of {len(rows)} texts, {done / (time.process_time() - started):.0f} texts per CPU-second", flush=True)
    save()


if __name__ == "__main__":
    main()
