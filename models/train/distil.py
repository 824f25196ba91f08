"""Distils a student: a few layers of the released encoder that learn to answer as all of them do, on one CPU thread.

    python train/distil.py --data DATA --base SRC --encoder models/encoder --teacher teacher.npz --out OUT --texts 160000 [--minutes 60]

teacher.npz comes from teach.py. The student starts from every second layer and from the heads of its teacher, has a smaller vocabulary of
its own (vocabulary.py), and learns from the teacher's logits, from the direction of the teacher's vector, and from the labels themselves;
contrast sentences count mostly by their labels, because they ask what the teacher does badly. Rows without an answer of the teacher count
by their labels alone. Writes OUT/model.npz as fine_tune.py does. Seeded.
"""
import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import base
import examples
import fine_tune
import network
import teach
import vocabulary

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import data  # noqa: E402
import score  # noqa: E402

LAYERS = (1, 3, 5, 7, 9, 11)
# How much the teacher's answer and the label count, for posts and for contrast sentences.
SOFT, HARD, CONTRAST_SOFT, CONTRAST_HARD = 1.0, 0.3, 0.3, 1.0
LOGIT_WEIGHT, LOGIT_CLIP, VECTOR_WEIGHT = 0.2, 6.0, 4.0
CHECKPOINTS = (0.5, 0.75, 0.9)


def one_pass(rows, plain, root, number, known):
    """-> texts, labels, answers of the teacher (NaN where unknown), its vectors (zeros), weight of answer and label for each row."""
    logits, vectors = known
    some, random = examples.chosen(rows, root, number)
    some += [(row, examples.DISTURBED) for row in plain]
    labels = np.full((len(some), len(examples.HEADS)), np.nan, np.float32)
    answers = np.full((len(some), len(examples.HEADS)), np.nan, np.float32)
    directions = np.zeros((len(some), base.HIDDEN), np.float16)
    weights = np.empty((len(some), 2), np.float32)
    texts = []
    for i, (row, chance) in enumerate(some):
        texts.append(examples.shown(row, chance, random))
        weights[i] = (CONTRAST_SOFT, CONTRAST_HARD) if row.source == "contrast" else (SOFT, HARD)
        for head, value in row.labels.items():
            labels[i, examples.HEADS.index(head)] = value
        key = score.key(data.clean(row.text))
        if key in logits:
            answers[i] = logits[key]
        if key in vectors:
            directions[i] = vectors[key]
    return texts, labels, answers, directions, weights


def loss_of(outputs, vectors, labels, answers, directions, weights, positive):
    """The loss of a batch for each text: as the teacher, in the teacher's direction, as labelled."""
    scores = outputs.heads(vectors)
    told, known = ~torch.isnan(answers), ~torch.isnan(labels)
    answers = torch.nan_to_num(answers).clamp(-LOGIT_CLIP, LOGIT_CLIP)
    soft = F.binary_cross_entropy_with_logits(scores, answers.sigmoid(), reduction="none")
    soft = soft + LOGIT_WEIGHT * F.smooth_l1_loss(scores.clamp(-LOGIT_CLIP, LOGIT_CLIP), answers, reduction="none")
    smooth = torch.nan_to_num(labels) * (1 - 2 * fine_tune.SMOOTH) + fine_tune.SMOOTH
    hard = F.binary_cross_entropy_with_logits(scores, smooth, pos_weight=positive, reduction="none")
    pointed = directions.abs().sum(1) > 0
    away = (1 - F.cosine_similarity(vectors, directions.float())) * pointed
    loss = (soft * told).sum(1) * weights[:, 0] + (hard * known).sum(1) * weights[:, 1] + VECTOR_WEIGHT * away
    return loss.mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "base", "encoder", "teacher", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--texts", type=int, required=True)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    torch.set_flush_denormal(True)

    full = str(Path(arguments.base) / "tokenizer.json")
    trimmed, kept = vocabulary.trimmed(full, arguments.data, vocabulary.STUDENT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        path.write_text(json.dumps(trimmed, ensure_ascii=False), encoding="utf8")
        tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(fine_tune.BUCKETS[-1])
    hide = len(kept) - 1

    state = base.from_four_bits(str(Path(arguments.base) / "e5-small-q4.bin"))
    state, weight, bias = base.from_release(str(Path(arguments.encoder) / "model-int8.onnx"), state)
    state[base.WORDS] = state[base.WORDS][kept]
    outputs = network.Outputs()
    outputs.heads.weight.data, outputs.heads.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    trainer = fine_tune.Trainer(network.encoder_of(state, LAYERS), outputs, arguments.rate, False)
    rows = examples.training_rows(arguments.data)
    plain = [row for row in data.plain(arguments.data) if row.source != "news" and not row.dev and row.language in examples.LANGUAGES]

    started, seen, steps, number, losses, due = time.time(), 0, 0, 0, [], list(CHECKPOINTS)
    progress = lambda: max(seen / arguments.texts, (time.time() - started) / (60 * arguments.minutes))

    def save():
        about = {"texts": seen, "steps": steps, "passes": number, "minutes": round((time.time() - started) / 60, 1), "progress": round(progress(), 3)}
        about |= {"cpu_minutes": round(time.process_time() / 60, 1), "seed": arguments.seed, "rate": arguments.rate, "layers": LAYERS, "pieces": len(kept)}
        trainer.save(os.path.join(arguments.out, "model.npz"), about)
        print(f"saved: {about}", flush=True)

    while progress() < 1:
        known = teach.load(arguments.teacher)
        texts, *arrays = one_pass(rows, plain, arguments.data, [arguments.seed, number], known)
        ids, number = fine_tune.tokenised(tokenizer, texts), number + 1
        positive = fine_tune.positive_weights(arrays[0])
        told, pointed = (~np.isnan(arrays[1][:, 0])).mean(), (arrays[2] != 0).any(1).mean()
        print(f"pass {number}: {len(texts)} texts, the teacher answered {told:.0%}, with a vector {pointed:.0%}", flush=True)
        arrays = [torch.from_numpy(array) for array in arrays]
        for length, chosen in fine_tune.batches(ids, np.random.default_rng([arguments.seed, number])):
            done = progress()
            if done >= 1:
                break
            batch = fine_tune.padded(ids, chosen, length)
            if steps % 2 == 0:
                batch = torch.where((torch.rand(batch.shape) < fine_tune.HIDDEN_SHARE) & (batch > 3), hide, batch)
            vectors = trainer.encoder(batch)
            loss = loss_of(outputs, vectors, *(array[chosen] for array in arrays), positive)
            trainer.step(loss, min(1.0, (done + 1e-4) / fine_tune.WARM_UP) * max(0.02, 1 - done))
            seen, steps = seen + len(chosen), steps + 1
            losses.append(float(loss.detach()))
            if steps in (5, 20, 100) or steps % 250 == 0:
                spent = time.time() - started
                print(f"step {steps}, {done:.0%}, loss {np.mean(losses[-250:]):.3f}, {seen / spent:.0f} texts/s, {seen / time.process_time():.0f} texts/CPU-s", flush=True)
            if due and done >= due[0]:
                due.pop(0)
                save()
    save()


if __name__ == "__main__":
    main()
