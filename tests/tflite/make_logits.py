"""Writes logits.json: what LiteRT computes of ten images with networks of MLPerf Tiny.

    pip install ai-edge-litert==2.3.0
    python tests/tflite/make_logits.py ../shared/data/weights

Pixel of image i at row y, column x, channel c: (31 y + 17 x + 91 c + 7 i) mod 256. It enters the
network as `scale` says: times that number, and for integers with the quantizer of the input. Logits
are the inputs of the softmax at the end, computed by the reference kernels one image at a time;
those of integer networks are integers, with `logit_scale` and `logit_zero_point`.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

IMAGES = 10
FILES = {
    "resnet8_cifar10.tflite": 1.0,
    "resnet8_cifar10_int8.tflite": 1.0,
    "vww_96.tflite": 1 / 255,
    "vww_96_int8.tflite": 1 / 255,
}


def image(index, rows, columns):
    y, x, c = np.meshgrid(np.arange(rows), np.arange(columns), np.arange(3), indexing="ij")
    return ((31 * y + 17 * x + 91 * c + 7 * index) % 256)[None]


def run(path, scale):
    interpreter = Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    softmax = interpreter._get_ops_details()[-1]
    assert softmax["op_name"] == "SOFTMAX"
    (at,) = softmax["inputs"]
    (logit,) = [t for t in interpreter.get_tensor_details() if t["index"] == at]
    logits = []
    for index in range(IMAGES):
        values = image(index, *given["shape"][1:3]) * scale
        if given["dtype"] == np.int8:
            step, zero = given["quantization"]
            values = np.clip(np.round(values / step + zero), -128, 127)
        interpreter.set_tensor(given["index"], values.astype(given["dtype"]))
        interpreter.invoke()
        logits.append([x.item() for x in interpreter.get_tensor(at)[0]])
    result = {"file": path.name, "scale": scale}
    if given["dtype"] == np.int8:
        result["logit_scale"], result["logit_zero_point"] = logit["quantization"]
    return result | {"logits": logits}


def main():
    folder = Path(sys.argv[1])
    networks = [run(folder / name, scale) for name, scale in FILES.items()]
    text = ",\n".join(json.dumps(network) for network in networks)
    Path(__file__).with_name("logits.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
