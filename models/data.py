"""Labelled posts for the gate and for calibration: reads the research sets and maps their labels to heads.

Every set answers only some heads; a head without an answer in a row is absent, never zero. Rows of one text are merged,
the first answer wins. Posts are offensive by nature: nothing here prints or stores one.
"""
import csv
import gzip
import hashlib
import html
import json
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

# Finer classes that some sets tell apart. They shape the encoder in training and are not released.
HELPERS = {
    "order": ["nothing", "criticism", "agitation", "subversive"],
    "violence_kind": ["nothing", "call2violence", "support", "prospensity", "glorification", "other"],
    "abuse_kind": ["OTHER", "PROFANITY", "INSULT", "ABUSE"],
}

HEADS = ["offensive", "group_hate", "violence", "attack_on_order", "call_to_action", "defamation", "antisemitism", "profanity"]

# The encoder of today was trained on all rows but these: the official GAHD dev split and every twelfth text by hash.
# Calibration is honest only on rows that the encoder has not seen, so the rule is the same here.
DEV_MODULUS, DEV_REMAINDER = 12, 5

_URL = re.compile(r"https?://\S+|www\.\S+|\bt\.co/\S+")
_MENTION = re.compile(r"\[@\w+\]|@\w+")
_MENTION_RUN = re.compile(r"(?:@user[\s:,]*){2,}")


@dataclass
class Row:
    """One text with the heads that some set answers for it."""

    source: str
    language: str
    text: str
    labels: dict = field(default_factory=dict)
    dev: bool = False
    finer: dict = field(default_factory=dict)


def clean(text):
    """The text as models see it; `streife_text::clean_for_models` does the same."""
    text = html.unescape(text).replace("|LBR|", " ")
    text = _MENTION.sub("@user", _URL.sub(" http ", text))
    text = _MENTION_RUN.sub("@user ", text)
    return re.sub(r"\s+", " ", text).strip()


def is_dev_text(text):
    """Is the text in every twelfth part, whatever its case, mentions, links and punctuation?"""
    text = unicodedata.normalize("NFKC", text).lower()
    text = re.sub(r"\[?@\w+\]?|https?://\S+|\burl\b", " ", text)
    text = re.sub(r"[\W_]+", " ", text).strip()
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % DEV_MODULUS == DEV_REMAINDER


def _json_lines(path):
    with open(path, encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def _table(path, delimiter=","):
    with open(path, encoding="utf8") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


def _germeval2018(root):
    with open(root / "germeval2018" / "germeval2018.training.txt", encoding="utf8") as lines:
        for line in lines:
            cells = line.rstrip("\n").split("\t")
            if len(cells) < 3:
                continue
            coarse, fine = cells[1], cells[2]
            labels = {"offensive": coarse == "OFFENSE", "group_hate": fine == "ABUSE"}
            if fine in ("PROFANITY", "OTHER"):
                labels["profanity"] = fine == "PROFANITY"
            yield "germeval2018", "de", cells[0], labels, {"abuse_kind": fine}


def _germeval2026(root):
    base = root / "germeval2026_harmful"
    tasks = [
        ("c2a_train", "call_to_action", lambda label: label == "TRUE"),
        ("dbo_train", "attack_on_order", lambda label: label in ("agitation", "subversive")),
        ("vio_train", "violence", lambda label: label != "nothing"),
        # The older edition only fills texts without a newer label: it comes second.
        ("vio2025_binary_train", "violence", lambda label: label == "TRUE"),
        ("def_train", "defamation", lambda label: label == "TRUE"),
    ]
    for name, head, positive in tasks:
        for row in _json_lines(base / f"{name}.jsonl"):
            helper = {"attack_on_order": "order", "violence": "violence_kind"}.get(head)
            finer = {helper: row["label"]} if row["label"] in HELPERS.get(helper, ()) else {}
            yield "germeval2026", "de", row["text"], {head: positive(row["label"])}, finer


def _german_hate(root):
    for part, source in (("train", "gahd"), ("dev", "gahd_dev")):
        for row in _json_lines(root / "gahd" / f"{part}.jsonl"):
            yield source, "de", row["text"], {"group_hate": int(row["label"]) == 1}
    with open(root / "iwg_hatespeech" / "german_hatespeech_refugees.csv", encoding="utf8") as lines:
        for row in list(csv.reader(lines))[1:]:
            first, second = (row[i].strip().lower()[:1] for i in (1, 2))
            if first == second:  # experts often disagree; only agreement is a label
                yield "iwg", "de", row[0], {"group_hate": first == "y"}


def _english(root):
    for row in _json_lines(root / "davidson" / "train.jsonl"):
        yield "davidson", "en", row["tweet"], {"offensive": row["label"] != "neither", "group_hate": str(row["class"]) == "0"}
    for part in ("train", "validation"):
        for row in _table(root / "hatemoji_build" / f"{part}.csv"):
            yield "hatemoji", "en", row["text"], {"group_hate": float(row["label_gold"]) >= 0.5}
    for row in _json_lines(root / "stormfront" / "train.jsonl"):
        if row["label"] in ("hate", "noHate"):
            yield "stormfront", "en", row["text"], {"group_hate": row["label"] == "hate"}
    for row in _json_lines(root / "edos" / "train.jsonl"):
        yield "edos", "en", row["text"], {"violence": row["label_category"].startswith("1")}
    for row in _table(root / "ethos" / "Ethos_Dataset_Binary.csv", ";"):
        yield "ethos", "en", row["comment"], {"group_hate": float(row["isHate"]) >= 0.5}
    for row in _table(root / "ethos" / "Ethos_Dataset_Multi_Label.csv", ";"):
        yield "ethos", "en", row["comment"], {"violence": float(row["violence"]) >= 0.5}
    for row in _json_lines(root / "antisemitism_isca" / "train.jsonl"):
        yield "isca", "en", row["text"], {"antisemitism": int(row["label"]) == 1}


def _other_languages(root):
    for language in ("ar", "en", "fr"):
        for row in _json_lines(root / "mlma" / f"{language}_train.jsonl"):
            kinds = set(row["sentiment"].split("_"))
            labels = {"offensive": bool(kinds - {"normal", "fearful"}), "group_hate": "hateful" in kinds}
            yield f"mlma_{language}", language, row["tweet"], labels
    for row in _json_lines(root / "mpold_arabic" / "train.jsonl"):
        kind = row["Vulgar:V/HateSpeech:HS/None:-"].strip()
        offensive = row["Majority_Label"].strip() == "Offensive"
        yield "mpold", "ar", row["text"], {"offensive": offensive, "group_hate": kind == "HS", "profanity": kind == "V"}
    for part in ("train", "valid"):
        for row in _json_lines(root / "turkish_offensive" / f"{part}.jsonl"):
            yield "turkish", "tr", row["text"], {"offensive": int(row["label"]) == 1}
    kinds = ("homophobia", "obscene", "insult", "racism", "misogyny", "xenophobia")
    for row in _json_lines(root / "told_br" / "train.jsonl"):
        yield "told_br", "pt", row["text"], {"offensive": any(float(row[kind]) > 0 for kind in kinds)}


def labelled(root):
    """All labelled rows, one per cleaned text, in a fixed order."""
    root, rows = Path(root), {}
    for reader in (_germeval2018, _germeval2026, _german_hate, _english, _other_languages):
        for source, language, text, labels, *finer in reader(root):
            cleaned = clean(text)
            if not cleaned:
                continue
            row = rows.setdefault(cleaned.lower(), Row(source, language, cleaned))
            if (source == "gahd_dev") != (row.source == "gahd_dev"):
                continue  # the official dev split is never mixed into training
            for head, value in labels.items():
                row.labels.setdefault(head, int(value))
            for helper, kind in (finer[0] if finer else {}).items():
                row.finer.setdefault(helper, HELPERS[helper].index(kind))
    for row in rows.values():
        row.dev = row.source == "gahd_dev" or (row.source != "gahd" and is_dev_text(row.text))
    return list(rows.values())


def news(root, languages={"deu": "de", "eng": "en", "arb": "ar", "tur": "tr", "por": "pt", "fra": "fr"}):
    """Translated news sentences without a label: what an unremarkable text looks like in each language."""
    rows = []
    with open(Path(root) / "lid_ntrex" / "train.tsv", encoding="utf8") as lines:
        for line in lines:
            code, _, sentence = line.rstrip("\n").partition("\t")
            if code in languages:
                text = clean(sentence)
                rows.append(Row("news", languages[code], text, dev=is_dev_text(text) or len(rows) % 3 == 0))
    return rows


_PARAGRAPH = re.compile(r"<p[^>]*>(.*?)</p>", re.S | re.I)
_TAG = re.compile(r"<[^>]+>")
_COMMON = {
    "de": set("der die und das ist nicht ein eine mit ich zu den von auf es sich auch wie wir im dem für sind".split()),
    "en": set("the and of is to that with for a i you it in my this was are have not on be at but".split()),
}
# A paragraph is cut into pieces about as long as a post.
PIECE = 280


def _pieces(paragraph):
    """Neighbouring sentences, together at most PIECE long."""
    piece = ""
    for sentence in re.split(r"(?<=[.!?]) ", paragraph):
        if piece and len(piece) + len(sentence) > PIECE:
            yield piece
            piece = ""
        piece = f"{piece} {sentence}".strip()[:PIECE]
    if piece:
        yield piece


def _language(words):
    """German or English by common words; nothing where there are too few of them."""
    found = {code: sum(word in common for word in words) for code, common in _COMMON.items()}
    best = max(found, key=found.get)
    return best if found[best] >= 2 else None


def _held(name):
    """Is a file or text without a label in the third that is held out?"""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 3 == 0


def _strings(value, key=None):
    """Strings under the keys that hold a post's text, in any answer of a platform."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)
    elif isinstance(value, str):
        recording = None
        if value[:1] in ("[", "{") and len(value) > 50:
            try:
                recording = json.loads(value)
            except ValueError:
                pass
        if recording is not None:
            yield from _strings(recording)
        elif key in ("text", "content", "body", "selftext", "title"):
            yield value


def recorded(root):
    """Posts in recorded answers of platforms, without a label, German and English by their common words."""
    rows = {}
    for pattern in ("bluesky_*", "mastodon_*", "reddit_*", "discourse_*"):
        for path in sorted(Path(root).glob(f"../fixtures/{pattern}/*.json*")):
            for line in path.read_text(encoding="utf8", errors="replace").splitlines() if path.suffix == ".jsonl" else [path.read_text(encoding="utf8", errors="replace")]:
                try:
                    answer = json.loads(line)
                except ValueError:
                    continue
                for string in _strings(answer):
                    text = clean(_TAG.sub(" ", string))[: 2 * PIECE]
                    words = text.lower().split()
                    language = _language(words) if len(words) >= 4 else None
                    if language:
                        rows.setdefault(text, Row("recorded", language, text, dev=_held(text)))
    return list(rows.values())


def pages(root):
    """Paragraphs of web pages without a label, in pieces as long as posts, German and English by their common words."""
    rows = {}
    for path in sorted(Path(root).glob("../fixtures/*/html/*.gz")):
        with gzip.open(path, "rt", encoding="utf8", errors="replace") as page:
            for paragraph in _PARAGRAPH.findall(page.read()):
                text = clean(_TAG.sub(" ", html.unescape(paragraph)))
                for piece in _pieces(text) if len(text) >= 60 else ():
                    words = piece.lower().split()
                    language = _language(words) if len(words) >= 8 else None
                    if language:
                        rows.setdefault(piece, Row("page", language, piece, dev=_held(path.name)))
    return list(rows.values())


def plain(root):
    """Everything without a label: what a stream mostly consists of."""
    return news(root) + pages(root) + recorded(root)
