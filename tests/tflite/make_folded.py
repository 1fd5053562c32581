"""Writes vww_folded.json: the layers of vww_96.h5 with batch normalization folded into them.

    pip install h5py numpy
    python tests/tflite/make_folded.py ../shared/data/weights/vww_96.h5

The converter did the same for vww_96.tflite, so both must agree. Kernels are written as
[outputs, rows, columns, inputs of one group]; of each the shape, the sum of its magnitudes, and
elements number 0, 1, n/2 and n-1; of the bias all elements.
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np


def main():
    file = h5py.File(sys.argv[1])
    weights = file["model_weights"]
    config = json.loads(file.attrs["model_config"])["config"]["layers"]

    def of(layer, name):
        group = weights[layer]
        (found,) = [n.decode() for n in group.attrs["weight_names"] if n.decode().endswith(f"/{name}:0")]
        return group[found][()].astype(np.float64)

    layers, pending = [], None
    for layer in config:
        kind, name = layer["class_name"], layer["config"]["name"]
        if kind == "Conv2D":
            pending = (of(name, "kernel").transpose(3, 0, 1, 2), of(name, "bias"))
        elif kind == "DepthwiseConv2D":
            pending = (of(name, "depthwise_kernel").transpose(2, 0, 1, 3), of(name, "bias"))
        elif kind == "BatchNormalization":
            kernel, bias = pending
            deviation = np.sqrt(of(name, "moving_variance") + layer["config"]["epsilon"])
            factor = of(name, "gamma") / deviation
            bias = (bias - of(name, "moving_mean")) * factor + of(name, "beta")
            layers.append((kernel * factor[:, None, None, None], bias))
        elif kind == "Dense":
            layers.append((of(name, "kernel").T, of(name, "bias")))
    text = []
    for kernel, bias in layers:
        flat = kernel.ravel()
        n = len(flat)
        text.append(json.dumps({
            "shape": list(kernel.shape),
            "magnitude": float(np.abs(flat).sum()),
            "elements": [float(np.float32(flat[i])) for i in (0, 1, n // 2, n - 1)],
            "bias": [float(np.float32(b)) for b in bias],
        }))
    lines = ",\n".join(text)
    Path(__file__).with_name("vww_folded.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
