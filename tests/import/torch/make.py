"""Writes the small files of PyTorch beside this script, and what PyTorch finds in them.

    pip install torch numpy
    git clone https://github.com/mit-han-lab/mcunet
    python make.py mcunet [folder with proxyless-w0.3-r176_imagenet.json and .pth]

`expected.json` has, by file, the tensors that our reader must find, as PyTorch itself reads them again. `blocks.json` and
`blocks.pth` are a network of all layers that MCUNet's code knows, `blocks_expected.json` what that code answers; likewise
`proxyless_expected.json`, whose network is not part of the project.
"""

import argparse
import io
import json
import pickle
import sys
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
EXPECTED = {}


def described(tensor):
    kind = str(tensor.dtype).removeprefix("torch.")
    values = tensor.detach().to(torch.float64).flatten().tolist()
    return {"type": kind, "shape": list(tensor.shape), "values": values}


def save(name, thing, state, taken=None, others=(), **options):
    """Writes a file and notes the tensors in it, under which key they stand, and what else there is."""
    torch.save(thing, HERE / name, **options)
    tensors = {key: described(tensor) for key, tensor in state.items()}
    EXPECTED[name] = {"tensors": tensors, "taken": taken, "others": list(others)}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1, bias=False)
        self.bn = nn.BatchNorm2d(3)
        self.register_buffer("scratch", torch.ones(2), persistent=False)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(Block())
        self.classifier = nn.Linear(3, 2)


def fill(state):
    for tensor in state.values():
        if tensor.is_floating_point():
            tensor.copy_(torch.arange(tensor.numel()).reshape(tensor.shape) / 8 + 0.5)
        else:
            tensor.fill_(7)


def containers(net):
    state = net.state_dict()
    save("zip_2.pth", state, state)
    save("zip_4.pth", state, state, pickle_protocol=4)
    save("zip_5.pth", state, state, pickle_protocol=5)
    save("legacy.pth", state, state, _use_new_zipfile_serialization=False)
    torch.serialization.set_crc32_options(False)
    save("no_checksums.pth", state, state)
    torch.serialization.set_crc32_options(True)
    save("module.pth", net, state)
    # That form holds the source text of all modules if it can be found.
    torch.serialization.get_source_lines_and_file = None
    save("module_legacy.pth", net, state, _use_new_zipfile_serialization=False, pickle_protocol=4)
    # Packed again, compressed.
    with zipfile.ZipFile(HERE / "zip_2.pth") as read:
        with zipfile.ZipFile(HERE / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as written:
            for entry in read.infolist():
                written.writestr(zipfile.ZipInfo(entry.filename), read.read(entry), zipfile.ZIP_DEFLATED)
    EXPECTED["deflated.pth"] = EXPECTED["zip_2.pth"]


def tensors():
    base = torch.arange(24, dtype=torch.float32)
    marked = nn.Parameter(torch.ones(2))
    marked.mark = 1
    state = OrderedDict(
        a_whole=base,
        a_part=base[5:9],
        a_row=base.reshape(4, 6)[2],
        a_column=base.reshape(4, 6)[:, 1],
        a_transposed=base.reshape(4, 6).t(),
        channels_last=base.reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
        expanded=torch.tensor([3.0]).expand(4),
        number=torch.tensor(2.5),
        empty=torch.empty(0, 3),
        parameter=nn.Parameter(torch.tensor([1.0, 2.0])),
        marked=marked,
        f16=torch.tensor([1.5, -2.0]).half(),
        bf16=torch.tensor([1.5, -2.0]).bfloat16(),
        f64=torch.tensor([0.1, -2.0]).double(),
        i64=torch.tensor(3),
        i32=torch.tensor([1, 2], dtype=torch.int32),
        u8=torch.tensor([1, 255], dtype=torch.uint8),
        flags=torch.tensor([True, False]),
        u16=torch.tensor([1, 2], dtype=torch.uint16),
    )
    save("tensors.pth", state, state)
    save("tensors_legacy.pth", state, state, _use_new_zipfile_serialization=False)


def checkpoints(net):
    state = net.state_dict()
    other = {key: tensor + 1 for key, tensor in state.items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    sum(p.sum() for p in net.parameters()).backward()
    optimizer.step()
    fill(net.state_dict())
    told = argparse.Namespace(lr=0.1, arch="net")
    rest = {"epoch": 3, "args": told, "optimizer": optimizer.state_dict(), "best": torch.tensor(71.2), "seed": 2**80}
    save("checkpoint.pth", {**rest, "state_dict": state, "state_dict_ema": other}, state, "state_dict", ["state_dict_ema"])
    save("checkpoint_model.pth", {"model": {"module": state}, "epoch": 1}, state, "model.module")
    save("checkpoint_ema.pth", {"ema": net, "model": None}, state, "ema")
    save("checkpoint_named.pth", {"my_weights": state, "loss": [0.5] * 9}, state, "my_weights")


def refused(net):
    script = torch.jit.trace(nn.Conv2d(1, 1, 1), torch.ones(1, 1, 2, 2))
    torch.jit.save(script, HERE / "script.pt")
    torch.save({"w": torch.eye(2).to_sparse()}, HERE / "sparse.pth")
    torch.save({"epoch": 3, "names": ["a", "b"]}, HERE / "nothing.pth")
    torch.save({"generator": dict(net.state_dict()), "critic": dict(net.state_dict())}, HERE / "several.pth")
    (HERE / "plain.pkl").write_bytes(pickle.dumps({"w": torch.ones(2)}, protocol=2))
    with tarfile.open(HERE / "tar.pth", "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ["sys_info", "storages", "tensors", "pickle"]:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))


def conv(name, c_in, c_out, **rest):
    usual = dict(kernel_size=3, stride=1, dilation=1, groups=1, bias=False, has_shuffle=False, use_bn=True)
    usual.update(act_func="relu6", dropout_rate=0, ops_order="weight_bn_act")
    return dict(name=name, in_channels=c_in, out_channels=c_out, **{**usual, **rest})


def inverted(c_in, c_out, **rest):
    usual = dict(kernel_size=3, stride=1, expand_ratio=1, mid_channels=None, act_func="relu6", use_se=False)
    return dict(name="MBInvertedConvLayer", in_channels=c_in, out_channels=c_out, **{**usual, **rest})


def block(layer, shortcut=None):
    return dict(name="MobileInvertedResidualBlock", mobile_inverted_conv=layer, shortcut=shortcut)


def identity(channels, **rest):
    usual = dict(use_bn=False, act_func=None, dropout_rate=0, ops_order="weight_bn_act")
    return dict(name="IdentityLayer", in_channels=channels, out_channels=channels, **{**usual, **rest})


def small_network():
    pool = dict(use_bn=False, act_func=None, dropout_rate=0, ops_order="weight_bn_act")
    pool.update(name="PoolingLayer", in_channels=4, out_channels=4, kernel_size=3, stride=1)
    return dict(
        name="ProxylessNASNets",
        bn=dict(momentum=0.1, eps=0.01, ws_eps=None),
        first_conv=conv("ConvLayer", 3, 4, stride=2),
        blocks=[
            block(inverted(4, 4)),
            block(dict(name="ZeroLayer", stride=1), identity(4)),
            block(inverted(4, 4, kernel_size=5, expand_ratio=2, act_func="h_swish", use_se=True), identity(4)),
            block(dict(pool, pool_type="avg"), identity(4, use_bn=True, act_func="relu")),
            block(dict(pool, pool_type="max", kernel_size=2, stride=2)),
            block(None),
            block(conv("DepthConvLayer", 4, 6, act_func="h_sigmoid")),
            block(conv("ConvLayer", 6, 6, groups=2, dilation=2, act_func="tanh", ops_order="bn_act_weight"), identity(6)),
            block(inverted(6, 5, stride=2, expand_ratio=3, mid_channels=7, act_func="sigmoid")),
        ],
        feature_mix_layer=conv("ConvLayer", 5, 8, kernel_size=1, bias=True, act_func="relu"),
        classifier=dict(name="LinearLayer", in_features=8, out_features=3, bias=True, use_bn=False, act_func=None,
                        dropout_rate=0.2, ops_order="weight_bn_act"),
        resolution=24,
    )


def picture(side):
    """Numbers from -1 to 1 that can be made again anywhere."""
    places = torch.arange(3 * side * side, dtype=torch.int64)
    return ((places * 7919 % 255).double() / 127.5 - 1).float().reshape(1, 3, side, side)


def answers(networks, config, state):
    net = networks.ProxylessNASNets.build_from_config(json.loads(json.dumps(config)))
    if state is None:
        torch.manual_seed(1)
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.2, 1.0) if tensor.dim() == 1 else tensor.normal_(0, 0.5)
    else:
        net.load_state_dict(state)
    net.eval()
    with torch.no_grad():
        return net, [round(logit, 5) for logit in net(picture(config["resolution"]))[0].tolist()]


def blocks(mcunet, shared):
    sys.path.insert(0, mcunet)
    from mcunet.tinynas.nn import networks

    config = small_network()
    net, logits = answers(networks, config, None)
    (HERE / "blocks.json").write_text(json.dumps(config, indent=1) + "\n")
    state = {key: tensor for key, tensor in net.state_dict().items() if tensor.is_floating_point()}
    torch.save(state, HERE / "blocks.pth", _use_new_zipfile_serialization=False, pickle_protocol=4)
    (HERE / "blocks_expected.json").write_text(json.dumps(logits) + "\n")
    if shared:
        name = "proxyless-w0.3-r176_imagenet"
        config = json.loads((Path(shared) / f"{name}.json").read_text())
        state = torch.load(Path(shared) / f"{name}.pth", map_location="cpu")["state_dict"]
        _, logits = answers(networks, config, state)
        (HERE / "proxyless_expected.json").write_text(json.dumps(logits) + "\n")


def main():
    torch.manual_seed(0)
    net = Net()
    fill(net.state_dict())
    containers(net)
    tensors()
    checkpoints(net)
    refused(net)
    (HERE / "expected.json").write_text(json.dumps(EXPECTED) + "\n")
    blocks(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)


if __name__ == "__main__":
    main()
