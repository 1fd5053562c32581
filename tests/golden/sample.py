#!/usr/bin/env python3
"""Prints the sample that the test of src/data/split.rs expects, from the documented algorithm alone:
SplitMix64, a Fisher-Yates shuffle of each class from its end, then the classes take turns.

    python3 tests/golden/sample.py
"""

MASK = (1 << 64) - 1


def splitmix64(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        yield mixed ^ (mixed >> 31)


def sample(classes, count, seed):
    shuffled = []
    for number, members in enumerate(classes):
        members = list(members)
        random = splitmix64(next(splitmix64(seed)) ^ next(splitmix64(number)))
        for last in range(len(members) - 1, 0, -1):
            other = next(random) * (last + 1) >> 64
            members[last], members[other] = members[other], members[last]
        shuffled.append(members)
    rounds = max(map(len, shuffled))
    return [m[r] for r in range(rounds) for m in shuffled if r < len(m)][:count]


if __name__ == "__main__":
    print(sample([range(0, 50), range(50, 100), range(100, 150)], 6, seed=42))
