"""Writes import.json: logits of the networks of torchvision, timm, Keras and others on made-up weights.

The importer must understand several namings of the same networks. Here the packages themselves build
every network, its tensors are filled by a formula short enough to repeat anywhere, and the package
computes the logits. So the tests need no weights in the repository, and share no code with what
they test.

    pip install torch torchvision timm keras transformers numpy
    python tests/golden/make_import_golden.py             # all of them
    python tests/golden/make_import_golden.py haq mcunet  # these; the others stay as they are

HAQ's and MCUNet's models are in no package: `Haq` and `Mcunet` build modules of the same names
(models/mobilenet.py and mobilenetv2.py of mit-han-lab/haq; ProxylessNASNets of mit-han-lab/mcunet).

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
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import timm
import torch
from timm.models.efficientnet import _gen_mobilenet_v1
from torch import nn
from torchvision.models import MNASNet, MobileNetV2
from transformers import (
    MobileNetV1Config,
    MobileNetV1ForImageClassification,
    MobileNetV2Config,
    MobileNetV2ForImageClassification,
)

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
        output = self.network(batch.to(next(self.network.parameters()).dtype))
        return getattr(output, "logits", output)[0].double().numpy()

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


def sized(channels, width):
    """`channels` at a width multiplier: a multiple of 8, at most a tenth below."""
    rounded = max(8, int(channels * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * width else rounded


# Expansion, channels, blocks, stride and kernel of each stage.
V2 = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3), (6, 96, 3, 1, 3)]
V2 += [(6, 160, 3, 2, 3), (6, 320, 1, 1, 3)]
MNASNET = [(1, 16, 1, 1, 3), (3, 24, 3, 2, 3), (3, 40, 3, 2, 5), (6, 80, 3, 2, 5), (6, 96, 2, 1, 3)]
MNASNET += [(6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]


def stages(table, width):
    """(expansion, input, output, stride, kernel) of every block."""
    source = sized(32, width)
    for expansion, channels, blocks, stride, kernel in table:
        for index in range(blocks):
            yield expansion, source, sized(channels, width), stride if index == 0 else 1, kernel
            source = sized(channels, width)


def convolution(source, channels, kernel, stride=1, groups=1):
    return nn.Conv2d(source, channels, kernel, stride, kernel // 2, groups=groups, bias=False)


class Haq(nn.Module):
    """Sequences whose members are numbered."""

    def __init__(self, family, width):
        super().__init__()
        self.family = family
        plain = [sized(32, width)]
        if family == 1:
            self.conv1 = self.sequence((3, plain[0], 3, 2, 1, True))
            strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
            plain += [int(c * width) for c in [64, 128, 128, 256, 256] + [512] * 6 + [1024] * 2]
            pairs = zip(plain, plain[1:], strides)
            blocks = [self.sequence((a, a, 3, s, a, True), (a, b, 1, 1, 1, True)) for a, b, s in pairs]
            self.features = nn.Sequential(*blocks)
            self.classifier = nn.Sequential(nn.Linear(plain[-1], CLASSES))
            return
        features = [self.sequence((3, plain[0], 3, 2, 1, True))]
        for expansion, source, channels, stride, kernel in stages(V2, width):
            hidden = source * expansion
            layers = [(source, hidden, 1, 1, 1, True)] if expansion > 1 else []
            layers += [(hidden, hidden, kernel, stride, hidden, True), (hidden, channels, 1, 1, 1, False)]
            block = nn.Module()
            block.conv = self.sequence(*layers)
            block.residual = stride == 1 and source == channels
            features.append(block)
        last = 1280
        features.append(self.sequence((channels, last, 1, 1, 1, True)))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Linear(last, CLASSES)

    @staticmethod
    def sequence(*layers):
        members = []
        for source, channels, kernel, stride, groups, active in layers:
            members += [convolution(source, channels, kernel, stride, groups), nn.BatchNorm2d(channels)]
            members += [nn.ReLU6()] if active else []
        return nn.Sequential(*members)

    def forward(self, x):
        x = self.conv1(x) if self.family == 1 else x
        for block in self.features:
            inner = getattr(block, "conv", block)
            x = inner(x) + x if getattr(block, "residual", False) else inner(x)
        return self.classifier(x.mean(3).mean(2))


class Mcunet(nn.Module):
    """Inverted residuals as MCUNet and ProxylessNAS name them."""

    def __init__(self, table, width, activation):
        super().__init__()
        self.activation = activation
        self.first_conv = self.layer(3, sized(32, width), 3, 2)
        blocks = []
        for expansion, source, channels, stride, kernel in stages(table, width):
            hidden = source * expansion
            inner = nn.Module()
            if expansion > 1:
                inner.inverted_bottleneck = self.layer(source, hidden, 1)
            inner.depth_conv = self.layer(hidden, hidden, kernel, stride, hidden)
            inner.point_linear = self.layer(hidden, channels, 1)
            block = nn.Module()
            block.mobile_inverted_conv = inner
            block.residual = stride == 1 and source == channels
            blocks.append(block)
        self.blocks = nn.ModuleList(blocks)
        self.feature_mix_layer = self.layer(channels, 1280, 1)
        self.classifier = nn.Module()
        self.classifier.linear = nn.Linear(1280, CLASSES)

    @staticmethod
    def layer(source, channels, kernel, stride=1, groups=1):
        layer = nn.Module()
        layer.conv = convolution(source, channels, kernel, stride, groups)
        layer.bn = nn.BatchNorm2d(channels, eps=1e-3)
        return layer

    def forward(self, x):
        def run(layer, x, active=True):
            x = layer.bn(layer.conv(x))
            return self.activation(x) if active else x

        x = run(self.first_conv, x)
        for block in self.blocks:
            inner, y = block.mobile_inverted_conv, x
            if hasattr(inner, "inverted_bottleneck"):
                y = run(inner.inverted_bottleneck, y)
            y = run(inner.point_linear, run(inner.depth_conv, y), False)
            x = x + y if block.residual else y
        return self.classifier.linear(run(self.feature_mix_layer, x).mean(3).mean(2))


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
    for name, config, model in (
        ("mobilenet-v1-0.5", MobileNetV1Config, MobileNetV1ForImageClassification),
        ("mobilenet-v2-0.5", MobileNetV2Config, MobileNetV2ForImageClassification),
        ("mobilenet-v2-1.0", MobileNetV2Config, MobileNetV2ForImageClassification),
    ):
        width = float(name.rsplit("-", 1)[1])
        arguments = f"{config.__name__}(depth_multiplier={width}, num_labels={CLASSES})"
        network = Torch(model(config(depth_multiplier=width, num_labels=CLASSES)))
        yield name, "transformers", f"{model.__name__}({arguments})", network
    yield "mobilenet-v1-0.5", "haq", "Haq(1, 0.5) of this script", Torch(Haq(1, 0.5))
    yield "mobilenet-v2-1.0", "haq", "Haq(2, 1.0) of this script", Torch(Haq(2, 1.0))
    yield "mobilenet-v2-0.5", "mcunet", "Mcunet(V2, 0.5) of this script", Torch(Mcunet(V2, 0.5, nn.ReLU6()))
    yield "mnasnet-0.5", "mcunet", "Mcunet(MNASNET, 0.5) of this script", Torch(Mcunet(MNASNET, 0.5, nn.ReLU()))


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
CONVENTIONS["haq"] = CONVENTIONS["torchvision"]
CONVENTIONS["mcunet"] = CONVENTIONS["torchvision"] | {"bn_eps": 1e-3}
CONVENTIONS["transformers"] = CONVENTIONS["torchvision"] | {
    "padding": CONVENTIONS["keras"]["padding"],
    "bn_eps": 1e-3,
}
# Namings whose networks this script builds itself.
OURS = ("haq", "mcunet")


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
        "package": None if naming in OURS else f"{naming} {version(naming)}",
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
    wanted = sys.argv[1:]
    kept = json.loads(OUTPUT.read_text())["networks"] if wanted else []
    kept = [network for network in kept if network["naming"] not in wanted]
    formula = __doc__.split("The formula. ")[1].split("Logits are")[0]
    document = {
        "about": "Logits of networks built by the packages named, on tensors filled by a formula.",
        "written_by": "tests/golden/make_import_golden.py",
        "torch": version("torch"),
        "formula": [line for line in formula.strip().splitlines()],
        "fill_check": {"name": "input", "first_hashes": [int(x) for x in hashed("input", 4)]},
        "input": {"name": "input", "shape": [SIDE, SIDE, 3], "preprocessing": "x/127.5-1"},
        "tensor_row": ["name", "shape", "offset", "exponent"],
        "networks": kept + [golden(*case) for case in cases() if not wanted or case[1] in wanted],
    }
    OUTPUT.write_text(written(document))
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
