"""Writes the tiny networks in this folder with TensorFlow's converter, and tiny.json beside them.

    pip install tensorflow-cpu==2.21.0 ai-edge-litert==2.3.0
    python tests/tflite/make_tiny.py

One network of Keras with 8x8x3 images and 4 classes has what small networks have: a convolution with
batch normalization and ReLU6, a depthwise one, an addition, a mean, a dense layer, a softmax. It is
converted three times: to float32, to float16 weights, and to int8. A second network flattens a map
whose batch is open, which the converter writes as SHAPE, STRIDED_SLICE and PACK; its weights are
int8 and its activations float32 (dynamic range, for which a layer must have 1,024 weights).

tiny.json holds, for each file, what LiteRT's interpreter says: operators, and each constant of
weights as real numbers in the file's order. Weights come from a generator with a fixed seed.
"""

import json
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

HERE = Path(__file__).parent
SEED = 20261130


def layers():
    x = image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, 2, "same", use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    x = first = keras.layers.ReLU(6)(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Conv2D(4, 1)(x)
    x = keras.layers.Add()([first, x])
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(4)(x)
    return keras.Model(image, keras.layers.Softmax()(x))


def flattened():
    x = image = keras.Input((8, 8, 8))
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(image, keras.layers.Dense(8, "tanh")(x))


def fill(model):
    """Numbers around zero; variances above it."""
    random = np.random.default_rng(SEED)
    for weight in model.weights:
        values = random.normal(0, 0.5, weight.shape)
        if "variance" in weight.path or "gamma" in weight.path:
            values = 1 + np.abs(values)
        weight.assign(values.astype(np.float32))
    return model


def convert(model, **settings):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for key, value in settings.items():
        if key == "types":
            converter.target_spec.supported_types = value
        elif key == "operators":
            converter.target_spec.supported_ops = value
        else:
            setattr(converter, key, value)
    return converter.convert()


def images():
    random = np.random.default_rng(SEED)
    for _ in range(16):
        yield [random.uniform(-1, 1, (1, 8, 8, 3)).astype(np.float32)]


def describe(file):
    """What the interpreter says of a file."""
    interpreter = Interpreter(model_content=file)
    operators = [o["op_name"] for o in interpreter._get_ops_details() if o["op_name"] != "DELEGATE"]
    constants = {}
    for tensor in interpreter.get_tensor_details():
        try:
            values = interpreter.get_tensor(tensor["index"])
        except ValueError:
            continue
        scales = tensor["quantization_parameters"]
        if values.dtype == np.int32 and not len(scales["scales"]) or not values.size:
            continue
        real = values.astype(np.float64)
        if len(scales["scales"]):
            shape = [1] * values.ndim
            if len(scales["scales"]) > 1:
                shape[scales["quantized_dimension"]] = -1
            zero = scales["zero_points"].astype(np.float64).reshape(shape)
            real = (real - zero) * scales["scales"].astype(np.float64).reshape(shape)
        constants[tensor["name"]] = {
            "shape": list(values.shape),
            "values": [float(v) for v in real.astype(np.float32).ravel()],
        }
    return {"operators": operators, "constants": constants}


def main():
    default = [tf.lite.Optimize.DEFAULT]
    integers = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    net = fill(layers())
    files = {
        "tiny_float32": convert(net),
        "tiny_float16": convert(net, optimizations=default, types=[tf.float16]),
        "tiny_int8": convert(
            net,
            optimizations=default,
            representative_dataset=images,
            operators=integers,
            inference_input_type=tf.int8,
            inference_output_type=tf.int8,
        ),
        "tiny_dynamic": convert(fill(flattened()), optimizations=default),
    }
    golden = {}
    for name, file in files.items():
        (HERE / f"{name}.tflite").write_bytes(file)
        golden[name] = describe(file)
    (HERE / "tiny.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
