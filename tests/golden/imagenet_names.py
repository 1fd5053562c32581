#!/usr/bin/env python3
"""Writes src/data/imagenet.tsv: the 1000 ImageNet classes as `wnid<TAB>name`, in class order.

A wnid is 'n' and the 8-digit offset of a noun synset in WordNet 3.0, so the names come from WordNet's
own `data.noun` (Debian: package wordnet-base, /usr/share/wordnet/data.noun; WordNet 3.0 licence, which
the file repeats in its header). Which 1000 synsets the challenge uses, and that the class order is the
sorted order, is read from the PyPI package timm (Apache-2.0); of that file only the ids are used.

A class is called by the first word of its synset. Where two classes share it (case ignored), the first
other word of the synset that no class uses is taken, else the hypernym is added in brackets:
crane (wading bird), crane (lifting device).

    python3 tests/golden/imagenet_names.py /usr/share/wordnet/data.noun imagenet_synsets.txt > src/data/imagenet.tsv
"""

import collections
import sys

HEADER = """\
# The 1000 ImageNet classes in class order: WordNet id, tab, English name.
# Made by tests/golden/imagenet_names.py from data.noun of WordNet 3.0, under this licence:
#
"""


def read_nouns(path):
    """(licence lines, {offset: (words, offset of the first hypernym or None)}); see wndb(5WN)."""
    licence, nouns = [], {}
    for line in open(path, encoding="utf-8"):
        if line.startswith("  "):
            licence.append(line.rstrip().split(" ", 3)[3] if len(line.split()) > 1 else "")
            continue
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        words = [word.replace("_", " ") for word in fields[4 : 4 + 2 * count : 2]]
        pointers = fields[5 + 2 * count :]
        hypernyms = [pointers[i + 1] for i in range(0, len(pointers), 4) if pointers[i] in ("@", "@i")]
        nouns[fields[0]] = (words, hypernyms[0] if hypernyms else None)
    return licence, nouns


def main(nouns_path, ids_path):
    licence, nouns = read_nouns(nouns_path)
    ids = open(ids_path, encoding="utf-8").read().split()
    assert len(ids) == 1000 and ids == sorted(ids), "expected 1000 sorted WordNet ids"

    uses = collections.Counter(word.lower() for wnid in ids for word in set(nouns[wnid[1:]][0]))
    firsts = collections.Counter(nouns[wnid[1:]][0][0].lower() for wnid in ids)
    names = []
    for wnid in ids:
        words, hypernym = nouns[wnid[1:]]
        name = words[0]
        if firsts[name.lower()] > 1:
            alone = [word for word in words if uses[word.lower()] == 1]
            name = alone[0] if alone else f"{name} ({nouns[hypernym][0][0]})"
        names.append(name)
    assert len(set(name.lower() for name in names)) == 1000, "two classes share a name"

    sys.stdout.write(HEADER + "".join(f"# {line}".rstrip() + "\n" for line in licence))
    sys.stdout.write("".join(f"{wnid}\t{name}\n" for wnid, name in zip(ids, names)))


if __name__ == "__main__":
    main(*sys.argv[1:])
