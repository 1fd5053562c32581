"""Writes import.json: logits of the networks of torchvision, timm and Keras on made-up weights.

The importer must understand three namings of the same networks. Here the packages themselves build
every network, its tensors are filled by a formula short enough to repeat anywhere, and the package
computes the logits. So the tests need no weights in the repository, and share no code with what
they test.

    pip install torch torchvision timm keras numpy
    python tests/golden/make_import_golden.py

The formula. All arithmetic on u32, wrapping:

    seed  = FNV-1a of the tensor's name in UTF-8 (offset basis 0x811C9DC5, prime 0x01000193)
    x     = seed + 0x9E3779B9 * i              i = flat index, row-major, in the file's own layout
    x     = (x ^ (x >> 16)) * 0x85EBCA6B
    x     = (x ^ (x >> 13)) * 0xC2B2AE35
    x     = x ^ (x >> 16)
    value = offset + ((x >> 16) - 32768) * 2^(exponent - 15)

Every value is exact in float32. `offset` and `exponent` stand beside each tensor's name. Batch
norms have fixed ones (`BATCH_NORM`); a kernel has offset 0 and the exponent that brings the
standard deviation of its layer's output, on the golden image, nearest to `SPREAD`, so that the
signal neither dies nor grows with depth. Scales are such that some activations pass 6, variances
are small enough for epsilon to count.

The image is filled by the same hash, with the name `input`, as bytes x >> 24, [side, side, 3] in
row, column, channel order, and enters the network as x / 127.5 - 1.

Logits are computed in float64 and rounded to float32 once, so that the file does not depend on the
machine; `float32_error` is the largest distance to the same network run in float32.
"""

import json
import math
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import timm
import torch
from timm.models.efficientnet import _gen_mobilenet_v1
from torchvision.models import MNASNet, MobileNetV2

OUTPUT = Path(__file__).with_name("import.json")
SIDE, CLASSES = 64, 10
SPREAD = 0.5
BIAS_EXPONENT = -3
# offset, exponent
BATCH_NORM = {"gamma": (3.0, 0), "beta": (0.0, 0), "mean": (0.0, -2), "variance": (0.25, -3)}
ROLE = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "mean",
    "running_var": "variance",
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "mean",
    "moving_variance": "variance",
}


def hashed(name, count):
    """The 32-bit hash of every flat index of the tensor `name`, uint32 [count]."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    x = np.uint32(seed) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def filled(name, shape, offset, exponent):
    """The tensor `name`, float64, every value exact in float32."""
    steps = (hashed(name, math.prod(shape)) >> 16).astype(np.int64) - 32768
    values = (offset + steps * 2.0 ** (exponent - 15)).reshape(shape)
    assert (values == values.astype(np.float32)).all(), name
    return values


def image():
    """The golden image, float64 [SIDE, SIDE, 3] in [-1, 1]."""
    pixels = (hashed("input", SIDE * SIDE * 3) >> 24).astype(np.float32)
    return (pixels / np.float32(127.5) - np.float32(1)).astype(np.float64).reshape(SIDE, SIDE, 3)


def nearest_exponent(values):
    """The exponent that scales `values` to a standard deviation nearest to SPREAD."""
    return round(math.log2(SPREAD / float(values.std())))


@dataclass
class Torch:
    """A network of torchvision or timm."""

    network: torch.nn.Module

    def fill(self):
        """Fills every tensor; returns name -> (shape, offset, exponent) in state-dict order."""
        fills = {}
        state = self.network.double().eval().state_dict()

        def put(name, offset, exponent):
            shape = tuple(state[name].shape)
            state[name].copy_(torch.from_numpy(filled(name, shape, offset, exponent)))
            fills[name] = (shape, offset, exponent)

        def calibrate(name):
            def before(module, inputs):
                put(f"{name}.weight", 0.0, 0)
                output = type(module).forward(module, *inputs)
                put(f"{name}.weight", 0.0, nearest_exponent(output))

            return before

        hooks = []
        for name, module in self.network.named_modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for attribute in ("weight", "bias", "running_mean", "running_var"):
                    put(f"{name}.{attribute}", *BATCH_NORM[ROLE[attribute]])
            elif isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
                hooks.append(module.register_forward_pre_hook(calibrate(name)))
                if module.bias is not None:
                    put(f"{name}.bias", 0.0, BIAS_EXPONENT)
        self.logits()
        for hook in hooks:
            hook.remove()
        return {name: fills[name] for name in state if not name.endswith("num_batches_tracked")}

    @torch.inference_mode()
    def logits(self, pixels=None):
        """float64 [CLASSES]; in the precision the network has."""
        pixels = image() if pixels is None else pixels
        batch = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
        return self.network(batch.to(next(self.network.parameters()).dtype))[0].double().numpy()

    def float32_logits(self):
        values = Torch(self.network.float()).logits()
        self.network.double()
        return values


@dataclass
class Keras:
    """A network of keras.applications, built once in each precision."""

    build: callable

    def __post_init__(self):
        keras.config.set_dtype_policy("float32")
        self.single = self.build()
        keras.config.set_dtype_policy("float64")
        self.network = self.build()

    def fill(self):
        """Fills every tensor; returns name -> (shape, offset, exponent) in the model's order."""
        fills = {}

        def put(variable, single, offset, exponent):
            values = filled(variable.path, tuple(variable.shape), offset, exponent)
            variable.assign(values)
            single.assign(values.astype(np.float32))
            fills[variable.path] = (tuple(variable.shape), offset, exponent)

        for layer, twin in zip(self.network.layers, self.single.layers, strict=True):
            for variable, single in zip(layer.weights, twin.weights, strict=True):
                if variable.name == "kernel":
                    put(variable, single, 0.0, 0)
                    probe = keras.Model(self.network.input, layer.output)
                    put(variable, single, 0.0, nearest_exponent(self.run(probe)))
                elif variable.name == "bias":
                    put(variable, single, 0.0, BIAS_EXPONENT)
                else:
                    put(variable, single, *BATCH_NORM[ROLE[variable.name]])
        return fills

    @staticmethod
    def run(model):
        with torch.inference_mode():
            return model(image()[None].astype(model.input.dtype), training=False).numpy(force=True)

    def logits(self):
        return self.run(self.network)[0]

    def float32_logits(self):
        return self.run(self.single)[0].astype(np.float64)


def cases():
    """(our name, naming, constructor as text, network) of every golden network."""
    for width in (0.5, 1.0):
        yield (
            f"mobilenet-v2-{width}",
            "torchvision",
            f"MobileNetV2(num_classes={CLASSES}, width_mult={width})",
            Torch(MobileNetV2(num_classes=CLASSES, width_mult=width)),
        )
    for width in (0.5, 1.0):
        yield (
            f"mnasnet-{width}",
            "torchvision",
            f"MNASNet({width}, num_classes={CLASSES})",
            Torch(MNASNet(width, num_classes=CLASSES)),
        )
    yield (
        "mobilenet-v1-0.5",
        "timm",
        f"_gen_mobilenet_v1('mobilenetv1_100', 0.5, num_classes={CLASSES})",
        Torch(_gen_mobilenet_v1("mobilenetv1_100", 0.5, num_classes=CLASSES)),
    )
    for name, model in (
        ("mobilenet-v1-1.0", "mobilenetv1_100"),
        ("mobilenet-v2-0.5", "mobilenetv2_050"),
        ("mobilenet-v2-1.0", "mobilenetv2_100"),
        ("mnasnet-0.5", "mnasnet_050"),
        ("mnasnet-1.0", "mnasnet_100"),
    ):
        yield (
            name,
            "timm",
            f"create_model('{model}', num_classes={CLASSES})",
            Torch(timm.create_model(model, num_classes=CLASSES)),
        )
    for name, model in (
        ("mobilenet-v1-0.5", keras.applications.MobileNet),
        ("mobilenet-v2-0.5", keras.applications.MobileNetV2),
    ):
        arguments = {
            "input_shape": (SIDE, SIDE, 3),
            "alpha": 0.5,
            "weights": None,
            "classes": CLASSES,
            "classifier_activation": None,
        }
        yield (
            name,
            "keras",
            f"applications.{model.__name__}({', '.join(f'{k}={v}' for k, v in arguments.items())})",
            Keras(lambda model=model, arguments=arguments: model(**arguments)),
        )


CONVENTIONS = {
    "torchvision": {
        "layout": "convolutions OIHW, linear [out, in]",
        "padding": "symmetric, kernel / 2 on every side, also at stride 2",
        "bn_eps": 1e-5,
        "also_present": "num_batches_tracked of every batch norm, int64 scalar",
    },
    "keras": {
        "layout": "convolutions HWIO, depthwise [h, w, channels, 1], dense [in, out]",
        "padding": "TensorFlow SAME: at stride 2 one row below and one column to the right",
        "bn_eps": 1e-3,
        "also_present": None,
    },
}
CONVENTIONS["timm"] = CONVENTIONS["torchvision"]


def activation(network):
    """The one activation the network uses, as its own modules or layers say."""
    if isinstance(network, Keras):
        layers = [layer for layer in network.network.layers if isinstance(layer, keras.layers.ReLU)]
        found = {"relu6" if layer.max_value == 6 else "relu" for layer in layers}
    else:
        names = {type(module).__name__ for module in network.network.modules()}
        found = {name.lower() for name in names & {"ReLU", "ReLU6"}}
    assert len(found) == 1, found
    return found.pop()


def epsilons(network):
    """The set of batch-norm epsilons the package gave the network."""
    if isinstance(network, Keras):
        layers = [x for x in network.network.layers if isinstance(x, keras.layers.BatchNormalization)]
        return {layer.epsilon for layer in layers}
    modules = network.network.modules()
    return {module.eps for module in modules if isinstance(module, torch.nn.BatchNorm2d)}


def golden(name, naming, constructor, network):
    """One network's entry of the file."""
    conventions = CONVENTIONS[naming]
    assert epsilons(network) == {conventions["bn_eps"]}
    fills = network.fill()
    logits = network.logits()
    entry = {
        "model": f"{name}-{SIDE}",
        "naming": naming,
        "package": f"{naming} {version(naming)}",
        "constructor": constructor,
        "classes": CLASSES,
        "activation": activation(network),
        **conventions,
        "logits": [float(f"{value:.9g}") for value in logits.astype(np.float32)],
        "float32_error": float(f"{np.abs(network.float32_logits() - logits).max():.1e}"),
        "tensors": [[name, list(shape), *fill] for name, (shape, *fill) in fills.items()],
    }
    print(
        f"{entry['model']:22} {naming:12} {len(fills):4} tensors, logits {logits.min():.3f} to "
        f"{logits.max():.3f}, float32 error {entry['float32_error']:.1e}",
        flush=True,
    )
    return entry


def written(document):
    """JSON with one tensor to a line."""
    lists = []

    def flat(entry):
        rows = ",\n".join("    " + json.dumps(row, separators=(",", ":")) for row in entry["tensors"])
        lists.append(f"[\n{rows}\n   ]")
        logits = json.dumps(entry["logits"])
        lists.append(logits)
        return entry | {"tensors": f"@{len(lists) - 2}@", "logits": f"@{len(lists) - 1}@"}

    text = json.dumps(document | {"networks": [flat(x) for x in document["networks"]]}, indent=1)
    for index, part in enumerate(lists):
        text = text.replace(f'"@{index}@"', part)
    return text + "\n"


def main():
    torch.manual_seed(0)
    formula = __doc__.split("The formula. ")[1].split("Logits are")[0]
    document = {
        "about": "Logits of networks built by the packages named, on tensors filled by a formula.",
        "written_by": "tests/golden/make_import_golden.py",
        "torch": version("torch"),
        "formula": [line for line in formula.strip().splitlines()],
        "fill_check": {"name": "input", "first_hashes": [int(x) for x in hashed("input", 4)]},
        "input": {"name": "input", "shape": [SIDE, SIDE, 3], "preprocessing": "x/127.5-1"},
        "tensor_row": ["name", "shape", "offset", "exponent"],
        "networks": [golden(*case) for case in cases()],
    }
    OUTPUT.write_text(written(document))
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
