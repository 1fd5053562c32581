#!/usr/bin/env python3
"""Writes tests/golden/images/: small JPEG and PNG files, each with the pixels that are expected of it.

    python3 tests/golden/images.py        (Pillow and numpy from PyPI)

NAME.jpg, NAME.png   drawn and encoded here; nothing is taken from elsewhere
NAME.ppm             what Pillow's convert("RGB") gives, which is what training loaders see: opacity is dropped.
                     Of 16-bit samples, of which Pillow has no meaning of its own, the upper byte
resize/WxH.ppm       Pillow's antialiased bilinear resize of photo_444.ppm to W x H pixels
"""

import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).parent / "images"
WIDTH, HEIGHT = 45, 37


def drawing():
    """A sky, a hill with texture and a few hard edges: smooth and sharp parts of bright colours."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    sky = np.stack([90 + 2 * y, 140 + y, 230 - 2 * x], -1)
    hill = np.stack([60 + 40 * np.sin(x / 3), 150 + 30 * np.cos(y / 2 + x / 5), 40 + x], -1)
    image = np.where((y > 20 + 6 * np.sin(x / 8))[..., None], hill, sky)
    image[5:14, 8:17] = [250, 40, 30]
    image[((x - 33) ** 2 + (y - 9) ** 2) < 30] = [255, 245, 120]
    return np.clip(image.round(), 0, 255).astype(np.uint8)


def write_ppm(name, pixels):
    height, width, _ = pixels.shape
    path = FOLDER / f"{name}.ppm"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + pixels.astype(np.uint8).tobytes())


def png(name, samples, depth, colour_type, chunks=(), interlaced=False):
    """A PNG by the letter of the standard: samples is [height][width][channels], unfiltered rows."""
    height, width, channels = samples.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def rows(part):
        out = b""
        for row in part:
            if depth == 16:
                data = row.astype(">u2").tobytes()
            elif depth == 8:
                data = row.astype(np.uint8).tobytes()
            else:
                bits = "".join(format(int(value), f"0{depth}b") for value in row.ravel())
                bits += "0" * (-len(bits) % 8)
                data = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
            out += b"\0" + data
        return out

    if interlaced:  # Adam7: (first column, first row, column step, row step) of the seven passes
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        raw = b"".join(rows(samples[y::dy, x::dx]) for x, y, dx, dy in passes)
    else:
        raw = rows(samples)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    data += b"".join(chunk(kind, body) for kind, body in chunks)
    data += chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    (FOLDER / f"{name}.png").write_bytes(data)


def main():
    FOLDER.mkdir(exist_ok=True)
    rgb = drawing()
    image = Image.fromarray(rgb)
    gray = np.asarray(image.convert("L"))[..., None]

    for name, source, options in [
        ("photo_444", image, dict(quality=92, subsampling=0)),
        ("photo_422", image, dict(quality=85, subsampling=1)),
        ("photo_420", image, dict(quality=85, subsampling=2)),
        ("photo_progressive", image, dict(quality=75, subsampling=2, progressive=True)),
        ("photo_restart", image, dict(quality=85, subsampling=2, restart_marker_blocks=2)),
        ("photo_gray", image.convert("L"), dict(quality=85)),
        ("photo_cmyk", image.convert("CMYK"), dict(quality=95)),
    ]:
        path = FOLDER / f"{name}.jpg"
        source.save(path, **options)
        write_ppm(name, np.asarray(Image.open(path).convert("RGB")))

    alpha = np.linspace(0, 255, WIDTH * HEIGHT).round().astype(np.uint8).reshape(HEIGHT, WIDTH, 1)
    wide = rgb.astype(np.uint16) * 256 + 200
    palette = np.random.default_rng(7).integers(0, 256, (16, 3), dtype=np.uint8)
    indices = (np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) % 16)[..., None]
    opacity = np.full(16, 255, np.uint8)
    opacity[:4] = [0, 60, 128, 200]
    plte, trns = (b"PLTE", palette.tobytes()), (b"tRNS", opacity[:4].tobytes())
    bits = (gray > 128).astype(np.uint8)

    for name, samples, depth, colour_type, chunks, expected in [
        ("rgb8", rgb, 8, 2, [], rgb),
        ("rgb16", wide, 16, 2, [], rgb),
        ("gray1", bits, 1, 0, [], np.repeat(bits * 255, 3, -1)),
        ("gray8", gray, 8, 0, [], np.repeat(gray, 3, -1)),
        ("gray16", gray.astype(np.uint16) * 256 + 99, 16, 0, [], np.repeat(gray, 3, -1)),
        ("graya8", np.concatenate([gray, alpha], -1), 8, 4, [], np.repeat(gray, 3, -1)),
        ("rgba8", np.concatenate([rgb, alpha], -1), 8, 6, [], rgb),
        ("palette4", indices, 4, 3, [plte], palette[indices[..., 0]]),
        ("palette4_alpha", indices, 4, 3, [plte, trns], palette[indices[..., 0]]),
    ]:
        png(name, samples, depth, colour_type, chunks)
        write_ppm(name, expected)
        if not name.endswith("16"):
            assert (np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB")) == expected).all(), name
    png("rgb8_interlaced", rgb, 8, 2, interlaced=True)
    write_ppm("rgb8_interlaced", np.asarray(Image.open(FOLDER / "rgb8_interlaced.png").convert("RGB")))

    photo = Image.open(FOLDER / "photo_444.jpg").convert("RGB")
    for width, height in [(29, 24), (20, 37), (45, 11), (7, 5), (1, 1), (64, 50), (45, 90), (36, 30)]:
        resized = photo.resize((width, height), Image.Resampling.BILINEAR)
        write_ppm(f"resize/{width}x{height}", np.asarray(resized))


if __name__ == "__main__":
    main()
