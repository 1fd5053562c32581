"""Runs ONNX files in ONNX Runtime on the CPU, without optimizations and with all of them, and compares every number.

    peers-python run_onnx.py FOLDER

FOLDER/cases.json lists the cases; tests/onnx.rs writes it and reads what is printed: one line of JSON for each session.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def expected(folder, case):
    """Outputs by name, as `[images, ...]`."""
    numbers = np.fromfile(folder / f"{case['name']}.expected", np.int32)
    values, at = {}, 0
    for output in case["outputs"]:
        shape = [case["images"], *output["shape"]]
        count = int(np.prod(shape))
        values[output["name"]] = numbers[at : at + count].reshape(shape)
        at += count
    assert at == len(numbers), f"{case['name']}: {len(numbers)} numbers for {at} places"
    return values


def check(path):
    """What the standard's own checker says of the file, and the types of its weights."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 25)]
    types = {onnx.TensorProto.DataType.Name(t.data_type) for t in model.graph.initializer if "/weight" in t.name}
    return sorted(types)


def run(path, level, image, values):
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, {"image": image})))
    compared = differing = 0
    first = None
    for name in names:
        wrong = int((found[name].astype(np.int64) != values[name]).sum())
        if found[name].shape != values[name].shape:
            wrong = values[name].size
        compared += values[name].size
        differing += wrong
        if wrong and first is None:
            first = name
    return {"outputs": len(names), "compared": compared, "differing": differing, "first": first}


def main():
    folder = Path(sys.argv[1])
    for case in json.loads((folder / "cases.json").read_text()):
        values = expected(folder, case)
        image = np.fromfile(folder / f"{case['name']}.images", np.uint8).reshape([case["images"], *case["image"]])
        for file in ("layers", "logits"):
            path = folder / f"{case['name']}.{file}.onnx"
            types = check(path)
            for level in LEVELS:
                result = run(path, level, image, values)
                print(json.dumps({"case": case["name"], "file": file, "level": level, "types": types, **result}))


if __name__ == "__main__":
    ort.set_default_logger_severity(3)
    main()
