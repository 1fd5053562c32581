"""A training step of ours against PyTorch on the same processor, taking turns in one run.

    python3 benches/train_torch.py [TURNS]

MobileNetV1 0.25 at 96 and 128 pixels, batch 16, batch normalization from the batch, ReLU6, Adam. Prints the fastest
step of each in milliseconds and their ratio. Needs PyTorch; ours is `cargo bench --bench train`.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn

BATCH = 16
STEPS = 15
# Channels at width 1 and stride of each depthwise separable block (arXiv 1704.04861, table 1).
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]


def block(inputs, outputs, kernel, stride, groups):
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU6()]


def network():
    channels = 8
    layers = block(3, channels, 3, 2, 1)
    for outputs, stride in BLOCKS:
        layers += block(channels, channels, 3, stride, channels) + block(channels, outputs // 4, 1, 1, 1)
        channels = outputs // 4
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def fastest(side, channels_last):
    """Milliseconds of the fastest step."""
    torch.manual_seed(1)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = network().to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    images = torch.randn(BATCH, 3, side, side).to(memory_format=layout)
    targets = torch.arange(BATCH) % 10
    best = float("inf")
    for _ in range(STEPS):
        start = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), targets).backward()
        optimizer.step()
        best = min(best, time.perf_counter() - start)
    return 1e3 * best


def ours():
    """Milliseconds of the fastest float step by side."""
    command = ["cargo", "bench", "--quiet", "--bench", "train"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]).stdout
    rows = re.findall(r"^mobilenet-v1-0\.25-(\d+)\s+[\d.]+\s+([\d.]+)", output, re.M)
    return {int(side): float(time) for side, time in rows}


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    torch.set_num_threads(os.cpu_count())
    best = {}
    for _ in range(turns):
        for side in (96, 128):
            for layout in (False, True):
                key = side, "torch"
                best[key] = min(best.get(key, float("inf")), fastest(side, layout))
        for side, milliseconds in ours().items():
            best[side, "ours"] = min(best.get((side, "ours"), float("inf")), milliseconds)
    mkldnn = torch.backends.mkldnn.is_available()
    print(f"PyTorch {torch.__version__}, oneDNN {mkldnn}, {torch.get_num_threads()} threads, batch {BATCH}")
    for side in (96, 128):
        torch_time, our_time = best[side, "torch"], best[side, "ours"]
        print(f"side {side}: PyTorch {torch_time:.1f} ms, ours {our_time:.1f} ms, ratio {our_time / torch_time:.2f}")


if __name__ == "__main__":
    main()
