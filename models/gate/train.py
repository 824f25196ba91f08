"""Trains the gate: one linear model over hashed n-grams with nine outputs, quantised to one byte for each weight.

    python gate/train.py --data DATA --logits logits.npz --encoder models/encoder --gate models/gate

Eight outputs are the heads, each trained on the rows that its sets label. The ninth is what makes it a gate: it estimates by
how much the encoder would be over (or under) the threshold of its most decided alerting head, from the encoder's own answers
(logits.npz of score.py) over labelled posts, news sentences and web paragraphs. Ranking by this margin passed fewer posts at equal
recall than a classifier of flagged and unflagged; weighing all nine outputs together did no better. The threshold of a language is
set so that 98 % of what the encoder would flag in a stated stream passes.
Writes weights.bin, features.golden.json, figures.md (a part of the card) and the generated part of manifest.toml. Seeded, one thread, minutes.
"""
import argparse
import hashlib
import json
import struct
import sys
import time
from pathlib import Path

import numpy as np
from scipy.sparse import diags, vstack
from sklearn.linear_model import LogisticRegression, Ridge

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import calibrate  # noqa: E402
import data  # noqa: E402
import features  # noqa: E402
import score  # noqa: E402

SEED = 20
MAGIC = b"STRGATE1"
RECALL = 0.98
# Large sets of one register would drown the others.
CAPS = {"turkish": 12_000, "davidson": 6_000, "edos": 5_000, "stormfront": 5_000, "told_br": 0, "mlma_fr": 0}
MIN_DOCUMENTS = 2
C_HEAD = 4.0
# Of the margin: strength of the penalty, and how far from the threshold all is the same.
MARGIN_PENALTY, MARGIN_CLIP = 0.2, 2.0
# Heads that put a post before people (pipeline/runtime/src/decide.rs).
ALERT_HEADS = ("group_hate", "violence", "attack_on_order", "defamation", "antisemitism")
# Of a stream: the share of plain text, what stands for it, and sets whose rows were made, not found.
PLAIN, PLAIN_SOURCES, MADE_SOURCES = 0.8, ("news", "page", "recorded"), ("gahd", "gahd_dev", "hatemoji")
PLAIN_WEIGHT = 6.0

ABOUT_STREAM = (
    f"A stream is {PLAIN:.0%} plain text (news and web sentences, recorded posts without a label) and {1 - PLAIN:.0%} posts of the sets that were found, not made. "
    f"The threshold keeps {RECALL:.0%} of what the encoder would flag among these rows; each half of the rows is judged by a threshold from the other half. "
    "Sets whose rows were written to fool a model (gahd, hatemoji) are shown by source and not tuned for."
)

GOLDEN_FEATURES = [
    "",
    "Guten Morgen",
    "ÄÖÜ ẞ İstanbul ΣΑΣ ǅ",
    "hey!!! (was?) -- @user: http ...",
    "صباح الخير يا جماعة",
    "👍🏽👍🏽 ok 👨‍👩‍👧",
    "a",
    "Donaudampfschifffahrtsgesellschaft",
    "\"Zitat\" sagt: 'nein' [wirklich]",
]


def capped(rows):
    """At most CAPS rows of a set, a seeded choice, in the order given."""
    random, kept = np.random.default_rng(SEED), []
    order, seen = random.permutation(len(rows)), {}
    for i in order:
        source = rows[i].source
        seen[source] = seen.get(source, 0) + 1
        if seen[source] <= CAPS.get(source, len(rows)):
            kept.append(i)
    return [rows[i] for i in sorted(kept)]


def fit(x, y, c):
    """Balanced logistic regression: weights and intercept."""
    model = LogisticRegression(C=c, class_weight="balanced", solver="liblinear", tol=1e-3, random_state=SEED).fit(x, y)
    return model.coef_[0].astype(np.float64), float(model.intercept_[0])


def quantise(weights):
    """-> int8 matrix and the scale of each output. The scale cuts off the largest one in 10,000 weights used."""
    scales, out = [], np.zeros(weights.shape, np.int8)
    for o in range(weights.shape[1]):
        used = np.abs(weights[:, o][weights[:, o] != 0])
        scale = max(float(np.quantile(used, 0.9999)) / 127, 1e-9)
        scale = float(np.float32(scale))
        out[:, o] = np.clip(np.round(weights[:, o] / scale), -127, 127)
        scales.append(scale)
    return out, np.array(scales, np.float32)


def outputs(x, table, scales, biases):
    """The raw outputs as the product computes them: whole numbers first, then scale, then bias."""
    totals = np.maximum(np.asarray(x.sum(axis=1)).ravel(), 1.0)
    sums = x.astype(np.float64) @ table.astype(np.float64)
    return sums * scales.astype(np.float64) / np.sqrt(totals)[:, None] + biases.astype(np.float64)


def alerting(usable, language):
    """The heads that put a post before people in a language, as `decide` of the product has it; where none of them is usable,
    what the encoder can say at all."""
    heads = [head for head in ALERT_HEADS if (language, head) in usable]
    return heads or [head for head in ("offensive",) if (language, head) in usable]


def margin(usable, language, logits):
    """By how much (log odds) the encoder is over the threshold of its most decided alerting head; it flags from 0 on."""
    margins = []
    for head in alerting(usable, language):
        c = usable[language, head]
        margins.append(c["scale"] * float(logits[data.HEADS.index(head)]) + c["shift"] - np.log(c["threshold"] / (1 - c["threshold"])))
    return max(margins)


class Stream:
    """What a site sees in one language, as held-out rows: plain text mostly, and posts of watched places.

    PLAIN of it are news and web sentences, the rest posts of the sets that were found. Sets made by people who try to fool a
    model are reported by source and not tuned for.
    """

    def __init__(self, rows, flags, outputs):
        self.rows, self.flags, self.outputs = rows, flags, outputs
        self.plain = np.array([row.source in PLAIN_SOURCES for row in rows])
        self.made = np.array([row.source in MADE_SOURCES for row in rows])
        self.found = ~self.plain & ~self.made

    def fit(self, chosen):
        """-> (scale, shift, threshold) from the chosen rows: a probability of being flagged, and where to cut it."""
        chosen = chosen & ~self.made
        scale, shift = calibrate.platt(self.outputs[chosen], self.flags[chosen].astype(int), np.ones(chosen.sum()))
        return scale, shift, threshold_for(calibrate.sigmoid(scale * self.outputs[chosen] + shift), self.flags[chosen])

    def passes(self, fitted, chosen):
        scale, shift, threshold = fitted
        return calibrate.sigmoid(scale * self.outputs[chosen] + shift) >= threshold

    def measured(self):
        """What the product uses, from all rows; figures where each half is judged by what the other half set."""
        half = np.random.default_rng(SEED).permutation(len(self.rows)) % 2 == 0
        passed = np.zeros(len(self.rows), bool)
        passed[half], passed[~half] = self.passes(self.fit(~half), half), self.passes(self.fit(half), ~half)
        share = lambda hit, among: float(hit[among].mean()) if among.any() else 0.0
        stream = lambda hit: PLAIN * share(hit, self.plain) + (1 - PLAIN) * share(hit, self.found)
        figures = {
            "rows": len(self.rows),
            "encoder flags, stream": stream(self.flags),
            "recall": share(passed, self.flags & ~self.made),
            "passes, stream": stream(passed),
            "passes, plain text": share(passed, self.plain),
            "passes, found posts": share(passed, self.found),
        }
        by_source = []
        for source in sorted({row.source for row in self.rows}):
            mine = np.array([row.source == source for row in self.rows])
            flagged = mine & self.flags
            recall = round(share(passed, flagged), 4) if flagged.any() else "-"
            by_source.append({"source": source, "rows": int(mine.sum()), "flagged": int(flagged.sum()), "recall": recall, "passes": round(share(passed, mine), 4)})
        return self.fit(np.ones(len(self.rows), bool)), {name: round(value, 4) for name, value in figures.items()}, by_source


def threshold_for(scores, flags):
    """The highest threshold that passes RECALL of the flagged."""
    hits = np.sort(scores[flags])
    return float(np.floor(hits[int(np.floor((1 - RECALL) * len(hits)))] * 1e4) / 1e4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "logits", "encoder", "gate"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    started = time.process_time()
    note = lambda text: print(f"{time.process_time() - started:6.0f} CPU-s  {text}", flush=True)

    dev_rows, logits = calibrate.load_dev(arguments.data, arguments.logits)
    languages, usable, _, _ = calibrate.calibrations(dev_rows, logits)
    rows = data.labelled(arguments.data)
    train = capped([row for row in rows if not row.dev])
    dev = [row for row, _ in dev_rows]
    plain = [row for row in data.plain(arguments.data) if row.language in languages]
    plain = [row for row in plain if score.key(row.text) in logits]
    note(f"{len(train)} training rows, {len(dev)} dev rows, {len(plain)} plain sentences")

    raw = features.counts([row.text for row in train])
    documents = np.asarray((raw > 0).sum(axis=0)).ravel()
    idf = np.where(documents >= MIN_DOCUMENTS, np.log((1 + len(train)) / (1 + documents)) + 1, 0.0)
    idf = diags((idf / idf.max()).astype(np.float32))
    x = (features.values(raw) @ idf).tocsr()
    x.eliminate_zeros()
    note(f"{x.nnz} values")

    weights = np.zeros((1 << features.BUCKET_BITS, len(data.HEADS) + 1))
    biases = np.zeros(len(data.HEADS) + 1)
    for h, head in enumerate(data.HEADS):
        labelled = [i for i, row in enumerate(train) if head in row.labels]
        y = np.array([train[i].labels[head] for i in labelled])
        coefficients, biases[h] = fit(x[labelled], y, C_HEAD)
        weights[:, h] = idf.diagonal() * coefficients
        note(f"{head}: {len(y)} rows, {int(y.sum())} positive")

    # The ninth output, from the encoder's answers.
    answered = [i for i, row in enumerate(train) if score.key(row.text) in logits and row.language in languages]
    learnt = [row for row in plain if not row.dev]
    x_flag = vstack([x[answered], features.values(features.counts([row.text for row in learnt])) @ idf]).tocsr()
    flag_rows = [train[i] for i in answered] + learnt
    weight = np.array([1.0] * len(answered) + [PLAIN_WEIGHT] * len(learnt))
    margins = np.array([margin(usable, row.language, logits[score.key(row.text)]) for row in flag_rows])
    ridge = Ridge(alpha=MARGIN_PENALTY, solver="lsqr", tol=1e-3)
    ridge.fit(x_flag, np.clip(margins, -MARGIN_CLIP, MARGIN_CLIP), sample_weight=weight)
    weights[:, 8], biases[8] = idf.diagonal() * ridge.coef_, ridge.intercept_
    note(f"margin: {len(margins)} rows, {int((margins >= 0).sum())} flagged by the encoder")

    table, scales = quantise(weights)
    biases = biases.astype(np.float32)
    gate = Path(arguments.gate)
    with open(gate / "weights.bin", "wb") as file:
        file.write(MAGIC + struct.pack("<II", features.BUCKET_BITS, table.shape[1]))
        file.write(scales.tobytes() + biases.tobytes() + table.tobytes())

    # Calibration and thresholds on dev rows.
    dev_raw = outputs(features.counts([row.text for row in dev]), table, scales, biases)
    gate_usable, unusable, measured = {}, {}, []
    for language in languages:
        for h, head in enumerate(data.HEADS):
            some = [i for i, row in enumerate(dev) if row.language == language and head in row.labels]
            y = np.array([dev[i].labels[head] for i in some], np.int64)
            calibration, result, reason = calibrate.fit_pair(dev_raw[some, h], y, head) if some else (None, None, "no labelled dev rows")
            if calibration and (language, head) not in usable:
                calibration, reason = None, "the encoder's head is not usable in this language"
            if result:
                measured.append({"language": language, "head": head, "usable": bool(calibration), **result})
            if calibration:
                gate_usable[language, head] = calibration
            else:
                unusable[language, head] = reason

    lines, passing, sources = [], [], []
    held = [row for row in plain if row.dev]
    held_raw = outputs(features.counts([row.text for row in held]), table, scales, biases)
    every, every_raw = dev + held, np.concatenate([dev_raw, held_raw])
    for language in languages:
        some = [i for i, row in enumerate(every) if row.language == language]
        flags = np.array([margin(usable, language, logits[score.key(every[i].text)]) >= 0 for i in some])
        (scale, shift, threshold), figures, by_source = Stream([every[i] for i in some], flags, every_raw[some, 8]).measured()
        lines += [f"[pass.{language}]", f"scale = {scale!r}", f"shift = {shift!r}", f"threshold = {threshold!r}", ""]
        passing.append({"language": language, "heads": ", ".join(alerting(usable, language)), **figures})
        sources += [{"language": language, **row} for row in by_source]
        note(str(passing[-1]))

    golden = []
    for language, text in calibrate.GOLDEN:
        raw_out = outputs(features.counts([data.clean(text)]), table, scales, biases)[0]
        golden.append((language, text, calibrate.calibrated(gate_usable, language, raw_out)))
    vectors = [{"text": text, "buckets": bucket_list(text)} for text in GOLDEN_FEATURES]
    (gate / "features.golden.json").write_text(json.dumps(vectors, ensure_ascii=False) + "\n", encoding="utf8")
    columns = list(passing[0])
    text = f"## What passes\n\n{ABOUT_STREAM}\n\n" + calibrate.table(columns, passing)
    text += "\nBy source:\n\n" + calibrate.table(list(sources[0]), sources) + "\n" + calibrate.heads_table(measured)
    (gate / "figures.md").write_text(text, encoding="utf8")
    tables = calibrate.calibration_toml(languages, gate_usable, unusable)
    weights_file = (gate / "weights.bin").read_bytes()
    lines += ["[[file]]", 'name = "weights.bin"', f'sha256 = "{hashlib.sha256(weights_file).hexdigest()}"', f"bytes = {len(weights_file)}", ""]
    calibrate.write_generated(gate / "manifest.toml", tables[:1], tables[1:] + lines + calibrate.golden_toml(golden))
    note("written")


def bucket_list(text):
    """Buckets in order with their counts."""
    matrix = features.counts([text])
    return [[int(bucket), int(value)] for bucket, value in sorted(zip(matrix.indices, matrix.data))]


if __name__ == "__main__":
    main()
