"""The trimmed vocabulary: pieces that European and Arabic-script texts use, taken from the full tokenizer of the base.

Kept are the special pieces, all single letters, every piece that occurs in the research data, then pieces in the order of the
original training corpus until the size is reached; pieces of other scripts never. On top come some more of the Arabic script,
which the research data cover worst. The student's is smaller, so that both fit into the repository: what it lacks is written
with shorter pieces.
"""
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import data


@dataclass(frozen=True)
class Plan:
    """How many pieces, how many more of the Arabic script, and which posts and plain sentences (codes of NTREX) count."""

    size: int
    arabic: int
    posts: frozenset
    sentences: frozenset


# Languages of Europe and its neighbours.
ENCODER = Plan(
    64_000,
    4_000,
    frozenset("de en ar tr pt fr".split()),
    frozenset("deu eng arb tur fra ita spa por nld rus ukr pol bos hrv srp-Latn srp-Cyrl sqi ron bul ell heb pus prs fas kmr ckb-Arab amh ces hun dan swe".split()),
)
# The languages that have scores.
STUDENT = Plan(20_000, 0, frozenset("de en ar tr".split()), frozenset("deu eng arb tur".split()))
SPECIAL, MASK, BLANK = 4, "<mask>", "\u2581"
SCRIPTS = ("LATIN", "CYRILLIC", "ARABIC", "GREEK", "HEBREW")


def _scripts(piece):
    return {unicodedata.name(c, "?").split(" ")[0] for c in piece if unicodedata.category(c)[0] == "L"}


def occurrences(tokenizer_file, root, size, plan):
    """How often each piece occurs in the research data: labelled posts, and plain sentences."""
    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = [row.text for row in data.labelled(root) if row.language in plan.posts]
    with open(Path(root) / "lid_ntrex" / "train.tsv", encoding="utf8") as lines:
        sentences = (line.rstrip("\n").split("\t") for line in lines)
        texts += [data.clean(cells[-1]) for cells in sentences if cells[0] in plan.sentences]
    counts = np.zeros(size, np.int64)
    for at in range(0, len(texts), 2_000):
        for encoding in tokenizer.encode_batch(texts[at : at + 2_000]):
            np.add.at(counts, encoding.ids, 1)
    return counts


def trimmed(tokenizer_file, root, plan=ENCODER):
    """-> (tokenizer.json as a dictionary, old ids of the kept pieces in the order of their new ids)"""
    tokenizer = json.loads(Path(tokenizer_file).read_text(encoding="utf8"))
    pieces = [piece for piece, _ in tokenizer["model"]["vocab"]]
    counts = occurrences(tokenizer_file, root, len(pieces) + 64, plan)
    mask = pieces.index(MASK)
    fits = [i for i in range(SPECIAL, len(pieces)) if i != mask and _scripts(pieces[i].replace(BLANK, "")) <= set(SCRIPTS)]
    single = {i for i in fits if len(pieces[i].replace(BLANK, "")) <= 1}
    fits.sort(key=lambda i: (-(counts[i] + 1_000 * (i in single)), i))
    kept = fits[: plan.size - SPECIAL - 1]
    more = [i for i in sorted(fits[plan.size - SPECIAL - 1 :]) if "ARABIC" in _scripts(pieces[i])][: plan.arabic]
    ids = list(range(SPECIAL)) + sorted(kept + more) + [mask]
    renamed = {old: new for new, old in enumerate(ids)}
    tokenizer["model"]["vocab"] = [tokenizer["model"]["vocab"][i] for i in ids]
    for token in tokenizer["added_tokens"]:
        token["id"] = renamed[token["id"]]
    print(f"{len(ids)} pieces cover {counts[ids].sum() / counts.sum():.5f} of the running pieces")
    return tokenizer, np.array(ids)
