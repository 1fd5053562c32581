"""Shows that import.json can fail: what a wrong reading of each network would do to its logits.

    python tests/golden/check_import_golden.py

Rebuilds every network, repeats its logits, and applies the mistakes an importer can make. A figure
is the largest change of a logit over the range of the logits. The Keras networks are repeated in
timm, whose tensors come in the same order, with TensorFlow's padding and Keras's epsilon; so their
logits are checked by a second package too.

`swap` is the least of all exchanges of two tensors with equal role and shape, neighbours in the
file; `roles` the least of all exchanges of two vectors inside one batch norm.
"""

import copy
import json

import numpy as np
import timm
import torch
from timm.models.efficientnet import _gen_mobilenet_v1

import make_import_golden as golden

# The least a mistake must move the logits. The importer's tests allow a tenth of this, which is
# still a hundred times float32's own error.
LEAST = 1e-3


def twin(name, pad_type, network, fills):
    """The Keras network in timm: the same tensors in the same order, other axes."""
    arguments = {"num_classes": golden.CLASSES, "pad_type": pad_type, "bn_eps": 1e-3}
    if name.startswith("mobilenet-v1"):
        model = _gen_mobilenet_v1("mobilenetv1_100", 0.5, **arguments)
    else:
        model = timm.create_model("mobilenetv2_050", **arguments)
    model = model.double().eval()
    state = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    for (key, target), (path, fill) in zip(state.items(), fills.items(), strict=True):
        values = golden.filled(path, *fill)
        if values.ndim == 4:
            depthwise = values.shape[3] == 1 and target.shape[1] == 1
            values = values.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        elif values.ndim == 2:
            values = values.T
        target.copy_(torch.from_numpy(values.reshape(target.shape).copy()))
    return golden.Torch(model)


def with_same_padding(model):
    """The PyTorch model with TensorFlow's padding at stride 2."""
    model = copy.deepcopy(model)

    def before(module, inputs):
        total = module.kernel_size[0] - 2
        low = total // 2
        return torch.nn.functional.pad(inputs[0], (low, total - low, low, total - low))

    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d) and module.stride == (2, 2):
            module.padding = (0, 0)
            module.register_forward_pre_hook(before)
    return model


def with_other_epsilon(model):
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-5 if module.eps == 1e-3 else 1e-3
    return model


def with_other_activation(model):
    model = copy.deepcopy(model)
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, torch.nn.ReLU6):
                setattr(module, name, torch.nn.ReLU())
            elif isinstance(child, torch.nn.ReLU):
                setattr(module, name, torch.nn.ReLU6())
    return model


def neighbours(state):
    """Pairs of tensors that follow each other among those with the same role and shape."""
    last = {}
    for key, tensor in state.items():
        if key.endswith("num_batches_tracked"):
            continue
        kind = (key.rsplit(".", 1)[-1], tuple(tensor.shape))
        if kind in last:
            yield last[kind], key
        last[kind] = key


def roles(state):
    """Pairs of vectors inside one batch norm."""
    for key in state:
        if key.endswith("running_mean"):
            base = key.removesuffix("running_mean")
            yield base + "weight", base + "running_var"
            yield base + "bias", base + "running_mean"


def least_exchange(model, pairs, change):
    """The smallest change that exchanging one of the pairs makes, and the pair."""
    state = model.state_dict()
    least = (np.inf, None)
    for one, other in pairs(state):
        kept = state[one].clone()
        state[one].copy_(state[other])
        state[other].copy_(kept)
        least = min(least, (change(golden.Torch(model).logits()), f"{one} <-> {other}"))
        state[other].copy_(state[one])
        state[one].copy_(kept)
    return least


def report(name, naming, network):
    fills = network.fill()
    logits = network.logits()
    span = np.ptp(logits)

    def change(values):
        return float(np.abs(values - logits).max() / span)

    if naming == "keras":
        shapes = {path: (shape, *fill) for path, (shape, *fill) in fills.items()}
        same = twin(name, "same", network, shapes)
        other_padding = twin(name, "", network, shapes).logits()
        print(f"{name} keras: timm twin differs by {change(same.logits()):.1e}")
        assert change(same.logits()) < 1e-5
        model = same.network
    else:
        model = network.network
        other_padding = golden.Torch(with_same_padding(model)).logits()

    bias = [value for key, value in model.state_dict().items() if key.endswith("bias")][-1].numpy()
    pixels = golden.image()
    swap, swapped = least_exchange(model, neighbours, change)
    role, exchanged = least_exchange(model, roles, change)
    changes = {
        "padding": change(other_padding),
        "epsilon": change(golden.Torch(with_other_epsilon(model)).logits()),
        "activation": change(golden.Torch(with_other_activation(model)).logits()),
        "swap": swap,
        "roles": role,
        "transposed": change(golden.Torch(model).logits(pixels.transpose(1, 0, 2))),
        "BGR": change(golden.Torch(model).logits(pixels[:, :, ::-1])),
        "negative": change(golden.Torch(model).logits(-pixels)),
    }
    print(
        f"{name} {naming}: std {logits.std():.3f}, without bias {(logits - bias).std():.3f}; "
        + ", ".join(f"{key} {value:.1e}" for key, value in changes.items())
        + f" (least: {swapped}; {exchanged})",
        flush=True,
    )
    return min(changes.values())


def main():
    stored = json.loads(golden.OUTPUT.read_text())["networks"]
    for (name, naming, _, network), entry in zip(golden.cases(), stored, strict=True):
        least = report(name, naming, network)
        assert least > LEAST, f"{name} {naming}: a mistake moves the logits by only {least:.1e}"
        drift = np.abs(np.float32(network.logits()) - np.float32(entry["logits"])).max()
        assert drift < 1e-6, f"{name} {naming}: import.json is stale by {drift:.1e}"


if __name__ == "__main__":
    main()
