"""Makes the files beside it: tiny random networks as tools write them, each with an input and ONNX Runtime's output.

    pip install torch onnx onnxscript onnxruntime
    python make.py torch
    pip install tensorflow keras tf2onnx onnxruntime      # in another environment
    python make.py keras

`NAME.onnx` is the network, `NAME.json` has `input` and `output`, each with `shape` and `values` (last index fastest).
Weights are random and of no use.
"""

import json
import pathlib
import sys

import numpy as np
import onnxruntime

HERE = pathlib.Path(__file__).parent


def keep(name):
    """Writes the input and output of a file."""
    path = HERE / f"{name}.onnx"
    options = onnxruntime.SessionOptions()
    # As the nodes stand, without those that are faster and less exact.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in given.shape]
    image = np.random.default_rng(7).uniform(-1, 1, shape).astype(np.float32).round(3)
    output = session.run(None, {given.name: image})[0]
    entry = lambda array: {"shape": list(array.shape), "values": [float(f"{v:.7g}") for v in array.ravel()]}
    (HERE / f"{name}.json").write_text(json.dumps({"input": entry(image), "output": entry(output)}) + "\n")
    print(name, path.stat().st_size, output.shape)


def with_torch():
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        """What MobileNets are made of, and the words of older code for shapes."""

        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU6())
            self.depthwise = nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1, groups=4, bias=False), nn.BatchNorm2d(4), nn.ReLU())
            self.pointwise = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))
            self.last = nn.Sequential(nn.Conv2d(4, 8, 3, 2), nn.LeakyReLU(0.1))
            self.pool = nn.MaxPool2d(2, 1)
            self.drop = nn.Dropout(0.2)
            self.head = nn.Linear(8, 5)

        def forward(self, x):
            x = self.stem(x)
            x = x + self.pointwise(self.depthwise(x))
            x = self.last(F.pad(x, (0, 1, 0, 1)))
            x = F.hardswish(self.pool(x))
            x = F.adaptive_avg_pool2d(x, 1)
            x = x.view(x.size(0), -1)
            return F.log_softmax(self.head(self.drop(x)), dim=1)

    class Plain(nn.Module):
        """Convolutions with biases, means as reductions, a matrix product."""

        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 6, 3, padding=1)
            self.second = nn.Conv2d(6, 6, (3, 1), padding=(1, 0))
            self.matrix = nn.Parameter(torch.randn(6, 4))

        def forward(self, x):
            x = F.silu(self.first((x - 0.5) / 0.25))
            x = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
            x = torch.sigmoid(self.second(x)) * x
            return x.mean((2, 3)) @ self.matrix

    class Bounded(nn.Module):
        """For quantizing: a ReLU behind each convolution, of which ONNX Runtime drops what its integers say anyway."""

        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3, 2, 1)
            self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
            self.second = nn.Conv2d(8, 8, 1)
            self.head = nn.Linear(8, 5)

        def forward(self, x):
            x = F.relu6(self.first(x))
            x = x + self.second(F.relu(self.depthwise(x)))
            x = F.max_pool2d(x, 2)
            return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))

    torch.manual_seed(1)
    image = torch.randn(2, 3, 12, 12)

    def made(network):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.normal_(0, 0.3)
        return network.eval()

    def script(name, network, opset, **more):
        batch = {"input": {0: "batch"}, "output": {0: "batch"}}
        names = {"input_names": ["input"], "output_names": ["output"], "dynamic_axes": batch}
        torch.onnx.export(network, image, HERE / f"{name}.onnx", opset_version=opset, dynamo=False, **names, **more)
        keep(name)

    def dynamo(name, network, **more):
        batch = {0: torch.export.Dim("batch")}
        program = torch.onnx.export(network, (image,), dynamo=True, dynamic_shapes=(batch,), input_names=["input"],
                                    output_names=["output"], **more)
        import onnx
        model = program.model_proto
        # Traces of the exporter are larger than the network.
        for part in [model.graph, *model.graph.node, *model.graph.value_info]:
            del part.metadata_props[:]
        onnx.save(model, HERE / f"{name}.onnx")
        keep(name)

    block, plain, bounded = made(Block()), made(Plain()), made(Bounded())
    for opset in (9, 11, 17):
        script(f"block_script_{opset}", block, opset)
    script("block_script_13_unfolded", block, 13, do_constant_folding=False, keep_initializers_as_inputs=True,
           training=torch.onnx.TrainingMode.PRESERVE)
    script("plain_script_16", plain, 16)
    dynamo("block_dynamo", block)
    dynamo("plain_dynamo", plain)
    dynamo("plain_dynamo_unoptimized", plain, optimize=False)
    quantized(script, bounded)


def quantized(script, network):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    script("bounded_script_17", network, 17)
    source, prepared = HERE / "bounded_script_17.onnx", HERE / "prepared.onnx"
    quant_pre_process(source, prepared)

    class Images(CalibrationDataReader):
        def __init__(self):
            rng = np.random.default_rng(3)
            self.left = [rng.uniform(-1, 1, (2, 3, 12, 12)).astype(np.float32) for _ in range(8)]

        def get_next(self):
            return {"input": self.left.pop()} if self.left else None

    ways = {
        "qdq_u8s8_channel": (QuantFormat.QDQ, QuantType.QUInt8, QuantType.QInt8, True),
        "qdq_s8s8": (QuantFormat.QDQ, QuantType.QInt8, QuantType.QInt8, False),
        "qoperator_u8s8_channel": (QuantFormat.QOperator, QuantType.QUInt8, QuantType.QInt8, True),
        "qoperator_u8u8": (QuantFormat.QOperator, QuantType.QUInt8, QuantType.QUInt8, False),
    }
    for name, (form, activations, weights, channels) in ways.items():
        quantize_static(prepared, HERE / f"bounded_{name}.onnx", Images(), quant_format=form,
                        activation_type=activations, weight_type=weights, per_channel=channels)
        keep(f"bounded_{name}")
    prepared.unlink()


def with_keras():
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    image = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.BatchNormalization(epsilon=1e-3)(x)
    x = layers.ReLU(6.0)(x)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization(epsilon=1e-3)(y)
    y = layers.Activation("hard_sigmoid")(y)
    x = layers.Add()([x, y])
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = layers.Conv2D(8, 3, strides=2)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.AveragePooling2D(2, strides=1, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.1)(x)
    network = keras.Model(image, layers.Dense(5, activation="softmax")(x))
    rng = np.random.default_rng(5)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            size = layer.gamma.shape
            layer.set_weights([rng.uniform(0.5, 1.5, size), rng.normal(0, 0.3, size), rng.normal(0, 0.3, size),
                               rng.uniform(0.5, 2, size)])
    network(np.zeros((1, 12, 12, 3), np.float32))
    network.export(HERE / "keras_export.onnx", format="onnx")
    keep("keras_export")

    import tensorflow as tf
    import tf2onnx

    signature = (tf.TensorSpec((None, 12, 12, 3), tf.float32, name="image"),)
    run = tf.function(lambda image: network(image, training=False), input_signature=signature)
    for opset, more in ((9, {}), (15, {}), (13, {"inputs_as_nchw": ["image:0"]})):
        name = f"tf2onnx_{opset}"
        tf2onnx.convert.from_function(run, signature, opset=opset, output_path=str(HERE / f"{name}.onnx"), **more)
        keep(name)


if __name__ == "__main__":
    {"torch": with_torch, "keras": with_keras}[sys.argv[1]]()
