"""The three demo networks, and their weights as float16 safetensors."""

import json
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from timm.models.efficientnet import _gen_mobilenet_v1
from torchvision.models import MNASNet, MobileNetV2

from fashion_mnist import CLASSES, DEMO


def mnasnet():
    """torchvision's MNASNet with a calm classifier: its own starts at a loss above 5."""
    network = MNASNet(0.35, num_classes=len(CLASSES))
    torch.nn.init.normal_(network.classifier[1].weight, std=0.01)
    return network


# timm registers MobileNetV1 at width 1.0 and above only; its generator takes any width.
BUILD = {
    "mobilenet-v1-0.25-32": lambda: _gen_mobilenet_v1(
        "mobilenetv1_100", channel_multiplier=0.25, num_classes=len(CLASSES)
    ),
    "mobilenet-v2-0.35-32": lambda: MobileNetV2(num_classes=len(CLASSES), width_mult=0.35),
    "mnasnet-0.35-32": mnasnet,
}
NAMING = {
    "mobilenet-v1-0.25-32": "timm",
    "mobilenet-v2-0.35-32": "torchvision",
    "mnasnet-0.35-32": "torchvision",
}

# The smallest normal float16. A channel that never fires ends training with a variance near zero,
# which float16 would flush to zero; its value is its batch-norm shift either way.
LEAST_VARIANCE = 2.0**-14


def build(name):
    """An untrained network, its batch-norm statistics following the batches at PyTorch's default
    pace (torchvision's MNASNet sets one meant for runs of millions of steps)."""
    network = BUILD[name]()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1
    return network


def path(name) -> Path:
    return DEMO / f"{name}.safetensors"


def round_to_half(network):
    """Rounds every parameter and statistic to float16 in place; returns how many variances had to
    be lifted to `LEAST_VARIANCE`."""
    lifted = 0
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("num_batches_tracked"):
                continue
            if key.endswith("running_var"):
                lifted += int((tensor < LEAST_VARIANCE).sum())
                tensor.clamp_(min=LEAST_VARIANCE)
            tensor.copy_(tensor.half())
            if not tensor.isfinite().all():
                raise ValueError(f"{key}: a value does not fit float16")
    return lifted


def save(name, network, metadata):
    """Writes the rounded network, tensors in state-dict order, metadata in the order given.

    Written by hand because the safetensors package stores metadata in a random order, so that
    the same weights would give other bytes each time.
    """
    tensors = {
        key: tensor.contiguous().half().numpy()
        for key, tensor in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    header, offset = {"__metadata__": metadata}, 0
    for key, tensor in tensors.items():
        header[key] = {
            "dtype": "F16",
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path(name).open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.astype("<f2").tobytes())


def load(name):
    """The shipped network in evaluation mode, its float16 weights widened to float32."""
    state = OrderedDict((key, tensor.float()) for key, tensor in load_file(path(name)).items())
    # Marks the state as torchvision's second MNASNet, the one with a scaled stem. With no version
    # of their own beside it, batch norms do not ask for num_batches_tracked.
    state._metadata = {"": {"version": 2}}
    network = build(name)
    network.load_state_dict(state)
    return network.eval()


def preprocess(images):
    """uint8 [N, 32, 32] to float32 [N, 3, 32, 32] in [-1, 1], three equal channels."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).float() / 127.5 - 1
    return pixels[:, None].expand(-1, 3, -1, -1)


@torch.inference_mode()
def logits(network, images, batch=500):
    """[N, classes] of uint8 images [N, 32, 32], in the precision of the network."""
    network.eval()
    precision = next(network.parameters()).dtype
    return torch.cat(
        [
            network(preprocess(images[i : i + batch]).to(precision))
            for i in range(0, len(images), batch)
        ]
    )


def correct(network, images, labels):
    """The number of images whose largest logit is their label's."""
    return int((logits(network, images).argmax(1) == torch.from_numpy(labels)).sum())
