"""What the released encoder says of the texts that a student learns from: logits of all heads, and the direction of its vector.

    python train/teach.py --data DATA --encoder models/encoder --out teacher.npz --texts 100000 [--logits logits.npz]

The texts are those of the passes of `examples.py` and all text without a label; dev rows never. What `--logits` (score.py) knows
already is not run again and comes without a vector. A run can be continued. The file holds hashes of texts, never texts.
"""
import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import data  # noqa: E402
import score  # noqa: E402

import examples  # noqa: E402

EVERY = 2_000


class Teacher(score.Encoder):
    def answer(self, text):
        """-> logits of all heads, the text's vector of length one"""
        ids = np.array([self.tokenizer.encode(self.prefix + text).ids], np.int64)
        logits, vector = self.session.run(["logits", "embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        return logits[0], vector[0]


def texts(root, seed, passes):
    """The texts of the student's passes, the first pass first, undisturbed; then what has no label."""
    rows = examples.training_rows(root)
    made = {}
    for number in range(passes):
        made |= {data.clean(row.text): None for row, _ in examples.chosen(rows, root, [seed, number])[0]}
    plain = [row.text for row in data.plain(root) if not row.dev and row.language in examples.LANGUAGES]
    return list(dict.fromkeys(plain + list(made)))


def load(path):
    """-> {key: logits}, {key: vector}"""
    stored = np.load(path)
    logits = dict(zip(stored["keys"].tolist(), stored["logits"]))
    return logits, dict(zip(stored["vector_keys"].tolist(), stored["vectors"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "encoder", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--logits", help="answers of the same encoder without vectors")
    parser.add_argument("--texts", type=int, default=100_000, help="how many texts to add")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--passes", type=int, default=2)
    arguments = parser.parse_args()
    logits, vectors = load(arguments.out) if os.path.exists(arguments.out) else ({}, {})
    if arguments.logits:
        stored = np.load(arguments.logits)
        logits |= dict(zip(stored["keys"].tolist(), stored["logits"]))
    todo = [text for text in texts(arguments.data, arguments.seed, arguments.passes) if score.key(text) not in logits]
    print(f"{len(logits)} texts are known, {len(todo)} are not", flush=True)
    teacher, started = Teacher(arguments.encoder), time.process_time()

    def save():
        partial = arguments.out + ".partial.npz"
        arrays = {"keys": np.array(list(logits), np.uint64), "logits": np.array(list(logits.values()), np.float32)}
        arrays |= {"vector_keys": np.array(list(vectors), np.uint64), "vectors": np.array(list(vectors.values()), np.float16)}
        np.savez(partial, **arrays)
        os.replace(partial, arguments.out)

    for done, text in enumerate(todo[: arguments.texts], 1):
        key = score.key(text)
        logits[key], vectors[key] = teacher.answer(text)
        if done % EVERY == 0:
            save()
            print(f"{done} texts, {done / (time.process_time() - started):.0f} texts per CPU-second", flush=True)
    save()


if __name__ == "__main__":
    main()
