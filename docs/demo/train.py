"""Trains the demo networks on Fashion-MNIST and writes their weights to www/demo/.

    python docs/demo/train.py [NAME ...]     # all three by default

The last epoch's weights are taken; the test images are looked at once, at the end of a run.
"""

import argparse
import math
import time

import torch
from torch.nn.functional import cross_entropy

import networks
from fashion_mnist import CLASSES, load

SEED = 1
EPOCHS = {"mobilenet-v1-0.25-32": 30, "mobilenet-v2-0.35-32": 22, "mnasnet-0.35-32": 18}
BATCH = 256
PEAK_RATE = 4e-3
WARM_UP_EPOCHS = 2
WEIGHT_DECAY = 0.03
LABEL_SMOOTHING = 0.1
CROP_PAD = 2


def optimizer_for(network):
    """AdamW that decays convolution and linear weights, not biases or batch norms."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": free, "weight_decay": 0.0}]
    )


def rate(progress, warm_up):
    """The learning rate at `progress` in [0, 1): linear warm-up, then a cosine to zero."""
    if progress < warm_up:
        return PEAK_RATE * progress / warm_up
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def augment(padded, side):
    """A random `side` crop of each image of uint8 [N, side + 4, side + 4], half of them mirrored."""
    count = len(padded)
    offsets = torch.randint(0, 2 * CROP_PAD + 1, (2, count, 1))
    span = torch.arange(side)
    rows, columns = offsets[0] + span, offsets[1] + span
    mirrored = torch.rand(count, 1) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    return padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def train(name):
    torch.manual_seed(SEED)
    network = networks.build(name).to(memory_format=torch.channels_last)
    optimizer = optimizer_for(network)
    images, labels = load("train")
    side = images.shape[1]
    padded = torch.nn.functional.pad(torch.from_numpy(images), (CROP_PAD,) * 4)
    labels = torch.from_numpy(labels)

    epochs, steps = EPOCHS[name], len(images) // BATCH
    started = time.monotonic()
    for epoch in range(epochs):
        network.train()
        order = torch.randperm(len(images))
        total = 0.0
        for step in range(steps):
            progress = (epoch + step / steps) / epochs
            for group in optimizer.param_groups:
                group["lr"] = rate(progress, WARM_UP_EPOCHS / epochs)
            batch = order[step * BATCH : (step + 1) * BATCH]
            pixels = networks.preprocess(augment(padded[batch], side).numpy())
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            loss = cross_entropy(network(pixels), labels[batch], label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item()
        seconds = time.monotonic() - started
        print(f"{name} epoch {epoch + 1}/{epochs} loss {total / steps:.4f} {seconds:.0f} s", flush=True)
    return network


def ship(name, network):
    """Rounds to float16, measures, and writes the weights."""
    test_images, test_labels = load("val")
    percent = 100 / len(test_labels)
    exact = percent * networks.correct(network, test_images, test_labels)
    lifted = networks.round_to_half(network)
    rounded = percent * networks.correct(network, test_images, test_labels)
    metadata = {
        "model": name,
        "classes": str(len(CLASSES)),
        "labels": ",".join(CLASSES),
        "preprocessing": "x/127.5-1",
        "naming": networks.NAMING[name],
        "bn_eps": "1e-5",
        "top1_float": f"{rounded:.2f}",
        "dataset": "Fashion-MNIST (MIT), 28x28 padded with zeros to 32x32",
        "license": "MIT OR Apache-2.0",
    }
    networks.save(name, network, metadata)
    size = networks.path(name).stat().st_size
    print(f"{name}: float32 {exact:.2f} %, float16 {rounded:.2f} %, {lifted} variances lifted, {size} bytes")


def main():
    parser = argparse.ArgumentParser(description="Train the demo networks on Fashion-MNIST.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(networks.BUILD))
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in networks.BUILD:
            parser.error(f"unknown network {name!r}; known: {', '.join(networks.BUILD)}")
    torch.set_num_threads(arguments.threads)
    for name in arguments.names or networks.BUILD:
        ship(name, train(name))


if __name__ == "__main__":
    main()
