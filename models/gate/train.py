"""Trains the gate: one linear model over hashed n-grams with nine outputs, quantised to one byte for each weight.

    python gate/train.py --data DATA --logits logits.npz --encoder models/encoder --gate models/gate

Eight outputs are the heads, each trained on the rows that its sets label. The ninth is what makes it a gate: it estimates by
how much the encoder would be over (or under) the threshold of its most decided head, from the encoder's own answers (logits.npz
of score.py) over labelled rows and news sentences. Ranking by this margin passed fewer posts at equal recall than a classifier
of flagged and unflagged. The threshold is set so that 98 % of the dev posts flagged by the encoder pass.
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
# Heads that never put a post before people by themselves (swearing; calls to act, mostly lawful).
NOT_ALERTING = ("profanity", "call_to_action")

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


def margin(usable, language, logits):
    """By how much (log odds) the encoder is over the threshold of its most decided alerting head; it flags from 0 on."""
    margins = []
    for h, head in enumerate(data.HEADS):
        if (language, head) in usable and head not in NOT_ALERTING:
            c = usable[language, head]
            margins.append(c["scale"] * float(logits[h]) + c["shift"] - np.log(c["threshold"] / (1 - c["threshold"])))
    return max(margins)


def threshold_for(scores, flags):
    """The highest threshold that passes RECALL of the flagged."""
    hits = np.sort(scores[flags])
    return float(hits[int(np.floor((1 - RECALL) * len(hits)))])


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
    news = [row for row in data.news(arguments.data) if row.language in languages]
    note(f"{len(train)} training rows, {len(dev)} dev rows, {len(news)} news sentences")

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
    plain = [row for row in news if not row.dev and score.key(row.text) in logits]
    x_flag = vstack([x[answered], features.values(features.counts([row.text for row in plain])) @ idf]).tocsr()
    flag_rows = [train[i] for i in answered] + plain
    margins = np.array([margin(usable, row.language, logits[score.key(row.text)]) for row in flag_rows])
    ridge = Ridge(alpha=MARGIN_PENALTY, solver="lsqr", tol=1e-3)
    ridge.fit(x_flag, np.clip(margins, -MARGIN_CLIP, MARGIN_CLIP))
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
            calibration, result, reason = calibrate.fit_pair(dev_raw[some, h], y) if some else (None, None, "no labelled dev rows")
            if calibration and (language, head) not in usable:
                calibration, reason = None, "the encoder's head is not usable in this language"
            if result:
                measured.append({"language": language, "head": head, "usable": bool(calibration), **result})
            if calibration:
                gate_usable[language, head] = calibration
            else:
                unusable[language, head] = reason

    lines, passing = [], []
    flagged = lambda row: row.language in languages and margin(usable, row.language, logits[score.key(row.text)]) >= 0
    dev_flags = np.array([flagged(row) for row in dev])
    held_news = [row for row in news if row.dev]
    news_raw = outputs(features.counts([row.text for row in held_news]), table, scales, biases)[:, 8]
    news_flags = np.array([flagged(row) for row in held_news])
    for language in languages:
        mine = np.array([row.language == language for row in dev])
        raw_scores, flags = dev_raw[mine, 8], dev_flags[mine]
        scale, shift = calibrate.platt(raw_scores, flags.astype(int), np.ones(len(flags)))
        p = calibrate.sigmoid(scale * raw_scores + shift)
        threshold = float(np.floor(threshold_for(p, flags) * 1e4) / 1e4)
        lines += [f"[pass.{language}]", f"scale = {scale!r}", f"shift = {shift!r}", f"threshold = {threshold!r}", ""]
        plain_mine = np.array([row.language == language for row in held_news])
        plain_p = calibrate.sigmoid(scale * news_raw[plain_mine] + shift)
        passing.append({
            "language": language,
            "dev_posts": len(flags),
            "flagged_by_encoder": int(flags.sum()),
            "recall": round(float((p[flags] >= threshold).mean()), 4),
            "pass_rate_dev": round(float((p >= threshold).mean()), 4),
            "pass_rate_dev_unflagged": round(float((p[~flags] >= threshold).mean()), 4),
            "news_sentences": int(plain_mine.sum()),
            "news_flagged_by_encoder": int(news_flags[plain_mine].sum()),
            "pass_rate_news": round(float((plain_p >= threshold).mean()), 4),
        })
        note(str(passing[-1]))

    golden = []
    for language, text in calibrate.GOLDEN:
        raw_out = outputs(features.counts([data.clean(text)]), table, scales, biases)[0]
        golden.append((language, text, calibrate.calibrated(gate_usable, language, raw_out)))
    vectors = [{"text": text, "buckets": bucket_list(text)} for text in GOLDEN_FEATURES]
    (gate / "features.golden.json").write_text(json.dumps(vectors, ensure_ascii=False) + "\n", encoding="utf8")
    columns = list(passing[0])
    text = "## What passes\n\n" + calibrate.table(columns, passing) + "\n" + calibrate.heads_table(measured)
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
