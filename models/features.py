"""The gate's features: hashed n-grams of characters within words, of words, and of word pairs.

`pipeline/scoring/src/gate/features.rs` computes the same; golden vectors in the gate's folder hold both together.
Everything is defined over code points after lower-casing each code point by itself:
* tokens are what single blanks (U+0020) separate; at most MAX_CODE_POINTS of a text are read;
* character n-grams: for n = 1 to 5 over " token ", without the two blanks alone;
* words: tokens without ASCII punctuation at both ends, when something is left; pairs of neighbouring words.
A hash starts from a seed and takes up one code point after the other: h = (h xor c) * K modulo 2^64. The bucket is the top bits.
A text's value in a bucket is its number of n-grams there, divided by the square root of the number of all its n-grams.
"""
import numpy as np
from scipy.sparse import csr_matrix

BUCKET_BITS = 18
MAX_CODE_POINTS = 20_000
LONGEST = 5
K = 0x9E3779B97F4A7C15
CHARACTER_SEED, WORD_SEED, PAIR_SEED = 0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_MASK = (1 << 64) - 1


def fold(text):
    """Code points lower-cased one by one, so that the result never depends on neighbours."""
    return "".join(c.lower() for c in text[:MAX_CODE_POINTS])


class WordHashes:
    """Hashes of words, each computed once."""

    def __init__(self):
        self.known = {}

    def of(self, word):
        found = self.known.get(word)
        if found is None:
            found = WORD_SEED
            for c in word:
                found = ((found ^ ord(c)) * K) & _MASK
            self.known[word] = found
        return found


def pair_hash(first, second):
    return ((((PAIR_SEED ^ first) * K) & _MASK ^ second) * K) & _MASK


def hashes_of_words(texts):
    """-> (text number, hash) for words and pairs of words."""
    words, owners, hashes = WordHashes(), [], []
    for i, text in enumerate(texts):
        before = None
        for token in text.split(" "):
            word = token.strip(PUNCTUATION)
            if not word:
                continue
            here = words.of(word)
            hashes.append(here)
            owners.append(i)
            if before is not None:
                hashes.append(pair_hash(before, here))
                owners.append(i)
            before = here
    return np.array(owners, np.int64), np.array(hashes, np.uint64)


def hashes_of_characters(texts):
    """-> (text number, hash) for the character n-grams."""
    padded, token_of, text_of = [], [], []
    token = 0
    for i, text in enumerate(texts):
        for part in text.split(" "):
            if not part:
                continue
            padded.append(f" {part} ")
            token_of.append(token)
            text_of.append(i)
            token += 1
    lengths = np.array([len(part) for part in padded], np.int64)
    points = np.frombuffer("".join(padded).encode("utf-32-le"), np.uint32).astype(np.uint64)
    tokens = np.repeat(np.array(token_of, np.int64), lengths)
    owners = np.repeat(np.array(text_of, np.int64), lengths)
    all_owners, all_hashes = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    h = np.full(len(points), CHARACTER_SEED, np.uint64)
    with np.errstate(over="ignore"):
        for n in range(1, LONGEST + 1):
            count = len(points) - n + 1
            if count <= 0:
                break
            h = (h[:count] ^ points[n - 1 :]) * np.uint64(K)
            inside = tokens[:count] == tokens[n - 1 :]
            if n == 1:
                inside &= points != 32
            all_owners.append(owners[:count][inside])
            all_hashes.append(h[inside])
    return np.concatenate(all_owners), np.concatenate(all_hashes)


def counts(texts, folded=False):
    """The number of n-grams in each bucket, as a sparse matrix, one row for each cleaned text."""
    texts = texts if folded else [fold(text) for text in texts]
    parts = [f(texts) for f in (hashes_of_characters, hashes_of_words)]
    owners = np.concatenate([part[0] for part in parts])
    buckets = (np.concatenate([part[1] for part in parts]) >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)
    matrix = csr_matrix((np.ones(len(owners), np.float32), (owners, buckets)), shape=(len(texts), 1 << BUCKET_BITS))
    matrix.sum_duplicates()
    return matrix


def values(matrix):
    """Counts divided by the square root of the row's sum."""
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    scaled = matrix.copy()
    scaled.data /= np.repeat(np.sqrt(np.maximum(totals, 1.0)), np.diff(scaled.indptr)).astype(np.float32)
    return scaled
