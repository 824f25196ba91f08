"""Writes pdq_reference.txt: hash and quality of made pictures by the reference implementation.

    pip install pdqhash numpy && python pdq_reference.py > pdq_reference.txt

tests/pdq.rs draws the same pictures, in whole numbers, and compares.
"""

import numpy as np
import pdqhash

SIZES = [(64, 64), (128, 96), (300, 200), (512, 512), (640, 427), (100, 700), (1000, 750), (33, 57)]


def picture(seed, width, height):
    """Soft hills, a few boxes, some noise; values 0 to 255."""
    state = seed

    def draw(below):
        nonlocal state
        state = (state * 1103515245 + 12345) % (1 << 31)
        return (state >> 8) % below

    grid = [[draw(256) for _ in range(9)] for _ in range(9)]
    boxes = [(draw(width), draw(height), draw(width), draw(height), draw(256)) for _ in range(seed % 5)]
    noise, contrast = 1 + 3 * (seed % 3), 1 + seed % 7
    rows = []
    for y in range(height):
        row = []
        for x in range(width):
            at_x, at_y = x * 8 * 256 // width, y * 8 * 256 // height
            column, line, right, down = at_x >> 8, at_y >> 8, at_x & 255, at_y & 255
            top = grid[line][column] * (256 - right) + grid[line][column + 1] * right
            bottom = grid[line + 1][column] * (256 - right) + grid[line + 1][column + 1] * right
            value = ((top * (256 - down) + bottom * down) >> 16) * contrast // 7
            for left, upper, wide, high, grey in boxes:
                if left <= x < left + wide // 3 and upper <= y < upper + high // 3:
                    value = grey
            row.append(min(255, value + draw(noise)))
        rows.append(row)
    return rows


for seed in range(1, 25):
    width, height = SIZES[seed % len(SIZES)]
    grey = np.array(picture(seed, width, height), dtype=np.uint8)
    bits, quality = pdqhash.compute(np.stack([grey] * 3, axis=-1))
    number = int("".join(str(int(bit)) for bit in bits), 2)
    print(seed, width, height, f"{number:064x}", quality)
