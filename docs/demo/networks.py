"""The three demo networks as PyTorch computes them, from the files that `bitsmith train` wrote."""

import numpy as np
import torch
from safetensors.torch import load_file
from timm.models.efficientnet import _gen_mnasnet_b1, _gen_mobilenet_v1, _gen_mobilenet_v2

from fashion_mnist import CLASSES, DEMO

# timm registers few of the widths; its generators take any. The names in the middle choose
# pretrained weights, which are not used.
GENERATORS = {
    "mobilenet-v1-0.25-32": (_gen_mobilenet_v1, "mobilenetv1_100", 0.25),
    "mobilenet-v2-0.35-32": (_gen_mobilenet_v2, "mobilenetv2_035", 0.35),
    "mnasnet-0.35-32": (_gen_mnasnet_b1, "mnasnet_small", 0.35),
}
EPSILON = 1e-3


def path(name):
    return DEMO / f"{name}.safetensors"


def load(name):
    """The shipped network in evaluation mode, its float16 weights widened to float32."""
    generate, variant, width = GENERATORS[name]
    network = generate(variant, channel_multiplier=width, num_classes=len(CLASSES), bn_eps=EPSILON)
    network.load_state_dict({key: tensor.float() for key, tensor in load_file(path(name)).items()})
    return network.eval()


def preprocess(images):
    """uint8 [N, 32, 32] to float32 [N, 3, 32, 32] in [-1, 1], three equal channels."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).float() / 127.5 - 1
    return pixels[:, None].expand(-1, 3, -1, -1)


@torch.inference_mode()
def logits(network, images, batch=500):
    """[N, classes] of uint8 images [N, 32, 32], in the precision of the network."""
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
