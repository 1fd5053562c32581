"""Measures the shipped networks and writes their golden logits, tests/golden/demo.json.

    python docs/demo/evaluate.py

Reads only what is shipped, the weights and the archive, and the official test images. Logits are
computed in float64 from the float16 weights and rounded to float32 once, so that the file does not
depend on the machine.
"""

import io
import json
import tarfile

import numpy as np
from PIL import Image

import networks
from fashion_mnist import ARCHIVE, CLASSES, DEMO, PER_CLASS, load

GOLDEN = DEMO.parents[1] / "tests" / "golden" / "demo.json"
FIRST = 8


def shipped(split):
    """Paths sorted, images uint8 [N, 32, 32] and class indices of a split of the archive."""
    with tarfile.open(ARCHIVE) as tar:
        paths = sorted(path for path in tar.getnames() if path.startswith(f"{split}/"))
        files = [tar.extractfile(path).read() for path in paths]
    images = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    labels = np.array([CLASSES.index(path.split("/")[1]) for path in paths])
    return paths, images, labels


def rows(logits):
    """float32 logits as text that gives back the same float32."""
    return [[float(f"{value:.9g}") for value in row] for row in logits.numpy().astype(np.float32)]


def main():
    test_images, test_labels = load("val")
    paths, images, labels = shipped("val")
    # The first images are all of one class; the spread has one of each.
    spread = np.arange(len(CLASSES)) * PER_CLASS["val"]
    golden = {
        "archive": ARCHIVE.name,
        "labels": CLASSES,
        "preprocessing": "x/127.5-1, gray repeated to 3 channels",
        "first_images": paths[:FIRST],
        "spread_images": [paths[i] for i in spread],
        "networks": {},
    }
    for name in networks.GENERATORS:
        network = networks.load(name)
        test = networks.correct(network, test_images, test_labels)
        val = networks.correct(network, images, labels)
        network.double()
        golden["networks"][name] = {
            "correct_of_10000_test": test,
            "correct_of_2000_shipped": val,
            "first_logits": rows(networks.logits(network, images[:FIRST])),
            "spread_logits": rows(networks.logits(network, images[spread])),
        }
        size = networks.path(name).stat().st_size
        print(
            f"{name:22} {size:8} bytes, top-1 {100 * test / len(test_labels):.2f} % of "
            f"{len(test_labels)}, {100 * val / len(labels):.2f} % of {len(labels)}"
        )
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
