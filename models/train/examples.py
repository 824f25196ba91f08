"""What the encoder learns from: labelled posts, contrast sentences of our own, plain news sentences; and how often it sees each.

A *pass* is a seeded draw: big sets of one register give a share, so that they do not drown the others; positives are never dropped.
Each pass draws anew, so over several passes all rows are seen. Rows of the dev split (data.py) are never drawn.
"""
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import data  # noqa: E402

import augment  # noqa: E402
import contrast  # noqa: E402

HEADS, HELPERS = data.HEADS, data.HELPERS
SEED = 20

# Rows in a pass, for sets that do not come whole.
SHARES = {
    "germeval2026": 11_000, "turkish": 13_000, "davidson": 3_000, "stormfront": 3_600, "edos": 3_000, "isca": 3_500,
    "mlma_en": 1_500, "told_br": 0, "mlma_fr": 0, "news": 1_500,
}  # fmt: skip
CONTRAST = {"de": 7_000, "en": 5_000, "ar": 1_500, "tr": 2_000}
# Rows that are shown in a disturbed spelling in a pass.
DISTURBED, DISTURBED_CONTRAST = 0.12, 0.25
LANGUAGES = ("de", "en", "ar", "tr")


def training_rows(root):
    """Labelled rows without the dev split, and news sentences, which count as harmless under every head."""
    rows = [row for row in data.labelled(root) if not row.dev and SHARES.get(row.source, 1) > 0]
    for row in data.news(root):
        if not row.dev and row.language in LANGUAGES:
            row.labels = {head: 0 for head in HEADS}
            rows.append(row)
    return rows


def drawn(rows, random):
    """The rows of one pass: of a set with a share all positives (at most half of it), then others at random."""
    by_source = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(row)
    chosen = []
    for source, group in sorted(by_source.items()):
        share = SHARES.get(source, len(group))
        group = [group[i] for i in random.permutation(len(group))]
        if share < len(group):
            positive = [row for row in group if any(row.labels.values())][: share // 2]
            taken = set(map(id, positive))
            group = positive + [row for row in group if id(row) not in taken][: share - len(positive)]
        chosen += group
    return chosen


def chosen(rows, root, number):
    """-> [(row, chance of a disturbed spelling)] of one pass, and the random generator that drew them."""
    random = np.random.default_rng([SEED, *number])
    some = [(row, DISTURBED) for row in drawn(rows, random)]
    for language, count in CONTRAST.items():
        some += [(row, DISTURBED_CONTRAST) for row in contrast.sentences(root, language, count, random)]
    return some, random


def shown(row, chance, random):
    """The row's text as this pass shows it."""
    text = augment.disturbed(row.text, row.language, random) if random.random() < chance else row.text
    return data.clean(text) or row.text


def one_pass(rows, root, number):
    """-> texts, labels [n, heads] with NaN where unlabelled, classes [n, helpers] with -1 where unlabelled."""
    some, random = chosen(rows, root, number)
    labels = np.full((len(some), len(HEADS)), np.nan, np.float32)
    classes = np.full((len(some), len(HELPERS)), -1, np.int64)
    texts = []
    for i, (row, chance) in enumerate(some):
        texts.append(shown(row, chance, random))
        for head, value in row.labels.items():
            labels[i, HEADS.index(head)] = value
        for helper, kind in row.finer.items():
            classes[i, list(HELPERS).index(helper)] = kind
    return texts, labels, classes
