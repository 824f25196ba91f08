#!/usr/bin/env python3
"""Writes posts at a rate, open loop: soak_load.py SECONDS RATE BURST_RATE BURST_SECONDS BURST_EVERY. A second that was late is made
up for. The posts go to standard output; what was written, to standard error as one JSON object."""

import json
import random
import sys
import time

WORDS = "haus garten zug morgen abend stadt wetter regen sonne markt brot salz wasser wiese vogel baum weg platz licht fenster".split()
SLICES = 10  # writings in a second


def main(seconds, rate, burst_rate, burst_seconds, burst_every):
    rng = random.Random(11)
    written, bursts = 0, []
    out = sys.stdout
    start = time.monotonic()
    due = 0.0
    tick = 0
    while tick < seconds * SLICES:
        at = tick / SLICES
        into = tick % int(burst_every * SLICES)
        in_burst = at >= burst_every and into < burst_seconds * SLICES and at + burst_seconds < seconds
        if in_burst and into == 0:
            bursts.append(time.time())
        due += (burst_rate if in_burst else rate) / SLICES
        lines = []
        while written < int(due):
            text = " ".join(rng.choices(WORDS, k=rng.randint(6, 40)))
            if written % 200 == 7:
                text = "Stellt sie alle an die Wand " + text
            lines.append(json.dumps({"id": f"p{written}", "text": f"{text} {written}", "source": "soak"}))
            written += 1
        if lines:
            out.write("\n".join(lines) + "\n")
            out.flush()
        tick += 1
        wait = start + tick / SLICES - time.monotonic()
        if wait > 0:
            time.sleep(wait)
    late = time.monotonic() - start - seconds
    print(json.dumps({"written": written, "bursts": bursts, "late_seconds": round(late, 1)}), file=sys.stderr)


main(*(float(x) for x in sys.argv[1:]))
