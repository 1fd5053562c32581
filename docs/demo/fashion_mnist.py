"""Fashion-MNIST as 32x32 images: the subset the demo ships, and what its networks are trained on.

The four IDX files come from Debian's package `dataset-fashion-mnist`. Images are 28x28 and are
padded with black to 32x32, the smallest side the networks take. Class indices follow the sorted
folder names, not the dataset's own order, so that a loader which numbers class folders in sorted
order and one which matches names agree.

    python docs/demo/fashion_mnist.py                    # writes www/demo/fashion-mnist.tgz
    python docs/demo/fashion_mnist.py --training FILE    # writes all training images, a tar
"""

import argparse
import gzip
import hashlib
import io
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np

SOURCE = Path("/usr/share/datasets/fashion-mnist")
DEMO = Path(__file__).resolve().parents[2] / "www" / "demo"
ARCHIVE = DEMO / "fashion-mnist.tgz"

# In the order of the dataset's own label codes, 0 to 9.
NAMES = [
    "tshirt-top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle-boot",
]
CLASSES = sorted(NAMES)
SIDE = 32

OFFICIAL = {"train": "train", "val": "t10k"}
PER_CLASS = {"train": 100, "val": 200}
# Of the training split, to choose the epoch by: the official test images are for the last measurement only.
HELD_OUT = 5000

LICENSE = """\
The images in this archive are a subset of Fashion-MNIST
(https://github.com/zalandoresearch/fashion-mnist), padded from 28x28 to 32x32 pixels.

The MIT License (MIT)

Copyright (c) 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def read_idx(path):
    """The array in a gzipped IDX file of unsigned bytes."""
    data = gzip.decompress(path.read_bytes())
    kind, rank = data[2], data[3]
    if kind != 8:
        raise ValueError(f"{path}: expected IDX type 8 (unsigned byte), found {kind}")
    shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(split):
    """Images, uint8 [N, 32, 32], and class indices into `CLASSES`, int64 [N], of a whole split."""
    prefix = SOURCE / OFFICIAL[split]
    images = read_idx(Path(f"{prefix}-images-idx3-ubyte.gz"))
    codes = read_idx(Path(f"{prefix}-labels-idx1-ubyte.gz"))
    border = (SIDE - images.shape[1]) // 2
    images = np.pad(images, ((0, 0), (border, border), (border, border)))
    index_of_code = np.array([CLASSES.index(name) for name in NAMES])
    return images, index_of_code[codes]


def subset(split):
    """(path, index in the official split) of every shipped image, sorted by path.

    Takes the first images of each class in the dataset's order, which is already shuffled.
    """
    _, labels = load(split)
    return [
        (f"{split}/{name}/{index:05}.png", int(index))
        for label, name in enumerate(CLASSES)
        for index in np.flatnonzero(labels == label)[: PER_CLASS[split]]
    ]


def png(image):
    """A grayscale PNG whose pixels are stored, not deflated.

    The archive's own gzip compresses across images, which is slightly smaller than deflating each
    of these tiny images on its own, and leaves one place where the bytes depend on zlib.
    """
    height, width = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 0)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
        for tag, body in chunks
    )


def tar(entries):
    """An uncompressed archive of {path: bytes}; the same bytes on every run."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for path in sorted(entries):
            member = tarfile.TarInfo(path)
            member.size, member.mode, member.mtime = len(entries[path]), 0o644, 0
            file.addfile(member, io.BytesIO(entries[path]))
    return archive.getvalue()


def pack():
    """Writes the archive; the same bytes on every run with the same zlib."""
    entries = {"LICENSE": LICENSE.encode()}
    for split in OFFICIAL:
        images, _ = load(split)
        entries |= {path: png(images[index]) for path, index in subset(split)}
    ARCHIVE.parent.mkdir(parents=True, exist_ok=True)
    ARCHIVE.write_bytes(gzip.compress(tar(entries), 9, mtime=0))
    digest = hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()
    print(f"{ARCHIVE.name}: {ARCHIVE.stat().st_size} bytes, {len(entries)} files, sha256 {digest}")


def pack_training(path):
    """Writes the official training split: its last `HELD_OUT` images as `val`, all others as `train`."""
    images, labels = load("train")
    entries = {
        f"{'train' if index < len(images) - HELD_OUT else 'val'}/{CLASSES[label]}/{index:05}.png": png(image)
        for index, (image, label) in enumerate(zip(images, labels))
    }
    path.write_bytes(tar(entries))


def main():
    parser = argparse.ArgumentParser(description="Pack Fashion-MNIST.")
    parser.add_argument("--training", type=Path, metavar="FILE", help="write all training images there")
    arguments = parser.parse_args()
    if arguments.training:
        pack_training(arguments.training)
    else:
        pack()


if __name__ == "__main__":
    main()
