"""Fine-tunes the encoder with one sigmoid output for each head, on one CPU thread.

    python train/fine_tune.py --data DATA --base SRC --out OUT [--continue models/encoder/model-int8.onnx] --texts 250000 [--minutes 60]

SRC holds e5-small-q4.bin and tokenizer.json (train/fetch.py). The learning rate falls with the share of `--texts` that was
shown, or with the clock where `--minutes` is given and ahead: a run then always ends in time and always with a finished schedule.
Writes OUT/model.npz at half, three quarters and the end (float32, under the names of base.py), and OUT/run.json. Seeded.

Half precision with master weights in float32; vocabulary and positions stay frozen; lengths are padded to buckets; every second
batch hides a tenth of its tokens. A head gets no loss from a row that no set labels for it.
"""
import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import base
import examples
import network

PREFIX, HIDE = "query: ", 250_001  # the token <mask>
BUCKETS = (12, 16, 20, 24, 28, 32, 40, 48, 64, 96)
TOKENS_IN_BATCH, LONGEST_BATCH = 3072, 128
WARM_UP, HIDDEN_SHARE, DROPOUT, CLIP, DECAY = 0.04, 0.1, 0.1, 1.0, 0.01
LAYER_FALL = 0.92  # the learning rate of a layer is this share of that of the next one
OUTPUT_RATE = 4.0  # new outputs learn faster than the layers
HELPER_WEIGHT, SMOOTH = 0.4, 0.02
CHECKPOINTS = (0.5, 0.75)


def tokenised(tokenizer, texts):
    return [encoding.ids for encoding in tokenizer.encode_batch([PREFIX + text for text in texts])]


def batches(ids, random):
    """(length, rows) in random order; rows of a batch share a bucket."""
    by_bucket = {}
    for row in random.permutation(len(ids)):
        by_bucket.setdefault(next(b for b in BUCKETS if len(ids[row]) <= b), []).append(row)
    made = []
    for bucket, rows in sorted(by_bucket.items()):
        size = min(LONGEST_BATCH, TOKENS_IN_BATCH // bucket)
        made += [(bucket, rows[at : at + size]) for at in range(0, len(rows), size)]
    return [made[i] for i in random.permutation(len(made))]


def padded(ids, rows, length):
    batch = np.full((len(rows), length), network.PAD, np.int64)
    for at, row in enumerate(rows):
        batch[at, : len(ids[row])] = ids[row]
    return torch.from_numpy(batch)


def positive_weights(labels):
    """Rare positives count more, by the square root of their rarity."""
    positive, negative = (labels == 1).sum(0), (labels == 0).sum(0)
    return torch.from_numpy(np.clip(np.sqrt(negative / np.maximum(positive, 1)), 1, 5).astype(np.float32))


def class_weights(classes):
    weights = []
    for at, names in enumerate(examples.HELPERS.values()):
        counts = np.bincount(classes[classes[:, at] >= 0, at], minlength=len(names))
        weights.append(torch.from_numpy(np.clip(np.sqrt(counts.max() / np.maximum(counts, 1)), 1, 6).astype(np.float32)))
    return weights


class Trainer:
    """Layers in bfloat16 that follow master weights in float32."""

    def __init__(self, encoder, outputs, rate, new_outputs):
        self.encoder, self.outputs = encoder, outputs
        encoder.requires_grad_(False)
        encoder.encoder.to(torch.bfloat16)
        groups = [
            dict(params=list(outputs.heads.parameters()), lr=rate * (OUTPUT_RATE if new_outputs else 1.0), weight_decay=DECAY),
            dict(params=list(outputs.helpers.parameters()), lr=rate * OUTPUT_RATE, weight_decay=DECAY),
        ]
        self.halves, self.masters = [], []
        for depth, layer in enumerate(reversed(encoder.encoder.layer)):
            halves = [parameter.requires_grad_(True) for parameter in layer.parameters()]
            masters = [half.detach().float() for half in halves]
            self.halves, self.masters = self.halves + halves, self.masters + masters
            lr = rate * LAYER_FALL**depth
            groups.append(dict(params=[m for m in masters if m.ndim > 1], lr=lr, weight_decay=DECAY))
            groups.append(dict(params=[m for m in masters if m.ndim == 1], lr=lr, weight_decay=0.0))
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        self.rates = [group["lr"] for group in self.optimiser.param_groups]

    def step(self, loss, factor):
        for group, rate in zip(self.optimiser.param_groups, self.rates):
            group["lr"] = rate * factor
        loss.backward()
        for half, master in zip(self.halves, self.masters):
            master.grad, half.grad = half.grad.float(), None
        torch.nn.utils.clip_grad_norm_(self.masters + list(self.outputs.parameters()), CLIP)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_copy_(self.halves, self.masters)

    def save(self, path, about):
        """The weights in float32, heads included; the vocabulary is in the base already and left out."""
        masters = {id(half): master for half, master in zip(self.halves, self.masters)}
        arrays = {name: masters.get(id(value), value).detach().float().numpy() for name, value in self.encoder.named_parameters() if name != base.WORDS}
        arrays["head.weight"] = self.outputs.heads.weight.detach().numpy()
        arrays["head.bias"] = self.outputs.heads.bias.detach().numpy()
        np.savez(path + ".part.npz", **arrays)
        os.replace(path + ".part.npz", path)
        Path(path).with_name("run.json").write_text(json.dumps(about, indent=1) + "\n")


def loss_of(outputs, vectors, labels, classes, weights, class_weight):
    """Masked loss over the heads, and the helpers' loss."""
    scores, known = outputs.heads(vectors), ~torch.isnan(labels)
    target = torch.nan_to_num(labels) * (1 - 2 * SMOOTH) + SMOOTH
    loss = F.binary_cross_entropy_with_logits(scores, target, pos_weight=weights, reduction="none")[known].sum()
    for at, helper in enumerate(outputs.helpers):
        if (classes[:, at] >= 0).any():
            loss = loss + HELPER_WEIGHT * F.cross_entropy(helper(vectors), classes[:, at], weight=class_weight[at], ignore_index=-1, reduction="sum")
    return loss / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "base", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--continue", dest="release", help="start from the layers and heads of this released encoder")
    parser.add_argument("--texts", type=int, required=True)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--rate", type=float, default=1.5e-4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    torch.set_flush_denormal(True)

    state = base.from_four_bits(os.path.join(arguments.base, "e5-small-q4.bin"))
    outputs = network.Outputs()
    if arguments.release:
        state, weight, bias = base.from_release(arguments.release, state)
        outputs.heads.weight.data, outputs.heads.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    trainer = Trainer(network.encoder_of(state), outputs, arguments.rate, not arguments.release)
    tokenizer = Tokenizer.from_file(os.path.join(arguments.base, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(BUCKETS[-1])
    rows = examples.training_rows(arguments.data)

    started, seen, steps, number, losses, due = time.time(), 0, 0, 0, [], list(CHECKPOINTS)
    progress = lambda: max(seen / arguments.texts, (time.time() - started) / (60 * arguments.minutes))

    def save():
        about = {"texts": seen, "steps": steps, "passes": number, "minutes": round((time.time() - started) / 60, 1), "progress": round(progress(), 3)}
        about |= {"cpu_minutes": round(time.process_time() / 60, 1), "seed": arguments.seed, "rate": arguments.rate, "continued": bool(arguments.release)}
        trainer.save(os.path.join(arguments.out, "model.npz"), about)
        print(f"saved: {about}", flush=True)

    while progress() < 1:
        texts, labels, classes = examples.one_pass(rows, arguments.data, [arguments.seed, number])
        ids, number = tokenised(tokenizer, texts), number + 1
        weights, class_weight = positive_weights(labels), class_weights(classes)
        labels, classes = torch.from_numpy(labels), torch.from_numpy(classes)
        print(f"pass {number}: {len(texts)} texts, weights {[round(float(w), 1) for w in weights]}", flush=True)
        for length, chosen in batches(ids, np.random.default_rng([arguments.seed, number])):
            done = progress()
            if done >= 1:
                break
            batch = padded(ids, chosen, length)
            if steps % 2 == 0:
                batch = torch.where((torch.rand(batch.shape) < HIDDEN_SHARE) & (batch > 3), HIDE, batch)
            vectors = F.dropout(trainer.encoder(batch, DROPOUT), DROPOUT)
            loss = loss_of(outputs, vectors, labels[chosen], classes[chosen], weights, class_weight)
            trainer.step(loss, min(1.0, (done + 1e-4) / WARM_UP) * max(0.02, 1 - done))
            seen, steps = seen + len(chosen), steps + 1
            losses.append(float(loss.detach()))
            if steps in (20, 100) or steps % 250 == 0:
                spent = time.time() - started
                print(f"step {steps}, {done:.0%}, loss {np.mean(losses[-250:]):.3f}, {seen / spent:.0f} texts/s, {seen / time.process_time():.0f} texts/CPU-s", flush=True)
            if due and done >= due[0]:
                due.pop(0)
                save()
    save()


if __name__ == "__main__":
    main()
