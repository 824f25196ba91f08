"""Is one encoder better than another? Both answers for the same dev rows, paired.

    python compare.py --data DATA --logits old.npz new.npz

For each head and language with enough positives: macro-F1 at the best threshold (cross-fitted calibration, no promise of precision, so
that the models are compared and not their thresholds) and average precision of both, and the difference with its paired bootstrap interval
(95 %). The last line is the mean over all pairs. Seeded; prints no text.
"""
import argparse

import numpy as np
from sklearn.metrics import average_precision_score

import calibrate
import data

RESAMPLES, SEED = 1000, 20


def macro_f1(over, y):
    """Mean of the F1 of both classes; over and y are arrays of the same shape, the last axis holds the rows."""
    hit, false, missed = (over & (y == 1)).sum(-1), (over & (y == 0)).sum(-1), (~over & (y == 1)).sum(-1)
    right = (~over & (y == 0)).sum(-1)
    return (2 * hit / np.maximum(2 * hit + false + missed, 1) + 2 * right / np.maximum(2 * right + false + missed, 1)) / 2


def decided(x, y):
    """-> probabilities of a cross-fitted calibration, and which are over the best threshold."""
    weights = calibrate.prevalence_weights(y)
    p = calibrate.cross_fitted(x, y, weights)
    return p, p >= calibrate.best_threshold(p, y, weights, 0.0)


def compared(x_old, x_new, y):
    """-> F1 of both, AP of both, samples of both differences. Fewer samples of the average precision, which is slow."""
    (p_old, over_old), (p_new, over_new) = decided(x_old, y), decided(x_new, y)
    draws = np.random.default_rng(SEED).integers(0, len(y), (RESAMPLES, len(y)))
    f1 = macro_f1(over_new[draws], y[draws]) - macro_f1(over_old[draws], y[draws])
    ap = lambda p, rows: average_precision_score(y[rows], p[rows])
    some = [rows for rows in draws[: RESAMPLES // 5] if 0 < y[rows].sum() < len(rows)]
    every = np.arange(len(y))
    aps = np.array([ap(p_new, rows) - ap(p_old, rows) for rows in some])
    return (macro_f1(over_old, y), macro_f1(over_new, y)), (ap(p_old, every), ap(p_new, every)), f1, aps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--logits", nargs=2, required=True, metavar=("OLD", "NEW"))
    arguments = parser.parse_args()
    (rows, old), (_, new) = (calibrate.load_dev(arguments.data, name) for name in arguments.logits)
    rows = [(row, key) for row, key in rows if key in new]
    print(f"{len(rows)} dev rows with answers of both\n")
    print("| language | head | rows (positive) | macro-F1 old, new | difference | AP old, new | difference |\n|---|---|---|---|---|---|---|")
    f1_all, ap_all, means = [], [], []
    interval = lambda samples: "[{:+.3f}, {:+.3f}]".format(*np.quantile(samples, [0.025, 0.975]))
    for language in calibrate.LANGUAGES:
        for h, head in enumerate(data.HEADS):
            some = [(row.labels[head], key) for row, key in rows if row.language == language and head in row.labels]
            y = np.array([value for value, _ in some], np.int64)
            if len(y) == 0 or not calibrate.MIN_POSITIVES <= y.sum() < len(y):
                continue
            x_old, x_new = (np.array([answers[key][h] for _, key in some], np.float64) for answers in (old, new))
            f1, ap, f1_samples, ap_samples = compared(x_old, x_new, y)
            f1_all, ap_all, means = f1_all + [f1_samples], ap_all + [ap_samples], means + [(*f1, *ap)]
            print(
                f"| {language} | {head} | {len(y)} ({y.sum()}) | {f1[0]:.3f}, {f1[1]:.3f} | {f1[1] - f1[0]:+.3f} {interval(f1_samples)} "
                f"| {ap[0]:.3f}, {ap[1]:.3f} | {ap[1] - ap[0]:+.3f} {interval(ap_samples)} |",
                flush=True,
            )
    old_f1, new_f1, old_ap, new_ap = np.mean(means, 0)
    shortest = min(map(len, ap_all))
    f1_mean, ap_mean = np.mean(f1_all, 0), np.mean([samples[:shortest] for samples in ap_all], 0)
    print(
        f"| mean | all | | {old_f1:.3f}, {new_f1:.3f} | {new_f1 - old_f1:+.3f} {interval(f1_mean)} "
        f"| {old_ap:.3f}, {new_ap:.3f} | {new_ap - old_ap:+.3f} {interval(ap_mean)} |"
    )


if __name__ == "__main__":
    main()
