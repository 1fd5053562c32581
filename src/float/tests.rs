//! The executor against sums written out one by one.

use super::*;
use crate::net::{LayerWeights, Network, Padding, Shape, Spec};

/// A network of the zoo with weights from a small generator.
fn model(name: &str, padding: Padding) -> Model {
    let spec = name.parse::<Spec>().expect(name).with_classes(7).expect("in range").with_padding(padding);
    let network = Network::from(spec);
    let graph = network.graph();
    let mut state = 1u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let weights = graph
        .layers
        .iter()
        .map(|layer| {
            let [c_out, k, _, c_in] = graph.weight_shape(layer)?;
            let scale = 2.0 / ((k * k * c_in) as f32).sqrt();
            let weight = (0..c_out * k * k * c_in).map(|_| next() * scale).collect();
            Some(LayerWeights { weight, affine: Affine::Bias((0..c_out).map(|_| next()).collect()) })
        })
        .collect();
    Model { network, weights, normalization: Normalization::SIGNED, labels: None }
}

/// One output of a convolution by the definition, in f64.
fn convolve(model: &Model, id: LayerId, input: &[f32], y: usize, x: usize, c_out: usize) -> f64 {
    let layer = &model.graph().layers[id];
    let Shape { height, width, channels } = model.graph().input_shape(layer);
    let window = layer.window().expect("a convolution");
    let weight = &model.layer(id).expect("weights").weight;
    let [_, k, _, c_in] = model.graph().weight_shape(layer).expect("weights");
    let mut sum = 0.0;
    for ky in 0..k {
        for kx in 0..k {
            let row = (y * window.stride + ky) as isize - window.pads.top as isize;
            let column = (x * window.stride + kx) as isize - window.pads.left as isize;
            if row < 0 || column < 0 || row >= height as isize || column >= width as isize {
                continue;
            }
            for c in 0..c_in {
                let from = if c_in == 1 { c_out } else { c };
                let value = input[(row as usize * width + column as usize) * channels + from];
                sum += f64::from(value) * f64::from(weight[((c_out * k + ky) * k + kx) * c_in + c]);
            }
        }
    }
    sum
}

#[test]
fn every_sum_is_the_definition() {
    for (name, padding) in [
        ("mobilenet-v1-0.35-32", Padding::TensorFlow),
        ("mobilenet-v1-0.35-64", Padding::PyTorch),
        ("mobilenet-v2-0.35-32", Padding::TensorFlow),
        ("mnasnet-0.35-64", Padding::PyTorch),
        ("mnasnet-0.35-32", Padding::TensorFlow),
    ] {
        let model = model(name, padding);
        let network = FloatNetwork::new(&model).expect(name);
        let image: Vec<u8> =
            (0..model.graph().image().shape.elements()).map(|i| ((i * 2_654_435_761) >> 13) as u8).collect();
        let mut tensors = vec![network.normalize(&image)];
        let mut checked = 0;
        network
            .run_observed(&image, |seen| {
                let layer = &model.graph().layers[seen.layer];
                let shape = model.graph().output_shape(layer);
                if layer.window().is_some() {
                    let input = &tensors[layer.inputs[0]];
                    for i in (0..shape.elements()).step_by(7) {
                        let (pixel, c) = (i / shape.channels, i % shape.channels);
                        let expected =
                            convolve(&model, seen.layer, input, pixel / shape.width, pixel % shape.width, c);
                        let found = f64::from(seen.sums[i]);
                        assert!(
                            (found - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                            "{name} {}: {found} {expected}",
                            layer.name
                        );
                        checked += 1;
                    }
                }
                tensors.push(seen.output.to_vec());
            })
            .expect("runs");
        assert!(checked > 1000, "{name}: {checked}");
    }
}

#[test]
fn wrong_sizes_are_named() {
    let mut model = model("mobilenet-v1-0.25-32", Padding::TensorFlow);
    let network = FloatNetwork::new(&model).expect("complete");
    assert_eq!(network.run(&[0; 5]), Err(FloatError::Image { expected: 3072, found: 5 }));
    model.weights[3].as_mut().expect("a layer").weight.pop();
    let error = FloatNetwork::new(&model).expect_err("short weights").to_string();
    assert_eq!(error, "layer dw2 has 143 weights: expected 144; load weights of this very network");
    model.weights[3] = None;
    assert!(
        FloatNetwork::new(&model).expect_err("no weights").to_string().contains("layer dw2 has no weights")
    );
}
