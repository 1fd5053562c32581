#!/bin/sh
# Trains the demo's networks on Fashion-MNIST and writes them to www/demo/: docs/demo/train.sh [NAME ...]
# The official test images are not looked at: the epoch is chosen by 1,250 of 5,000 images held out of training.
set -eu
cd "$(dirname "$0")/../.."

images=$(mktemp --suffix=.tar)
trap 'rm -f "$images"' EXIT
python docs/demo/fashion_mnist.py --training "$images"
cargo build --release --bin bitsmith

train() {
  "${CARGO_TARGET_DIR:-target}/release/bitsmith" train "$@" --batch 64 --rate 8e-3 --padding pytorch --classes 10 \
    --images "$images" --half --out "www/demo/$1.safetensors"
}

[ $# -gt 0 ] || set -- mobilenet-v1-0.25-32 mobilenet-v2-0.35-32 mnasnet-0.35-32
for name; do
  case $name in
    mobilenet-v1-*) train "$name" --epochs 40 ;;
    *) train "$name" --epochs 30 ;;
  esac
done
