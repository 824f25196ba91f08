"""The functional set: what a model must be able to tell apart, asked with sentences that training never sees.

Templates in functional_set/LANGUAGE.toml, other groups and other slurs than in training. Every template is filled several times;
sets marked `spelling` are asked again in disturbed spellings, under the name `spelling_of_...`.
"""
import sys
from pathlib import Path

import numpy as np

import data

sys.path.insert(0, str(Path(__file__).resolve().parent / "train"))
import augment  # noqa: E402
import contrast  # noqa: E402

FOLDER = Path(__file__).resolve().parent / "functional_set"
SEED, FILLINGS, LANGUAGES = 2020, 10, ("de", "en", "ar", "tr")


def rows(root, languages=LANGUAGES):
    """Rows whose source is the name of the ability that they ask."""
    made = []
    for language in languages:
        random = np.random.default_rng([SEED, LANGUAGES.index(language)])
        fillings = contrast.fillings(root, language, "held")
        for one in contrast.read(FOLDER / f"{language}.toml")["set"]:
            texts = dict.fromkeys(contrast.filled(template, language, *fillings, random) for template in one["templates"] for _ in range(FILLINGS))
            made += [data.Row(one["name"], language, data.clean(text), dict(one["labels"]), dev=True) for text in texts]
            if one.get("spelling"):
                disturbed = dict.fromkeys(data.clean(augment.disturbed(text, language, random)) for text in texts)
                made += [data.Row(f"spelling_of_{one['name']}", language, text, dict(one["labels"]), dev=True) for text in disturbed]
    return made
