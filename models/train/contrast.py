"""Contrast sentences: pairs of ideas that differ in what is meant, not in the words. Templates of our own in contrast/LANGUAGE.toml.

What a model learns from posts alone gets these wrong: hate denied, hate quoted to object, slurs taken back, a group named in passing.
Slurs do not stand here: a template says {slur} and the file names a public term list and the numbers of its lines.
Groups and slurs under `held`, and all of ../functional_set/, are never used in training: they are what the functional set asks.
"""
import functools
import re
import tomllib
from pathlib import Path

import data

FOLDER = Path(__file__).resolve().parent / "contrast"
_SLOT = re.compile(r"\{(\w+)\}")
# Chances of a word before and after the sentence, of small letters throughout, of no full stop.
OPENED, CLOSED, SMALL, NO_STOP = 0.35, 0.35, 0.15, 0.3
ATTEMPTS = 6


@functools.cache
def read(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


@functools.cache
def terms(root, name, lines):
    """The numbered lines (from 1) of a term list."""
    listed = (Path(root) / name).read_text(encoding="utf8").splitlines()
    return [listed[line - 1].strip() for line in lines]


def plural(language, term):
    if language == "de":
        return term + {"e": "n", "l": "n", "o": "s"}.get(term[-1], "")
    return term[:-1] + "ies" if term.endswith("y") else term + "s"


def fillings(root, language, part):
    """What each slot may hold: `part` is train or held."""
    file = read(FOLDER / f"{language}.toml")
    groups = [group if isinstance(group, list) else [group, group] for group in file["groups"][part]]
    slurs = []
    if "slurs" in file:
        found = terms(str(root), file["slurs"]["list"], tuple(file["slurs"][part]))
        slurs = [term.capitalize() if language == "de" else term for term in found]
    return file["slots"], groups, slurs


def filled(template, language, slots, groups, slurs, random):
    """A template with one group and one slur throughout, anything else drawn at each place."""
    pick = lambda options: options[int(random.integers(0, len(options)))]
    group, slur = pick(groups), pick(slurs) if slurs else ""

    def one(match):
        name = match.group(1)
        fixed = {"g": group[0], "gd": group[1], "slur": slur, "slurs": plural(language, slur) if slur else ""}
        return fixed[name] if name in fixed else pick(slots[name])

    text = _SLOT.sub(one, template)
    return text[0].upper() + text[1:]


def dressed(text, slots, random):
    """The sentence as people post it: with something before or after it, without capitals, without its full stop."""
    pick = lambda options: options[int(random.integers(0, len(options)))]
    if random.random() < NO_STOP:
        text = text.rstrip(".")
    if random.random() < OPENED:
        text = f"{pick(slots['open'])} {text}"
    if random.random() < CLOSED:
        text = f"{text} {pick(slots['close'])}"
    return text.lower() if random.random() < SMALL else text


def sentences(root, language, count, random):
    """At most `count` different sentences for training."""
    slots, groups, slurs = fillings(root, language, "train")
    sets = read(FOLDER / f"{language}.toml")["set"]
    weights = [one.get("weight", 1.0) for one in sets]
    shares = [weight / sum(weights) for weight in weights]
    made = {}
    for _ in range(count * ATTEMPTS):
        if len(made) == count:
            break
        chosen = sets[int(random.choice(len(sets), p=shares))]
        template = chosen["templates"][int(random.integers(0, len(chosen["templates"])))]
        text = dressed(filled(template, language, slots, groups, slurs, random), slots, random)
        made.setdefault(text, data.Row("contrast", language, text, dict(chosen["labels"])))
    return list(made.values())
