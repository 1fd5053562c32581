"""Makes the tiny networks in this folder and records what Keras computes with them.

    python -m venv venv && venv/bin/pip install tensorflow-cpu tf-keras h5py tensorflow-model-optimization
    TF_USE_LEGACY_KERAS=1 venv/bin/python make_networks.py 2
    venv/bin/python make_networks.py 3

The first run writes keras2_*.gz (with tf-keras, which is Keras 2 by another name), the second keras3_*.gz: HDF5 is mostly
zeros, so that each file is gzip-compressed. Each writes its results to expected_<version>.json. Weights are random numbers of a fixed seed. The input is number i of ((37 i) mod 101) / 50 - 1, times the scale in the json.
"""

import gzip
import json
import os
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
VERSION = int(sys.argv[1])

import numpy as np
import tensorflow as tf

if VERSION == 2:
    import tf_keras as keras
else:
    import keras

L = keras.layers
HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)
expected = {}


def number(shape, scale):
    count = int(np.prod(shape))
    values = (np.arange(count) * 37 % 101) / 50.0 - 1.0
    return (values * scale).astype(np.float32).reshape(shape)


def randomize(model):
    for weight in model.weights:
        name = weight.path if VERSION == 3 else weight.name
        if "variance" in name or "gamma" in name:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape).astype(np.float32))
        elif "count" not in name:
            weight.assign(rng.normal(0, 0.4, weight.shape).astype(np.float32))


def record(name, model, scale=1.0, formats=("h5", "keras"), run=True, own_weights=False, size=None):
    if not own_weights:
        randomize(model)
    shape = (2,) + tuple((model.input_shape if size is None else size)[1:])
    outputs = []
    if run:
        found = model(number(shape, scale), training=False)
        found = found if isinstance(found, (list, tuple)) else [found]
        outputs = [{"dims": list(f.shape), "values": np.asarray(f).ravel().tolist()} for f in found]
    for end in formats:
        file = f"keras{VERSION}_{name}.{end}"
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, file)
            if end in ("weights.h5", "bare.h5"):
                model.save_weights(path)
            else:
                model.save(path)
            with open(path, "rb") as made:
                packed = gzip.compress(made.read(), mtime=0)
        assert len(packed) < 30_000, (file, len(packed))
        with open(os.path.join(HERE, file + ".gz"), "wb") as out:
            out.write(packed)
        expected[file] = {"input": list(shape), "scale": scale, "outputs": outputs}


def convolutions():
    return keras.Sequential([
        keras.Input((9, 8, 3)),
        L.Conv2D(4, 3, strides=2, padding="same", activation="relu6"),
        L.DepthwiseConv2D((3, 2), depth_multiplier=2, use_bias=False, padding="same"),
        L.BatchNormalization(scale=False, epsilon=2e-3),
        L.SeparableConv2D(6, 3, padding="same", dilation_rate=2, activation="tanh"),
        L.Conv2D(4, (1, 2), groups=2, activation="hard_sigmoid"),
        L.GlobalAveragePooling2D(),
        L.Dense(3, activation="softmax"),
    ])


def residual():
    image = keras.Input((8, 8, 3), name="image")
    x = L.Conv2D(4, 3, padding="same", use_bias=False, name="stem")(image)
    x = L.BatchNormalization(center=False, name="stem_bn")(x)
    x = L.ReLU(6.0, negative_slope=0.1, name="stem_relu")(x)
    y = L.Conv2D(4, 3, padding="same", activation=L.LeakyReLU(0.25), name="branch")(x)
    x = L.Add(name="sum")([y, x])
    x = L.Concatenate(name="both")([x, y])
    x = L.MaxPooling2D(3, strides=2, padding="same", name="pool")(x)
    x = L.Flatten(name="flat")(x)
    return keras.Model(image, [L.Dense(2, name="a")(x), L.Dense(3, "sigmoid", False, name="b")(x)], name="residual")


def operations():
    image = keras.Input((4, 4, 3), name="image")
    x = image / 127.5
    x = 1.0 - x
    x = x + [0.1, 0.2, 0.3] if VERSION == 2 else keras.ops.add(x, np.array([0.1, 0.2, 0.3], np.float32))
    if VERSION == 2:
        x = tf.nn.relu6(x)
        x = tf.maximum(x, 0.25)
        x = x * tf.reduce_mean(x, axis=[1, 2], keepdims=True)
        x = tf.clip_by_value(x, 0.3, 2.5)
        x = tf.concat([x, x - 0.5], axis=-1)
        x = tf.reshape(x, (-1, 96))
    else:
        x = keras.ops.relu6(x)
        x = keras.ops.maximum(x, 0.25)
        x = x * keras.ops.mean(x, axis=[1, 2], keepdims=True)
        x = keras.ops.clip(x, 0.3, 2.5)
        x = keras.ops.concatenate([x, x - 0.5], axis=-1)
        x = keras.ops.reshape(x, (-1, 96))
    return keras.Model(image, L.Dense(2)(x))


def nested():
    inside = keras.Input((6, 6, 2))
    x = L.Conv2D(2, 3, padding="same", name="conv")(inside)
    x = L.BatchNormalization(name="bn")(x)
    body = keras.Model(inside, x, name="body")
    head = keras.Sequential([L.Conv2D(2, 1, activation="swish", name="last"), L.GlobalAveragePooling2D(name="mean")], name="head")
    image = keras.Input((6, 6, 2), name="image")
    once = body(image)
    # Shared: called twice, with the same weights.
    twice = body(once)
    return keras.Model(image, head(L.Subtract(name="difference")([twice, once])), name="outer")


def transfer():
    inside = keras.Input((6, 6, 3))
    body = keras.Model(inside, L.Conv2D(2, 3, activation="relu")(inside), name="backbone")
    body.trainable = False
    # Without an input: the size comes with the first images.
    model = keras.Sequential([
        keras.Sequential([L.RandomFlip("horizontal"), L.Rescaling(1 / 127.5, offset=-1)], name="prepare"),
        body,
        L.Dropout(0.2),
        L.Flatten(),
        L.Dense(2),
    ])
    model(number((1, 6, 6, 3), 1.0))
    return model


def preprocessing():
    normal = L.Normalization(axis=-1)
    model = keras.Sequential([
        keras.Input((7, 7, 3)),
        L.Resizing(7, 7),
        L.Rescaling(1 / 255.0),
        normal,
        L.ZeroPadding2D(((1, 0), (0, 2))),
        L.AveragePooling2D(3, strides=2, padding="same"),
        L.Activation("swish"),
    ])
    normal.adapt(number((5, 7, 7, 3), 1.0) + np.array([0.1, 0.5, -0.3], np.float32))
    return model


def shapes():
    image = keras.Input((4, 6, 3), name="image")
    x = L.Permute((2, 1, 3), name="turn")(image)
    s = L.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    s = L.Dense(3, activation="hard_sigmoid", name="excite")(s)
    x = L.Multiply(name="scale")([x, s])
    x = L.Average(name="mean")([x, L.Activation("relu", name="relu")(x)])
    x = L.Reshape((4, -1), name="rows")(x)
    return keras.Model(image, L.Softmax(name="soft")(x), name="shapes")


def refused():
    image = keras.Input((4, 4, 3), name="image")
    x = L.UpSampling2D(name="up")(image)
    x = L.Conv2DTranspose(2, 3, name="transposed")(x)
    x = L.Activation("gelu", name="gelu")(x)
    x = L.LayerNormalization(name="norm")(x)
    x = L.Resizing(3, 3, name="resize")(x)
    return keras.Model(image, L.GlobalMaxPooling2D(name="max")(x), name="refused")


def wrapped(wrap):
    model = keras.Sequential([
        keras.Input((6, 6, 3)),
        L.Conv2D(4, 3, name="conv"),
        L.BatchNormalization(name="bn"),
        L.ReLU(6.0, name="relu"),
        L.DepthwiseConv2D(3, activation="relu", name="depthwise"),
        L.Flatten(name="flat"),
        L.Dense(2, name="dense"),
    ])
    randomize(model)
    return wrap(model)


both = ("h5", "keras")
record("convolutions", convolutions(), formats=both + (("weights.h5",) if VERSION == 3 else ("bare.h5",)))
keras.backend.clear_session()
record("residual", residual())
record("operations", operations(), 127.5)
record("nested", nested())
record("transfer", transfer(), 127.5, size=(None, 6, 6, 3))
record("preprocessing", preprocessing(), 255.0, own_weights=True)
record("shapes", shapes())
record("refused", refused(), formats=("h5",), run=False)
if VERSION == 2:
    import tensorflow_model_optimization as tfmot

    pruned = wrapped(tfmot.sparsity.keras.prune_low_magnitude)
    record("pruned", pruned, formats=("h5",), own_weights=True)
    # In float, without the rounding that it trains with.
    quantized = wrapped(tfmot.quantization.keras.quantize_model)
    record("quantized", quantized, formats=("h5",), own_weights=True, run=False)

with open(os.path.join(HERE, f"expected_{VERSION}.json"), "w") as file:
    json.dump(expected, file, indent=0)
    file.write("\n")
