"""Calibration, thresholds and golden scores of the encoder, from the dev rows alone.

    python calibrate.py --data DATA --logits logits.npz --encoder models/encoder

Writes the generated part of the manifest (below the marker) and figures.md, a part of the card. For each head and language with
enough positives: a Platt scale (probability = sigmoid(scale * logit + shift)) and a threshold; any other pair is listed as
unusable with the reason, and then says nothing. Figures are cross-fitted: each row is judged by a calibration that did not
see it. Rows never used for training only (see data.py).
"""
import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

import data
import score

LANGUAGES = ["de", "en", "ar", "tr", "pt", "fr"]
FOLDS, SEED, BOOTSTRAP = 5, 20, 500

# A pair is usable from here on.
MIN_POSITIVES, MIN_AUC, MIN_LIFT = 25, 0.75, 0.15
# What a label promises on dev rows: so many of those over the threshold are right. Of all thresholds that keep it, the best F1.
# Rare heads promise less: they order a queue. A head that cannot keep its promise with at least MIN_RECALL is not usable.
PRECISION, MIN_RECALL = {"offensive": 0.65, "group_hate": 0.65}, 0.1
RARE_PRECISION = 0.5
# Sets made of hits only would teach that most posts are offensive: above this share of positives their weight is lowered.
MAX_PREVALENCE = 0.5

# Good on our dev rows, not usable on other data: a dev split of the same sets cannot show that.
KNOWN_UNUSABLE = {("ar", "group_hate"): "good on dev rows of its own sets only; it missed most hate in functional tests of another source"}

MARKER = "# ---- below: written by the recipe (models/calibrate.py or models/gate/train.py); do not edit ----"

GOLDEN = [
    ("de", "Guten Morgen zusammen, der Zug nach Köln fährt heute zehn Minuten später."),
    ("de", "Ihr seid alle widerliche Schmarotzer, verschwindet endlich aus unserem Land!"),
    ("de", "Wir treffen uns am Samstag um 12 Uhr vor dem Rathaus, kommt alle und bringt Freunde mit!"),
    ("de", "Den Bürgermeister sollte man an die Wand stellen, dieses verlogene Stück Dreck."),
    ("de", "@jemand Das Gesetz ist schlecht gemacht, lest selbst: https://example.org/gesetz &amp; urteilt."),
    ("en", "What a lovely afternoon, the library has new opening hours."),
    ("en", "Those people are vermin and should all be thrown out of here."),
    ("en", "I will find you and beat you until you shut up, you worthless idiot."),
    ("ar", "صباح الخير، موعد القطار اليوم في الساعة العاشرة."),
    ("ar", "أنت غبي وحقير ولا تستحق أي احترام."),
    ("tr", "Günaydın, kütüphane bugün saat onda açılıyor."),
    ("tr", "Sen aptal ve iğrenç bir insansın, defol git buradan!"),
]


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def prevalence_weights(y):
    share = y.mean()
    if share <= MAX_PREVALENCE:
        return np.ones(len(y))
    return np.where(y == 1, MAX_PREVALENCE * (1 - share) / (share * (1 - MAX_PREVALENCE)), 1.0)


def platt(x, y, weights):
    """Scale and shift of the logistic curve through logits; the scale is never negative."""
    model = LogisticRegression(C=1e6, max_iter=1000).fit(x.reshape(-1, 1), y, sample_weight=weights)
    return max(float(model.coef_[0, 0]), 0.01), float(model.intercept_[0])


def cross_fitted(x, y, weights):
    """Probabilities for each row from a calibration on the other folds."""
    folds = np.random.default_rng(SEED).permutation(len(y)) % FOLDS
    p = np.zeros(len(y))
    for fold in range(FOLDS):
        held = folds == fold
        scale, shift = platt(x[~held], y[~held], weights[~held])
        p[held] = sigmoid(scale * x[held] + shift)
    return p


def best_threshold(p, y, weights, stated):
    """The threshold with the best F1 that keeps the stated precision; nothing where none does."""
    order = np.argsort(-p)
    hits = np.cumsum((y * weights)[order])
    precision, recall = hits / np.cumsum(weights[order]), hits / hits[-1]
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    last = np.append(np.diff(p[order]) != 0, True)  # only between different scores can a threshold lie
    allowed = last & (precision >= stated) & (recall >= MIN_RECALL)
    if not allowed.any():
        return None
    at = int(np.argmax(np.where(allowed, f1, -1)))
    following = p[order][at + 1] if at + 1 < len(p) else 0.0
    return float((p[order][at] + following) / 2)


def ece(p, y, bins=10):
    at = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(p[at == b].mean() - y[at == b].mean()) * (at == b).mean() for b in range(bins) if (at == b).any()))


def precision_at_recall(p, y, recall):
    order = np.argsort(-p, kind="stable")
    hits = np.cumsum(y[order])
    return float((hits / np.arange(1, len(y) + 1))[hits >= recall * y.sum()].max())


def figures(p, y, threshold):
    random = np.random.default_rng(SEED)
    macro = lambda rows: f1_score(y[rows], p[rows] >= threshold, average="macro")
    samples = [macro(random.integers(0, len(y), len(y))) for _ in range(BOOTSTRAP)]
    return {
        "n": len(y),
        "positives": int(y.sum()),
        "threshold": round(threshold, 4),
        "precision": round(float(y[p >= threshold].mean()) if (p >= threshold).any() else 0.0, 4),
        "recall": round(float((p >= threshold)[y == 1].mean()), 4),
        "macro_f1": round(macro(np.arange(len(y))), 4),
        "interval": [round(float(q), 4) for q in np.quantile(samples, [0.025, 0.975])],
        "average_precision": round(float(average_precision_score(y, p)), 4),
        "auc": round(float(roc_auc_score(y, p)), 4),
        "precision_at_recall_0.5": round(precision_at_recall(p, y, 0.5), 4),
        "precision_at_recall_0.8": round(precision_at_recall(p, y, 0.8), 4),
        "ece": round(ece(p, y), 4),
    }


def fit_pair(x, y, head):
    """-> (calibration, figures, None), or (None, figures, reason) when the pair is not usable."""
    positives = int(y.sum())
    if positives == 0 or positives == len(y):
        return None, None, "no labelled dev rows"
    if positives < MIN_POSITIVES:
        return None, None, f"only {positives} positive dev rows, {MIN_POSITIVES} are needed"
    auc, ap, share = roc_auc_score(y, x), average_precision_score(y, x), y.mean()
    weights = prevalence_weights(y)
    p = cross_fitted(x, y, weights)
    stated = PRECISION.get(head, RARE_PRECISION)
    threshold = best_threshold(p, y, weights, stated)
    if threshold is None:
        result = figures(p, y, 0.5)
        return None, result, f"no threshold finds a tenth of the positives and is right in {stated:.0%} of its hits"
    result = figures(p, y, threshold)
    if auc < MIN_AUC:
        return None, result, f"AUC {auc:.2f} on {len(y)} dev rows, {MIN_AUC} is needed"
    if ap - share < MIN_LIFT * (1 - share):
        return None, result, f"average precision {ap:.2f} at {share:.0%} positives is hardly above chance"
    scale, shift = platt(x, y, weights)
    return {"scale": scale, "shift": shift, "threshold": round(threshold, 4)}, result, None


def calibrations(rows, logits):
    """Calibration, figures and reasons for each (language, head)."""
    usable, measured, unusable = {}, {}, {}
    for language in LANGUAGES:
        for h, head in enumerate(data.HEADS):
            pairs = [(logits[k][h], row.labels[head]) for row, k in rows if row.language == language and head in row.labels]
            x = np.array([pair[0] for pair in pairs], np.float64)
            y = np.array([pair[1] for pair in pairs], np.int64)
            calibration, result, reason = fit_pair(x, y, head) if len(pairs) else (None, None, "no labelled dev rows")
            if result:
                measured[language, head] = result
            if calibration and (language, head) in KNOWN_UNUSABLE:
                calibration, reason = None, KNOWN_UNUSABLE[language, head]
            if calibration:
                usable[language, head] = calibration
            else:
                unusable[language, head] = reason
    languages = [language for language in LANGUAGES if any(key[0] == language for key in usable)]
    unusable = {key: reason for key, reason in unusable.items() if key[0] in languages}
    return languages, usable, measured, unusable


def calibrated(usable, language, logits):
    """What the product gives out: rounded to 4 decimals, unusable heads absent."""
    scores = {}
    for h, head in enumerate(data.HEADS):
        if (language, head) in usable:
            c = usable[language, head]
            scores[head] = round(float(sigmoid(c["scale"] * float(logits[h]) + c["shift"])), 4)
    return scores


def calibration_toml(languages, usable, unusable):
    lines = [f"languages = {json.dumps(languages)}", ""]
    for (language, head), c in usable.items():
        lines += [f"[calibration.{language}.{head}]"] + [f"{name} = {value!r}" for name, value in c.items()] + [""]
    for (language, head), reason in unusable.items():
        lines += ["[[unusable]]", f'language = "{language}"', f'head = "{head}"', f'reason = "{reason}"', ""]
    return lines


def golden_toml(golden):
    lines = []
    for language, text, scores in golden:
        table = ", ".join(f"{head} = {value!r}" for head, value in scores.items())
        lines += ["[[golden]]", f'language = "{language}"', f"text = {json.dumps(text, ensure_ascii=False)}", f"scores = {{ {table} }}", ""]
    return lines


def table(columns, rows):
    """Rows (dicts) as a Markdown table."""
    cell = lambda value: {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(str(cell(row[column])) for column in columns) + " |" for row in rows]) + "\n"


def heads_table(rows):
    columns = ["language", "head", "usable", "n", "positives", "precision", "recall", "macro_f1", "interval", "average_precision", "auc", "precision_at_recall_0.5", "precision_at_recall_0.8", "ece"]
    return "## Figures on dev rows\n\nCross-fitted; `interval`: bootstrap, 95 %, of macro-F1; `ece`: 10 bins.\n\n" + table(columns, rows)


def write_generated(manifest, top, tables):
    """Replaces the generated part: keys of the top level go above the first table of the hand-written part."""
    text = Path(manifest).read_text(encoding="utf8")
    head, _, rest = text.partition(MARKER)
    hand_written = rest.split("# ---- end ----\n", 1)[1] if rest else text.split("# generated here\n", 1)[1]
    head = head if rest else text.split("# generated here\n", 1)[0]
    body = hand_written.split(MARKER, 1)[0]
    Path(manifest).write_text(head + MARKER + "\n" + "\n".join(top) + "\n# ---- end ----\n" + body.rstrip() + "\n\n" + MARKER + "\n\n" + "\n".join(tables).rstrip() + "\n", encoding="utf8")


def load_dev(root, logits_file):
    """Dev rows with the keys of their logits."""
    stored = np.load(logits_file)
    logits = {int(k): v for k, v in zip(stored["keys"], stored["logits"])}
    rows = [(row, score.key(row.text)) for row in data.labelled(root) if row.dev]
    return [(row, k) for row, k in rows if k in logits], logits


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--logits", required=True)
    parser.add_argument("--encoder", required=True)
    arguments = parser.parse_args()
    rows, logits = load_dev(arguments.data, arguments.logits)
    languages, usable, measured, unusable = calibrations(rows, logits)
    encoder = score.Encoder(arguments.encoder)
    golden = [(language, text, calibrated(usable, language, encoder.logits(data.clean(text)))) for language, text in GOLDEN]
    tables = calibration_toml(languages, usable, unusable)
    write_generated(Path(arguments.encoder) / "manifest.toml", tables[:1], tables[1:] + golden_toml(golden))
    rows = [{"language": key[0], "head": key[1], "usable": key in usable, **value} for key, value in measured.items()]
    (Path(arguments.encoder) / "figures.md").write_text(heads_table(rows), encoding="utf8")


if __name__ == "__main__":
    main()
