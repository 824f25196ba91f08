"""Spelling as it is met in the open: letters swapped, dropped, doubled or spaced out, digits for letters, other alphabets.

The meaning stays, so the labels stay. Every function takes the random generator it draws from.
"""
LEET = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7", "A": "4", "E": "3", "I": "1", "O": "0", "S": "5"})
STARS = ("*", "#", "_", ".", "@")
# Written without the letters that a foreign keyboard lacks.
PLAIN = {
    "de": str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}),
    "tr": str.maketrans({"ı": "i", "İ": "I", "ş": "s", "Ş": "S", "ğ": "g", "Ğ": "G", "ç": "c", "Ç": "C", "ö": "o", "Ö": "O", "ü": "u", "Ü": "U"}),
}
# Arabic in Latin letters and digits as it is typed in chats.
ARABIZI = str.maketrans({
    "ا": "a", "أ": "a", "إ": "e", "آ": "a", "ب": "b", "ت": "t", "ث": "th", "ج": "j", "ح": "7", "خ": "5", "د": "d", "ذ": "z", "ر": "r",
    "ز": "z", "س": "s", "ش": "sh", "ص": "s", "ض": "d", "ط": "6", "ظ": "z", "ع": "3", "غ": "gh", "ف": "f", "ق": "q", "ك": "k", "ل": "l",
    "م": "m", "ن": "n", "ه": "h", "و": "w", "ي": "y", "ى": "a", "ة": "a", "ء": "2", "ئ": "2", "ؤ": "2", "؟": "?", "،": ",",
})  # fmt: skip
LONG_WORD = 4


def _long_words(words):
    return [i for i, word in enumerate(words) if len(word) >= LONG_WORD and not word.startswith(("@", "http"))]


def _some_words(text, random, change, at_most=3):
    """`change` applied to a few of the longer words."""
    words = text.split(" ")
    places = _long_words(words)
    if not places:
        return text
    for i in random.choice(places, size=min(len(places), int(random.integers(1, at_most + 1))), replace=False):
        words[i] = change(words[i])
    return " ".join(words)


def misspelt(text, random):
    def change(word):
        at, kind = int(random.integers(0, len(word) - 1)), int(random.integers(0, 4))
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return (swapped, word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word[: at + 1] + word[at] * 2 + word[at + 1 :])[kind]

    return _some_words(text, random, change)


def leet(text, random):
    return _some_words(text, random, lambda word: word.translate(LEET))


def starred(text, random):
    def change(word):
        at = int(random.integers(1, len(word) - 1))
        return word[:at] + str(random.choice(STARS)) + word[at + 1 :]

    return _some_words(text, random, change)


def spaced(text, random):
    """One or two words with blanks (or dots) between their letters."""
    return _some_words(text, random, lambda word: str(random.choice([" ", " ", "."])).join(word), at_most=2)


def split(text, random):
    """Blanks within words."""
    def change(word):
        at = int(random.integers(1, len(word) - 1))
        return word[:at] + " " + word[at:]

    return _some_words(text, random, change, at_most=4)


def joined(text, random):
    """Some or all blanks left out."""
    share = float(random.choice([0.3, 0.6, 1.0]))
    words = text.split(" ")
    return words[0] + "".join(("" if random.random() < share else " ") + word for word in words[1:])


def cased(text, random):
    return text.upper() if random.random() < 0.5 else text.lower()


def plain(text, language):
    return text.translate(PLAIN.get(language, {}))


def disturbed(text, language, random):
    """The text in one disturbed spelling, drawn at random."""
    if language == "ar":
        return text.translate(ARABIZI) if random.random() < 0.15 else _some_words(text, random, lambda word: word[:-1] + word[-1] * 3)
    kinds = (misspelt, misspelt, leet, starred, spaced, split, joined, cased, cased)
    kind = int(random.integers(0, len(kinds) + (2 if language in PLAIN else 0)))
    return kinds[kind](text, random) if kind < len(kinds) else plain(text, language)
