"""Makes the files beside it: tiny random networks with gates, tables and concatenations, as tools write them.

    pip install torch onnx onnxscript onnxruntime
    python make.py torch
    pip install tensorflow-cpu ai-edge-litert             # in another environment
    python make.py keras

`mobile` has two blocks of MobileNetV3 (hard-swish, hard-sigmoid, squeeze-and-excite), `swish` one of EfficientNet, its
gate out of dense layers and repeated over the map, and `squeeze` two fire modules of SqueezeNet and no layer behind its
pool. expected_TOOL.json has what the format's own runtime computes of an image whose number i, in the file's order, is
((37 i) mod 101) / 50 - 1. Weights are random and of no use.
"""

import gzip
import json
import os
import pathlib
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
SIDE = 20
expected = {}


def number(shape):
    count = int(np.prod(shape))
    return ((np.arange(count) * 37 % 101) / 50.0 - 1.0).astype(np.float32).reshape(shape)


def keep(name, output):
    size = (HERE / name).stat().st_size
    assert size < 20_000, (name, size)
    expected[name] = [float(f"{value:.7g}") for value in np.asarray(output).ravel()]
    print(name, size, expected[name])


def write(tool):
    (HERE / f"expected_{tool}.json").write_text(json.dumps(expected, indent=1) + "\n")


def with_torch():
    import onnx
    import onnxruntime
    import torch
    from torch import nn
    from torch.nn import functional as F

    def conv(inputs, outputs, kernel, stride=1, groups=1, activation=None):
        layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
                  nn.BatchNorm2d(outputs, eps=0.001)]
        return nn.Sequential(*layers, *([activation()] if activation else []))

    class Excite(nn.Module):
        """As torchvision has it."""

        def __init__(self, channels, reduced):
            super().__init__()
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.fc1, self.fc2 = nn.Conv2d(channels, reduced, 1), nn.Conv2d(reduced, channels, 1)
            self.activation, self.scale = nn.ReLU(), nn.Hardsigmoid()

        def forward(self, x):
            return self.scale(self.fc2(self.activation(self.fc1(self.pool(x))))) * x

    class DenseExcite(nn.Module):
        """As older code has it: dense layers, and as many factors as the map has elements."""

        def __init__(self, channels, reduced):
            super().__init__()
            self.fc = nn.Sequential(nn.Linear(channels, reduced), nn.SiLU(), nn.Linear(reduced, channels), nn.Sigmoid())

        def forward(self, x):
            batch, channels = x.shape[:2]
            y = self.fc(F.adaptive_avg_pool2d(x, 1).view(batch, channels)).view(batch, channels, 1, 1)
            return x * y.expand_as(x)

    class Mobile(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = conv(3, 8, 3, 2, activation=nn.Hardswish)
            self.first = nn.Sequential(conv(8, 8, 3, 2, 8, nn.ReLU), Excite(8, 4), conv(8, 6, 1))
            self.second = nn.Sequential(conv(6, 12, 1, activation=nn.Hardswish), conv(12, 12, 5, 1, 12, nn.Hardswish),
                                        Excite(12, 4), conv(12, 6, 1))
            self.last = conv(6, 12, 1, activation=nn.Hardswish)
            self.head = nn.Sequential(nn.Linear(12, 10), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(10, 5))

        def forward(self, x):
            x = self.first(self.stem(x))
            x = self.last(x + self.second(x))
            return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))

    class Swish(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = conv(3, 6, 3, 2, activation=nn.SiLU)
            self.block = nn.Sequential(conv(6, 6, 3, 1, 6, nn.SiLU), DenseExcite(6, 3), conv(6, 6, 1, activation=nn.Tanh))
            self.head = nn.Linear(12, 5)

        def forward(self, x):
            x = self.stem(x)
            x = torch.cat([x, x + self.block(x)], 1)
            return self.head(x.mean((2, 3)))

    class Fire(nn.Module):
        def __init__(self, inputs, squeezed, expanded):
            super().__init__()
            self.squeeze = nn.Conv2d(inputs, squeezed, 1)
            self.one, self.three = nn.Conv2d(squeezed, expanded, 1), nn.Conv2d(squeezed, expanded, 3, padding=1)

        def forward(self, x):
            x = F.relu(self.squeeze(x))
            return torch.cat([F.relu(self.one(x)), F.relu(self.three(x))], 1)

    class Squeeze(nn.Module):
        def __init__(self):
            super().__init__()
            pool = nn.MaxPool2d(3, 2, ceil_mode=True)
            self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), pool, Fire(8, 4, 6), pool, Fire(12, 5, 7))
            self.head = nn.Sequential(nn.Dropout(), nn.Conv2d(14, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)))

        def forward(self, x):
            return torch.flatten(self.head(self.features(x)), 1)

    torch.manual_seed(1)
    image = torch.from_numpy(number((1, 3, SIDE, SIDE)))
    for word, network in (("mobile", Mobile()), ("swish", Swish()), ("squeeze", Squeeze())):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.05, 0.5)
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.normal_(0, 0.5)
        network.eval()
        if word == "squeeze":
            # Otherwise the last ReLU leaves nothing of some classes.
            network.head[1].bias.data.fill_(0.3)
        names = {"input_names": ["image"], "output_names": ["logits"]}
        for tool in ("script", "dynamo"):
            path = HERE / f"{word}_{tool}.onnx"
            if tool == "script":
                axes = {"image": {0: "batch"}, "logits": {0: "batch"}}
                torch.onnx.export(network, image, path, dynamo=False, opset_version=17, dynamic_axes=axes, **names)
            else:
                program = torch.onnx.export(network, (image,), dynamo=True, **names)
                model = program.model_proto
                # Traces of the exporter are larger than the network.
                for part in [model.graph, *model.graph.node, *model.graph.value_info]:
                    del part.metadata_props[:]
                onnx.save(model, path)
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            keep(path.name, session.run(None, {"image": image.numpy()})[0])
    write("torch")


def with_keras():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    L = keras.layers

    def conv(x, channels, kernel, strides=1, activation=None):
        x = L.Conv2D(channels, kernel, strides, "same", use_bias=False)(x)
        x = L.BatchNormalization(epsilon=1e-3)(x)
        return L.Activation(activation)(x) if activation else x

    def depthwise(x, kernel, strides, activation):
        x = L.DepthwiseConv2D(kernel, strides, "same", use_bias=False)(x)
        return L.Activation(activation)(L.BatchNormalization(epsilon=1e-3)(x))

    def mobile():
        def excite(x, reduced):
            """As keras.applications has it."""
            channels = x.shape[-1]
            y = L.GlobalAveragePooling2D(keepdims=True)(x)
            y = L.Conv2D(reduced, 1, activation="relu")(y)
            y = L.Conv2D(channels, 1)(y)
            y = L.ReLU(6.0)(y + 3.0) * (1.0 / 6.0)
            return L.Multiply()([x, y])

        image = keras.Input((SIDE, SIDE, 3))
        x = conv(image, 8, 3, 2, "hard_swish")
        x = conv(excite(depthwise(x, 3, 2, "relu"), 4), 6, 1)
        y = depthwise(conv(x, 12, 1, 1, "hard_swish"), 5, 1, "hard_swish")
        x = L.Add()([x, conv(excite(y, 4), 6, 1)])
        x = L.GlobalAveragePooling2D(keepdims=True)(conv(x, 12, 1, 1, "hard_swish"))
        x = L.Activation("hard_swish")(L.Conv2D(10, 1)(x))
        return keras.Model(image, L.Flatten()(L.Conv2D(5, 1)(x)))

    def swish():
        image = keras.Input((SIDE, SIDE, 3))
        x = conv(image, 6, 3, 2, "swish")
        y = depthwise(x, 3, 1, "swish")
        gate = L.GlobalAveragePooling2D()(y)
        gate = L.Dense(3, activation="swish")(gate)
        gate = L.Dense(6, activation="hard_sigmoid")(gate)
        y = L.multiply([L.Reshape((1, 1, 6))(gate), y])
        x = L.Concatenate()([x, L.Activation("tanh")(conv(y, 6, 1))])
        x = L.Activation("sigmoid")(L.BatchNormalization()(x))
        return keras.Model(image, L.Dense(5)(L.GlobalAveragePooling2D()(x)))

    def squeeze():
        def fire(x, squeezed, expanded):
            x = L.Conv2D(squeezed, 1, activation="relu")(x)
            parts = [L.Conv2D(expanded, side, padding="same", activation="relu")(x) for side in (1, 3)]
            return L.Concatenate()(parts)

        image = keras.Input((SIDE, SIDE, 3))
        x = L.Conv2D(8, 3, 2, activation="relu")(image)
        x = fire(L.MaxPooling2D(3, 2, "same")(x), 4, 6)
        x = fire(L.MaxPooling2D(3, 2)(x), 5, 7)
        x = L.ReLU()(L.Conv2D(5, 1)(x))
        return keras.Model(image, L.GlobalAveragePooling2D()(x))

    random = np.random.default_rng(7)
    image = number((1, SIDE, SIDE, 3))
    for word, model in (("mobile", mobile()), ("swish", swish()), ("squeeze", squeeze())):
        for weight in model.weights:
            positive = "variance" in weight.path or "gamma" in weight.path
            values = random.uniform(0.5, 1.5, weight.shape) if positive else random.normal(0, 0.4, weight.shape)
            weight.assign(values.astype(np.float32))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / f"{word}.keras"
            model.save(path)
            # HDF5 is mostly zeros.
            (HERE / f"{word}.keras.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        keep(f"{word}.keras.gz", model(image, training=False))
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        path = HERE / f"{word}.tflite"
        path.write_bytes(converter.convert())
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        keep(path.name, interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    write("keras")


if __name__ == "__main__":
    {"torch": with_torch, "keras": with_keras}[sys.argv[1]]()
