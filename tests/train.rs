//! Training on the processor: forward as the other executors, gradients as finite differences.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/gated.rs"]
mod gated;
#[path = "common/pooled.rs"]
mod pooled;
#[path = "common/quantized.rs"]
mod quantized;

use bitsmith::calibrate::{Observer, Settings, trained};
use bitsmith::float::FloatNetwork;
use bitsmith::infer::reference;
use bitsmith::net::{Affine, Model, Op};
use bitsmith::quant::{Bits, Grids, Policy, QuantizedLayer};
use bitsmith::train::{Augment, Batch, CpuStepper, Norm, Plan, Recipe, State, Stepper, UnitOp, WeightScales};
use pollster::block_on;
use quantized::{filled, images, mixed, model, smooth, smoothed};

const NETWORKS: [&str; 3] = ["mobilenet-v1-0.25-32", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"];

fn batch(model: &Model, count: u64) -> Batch {
    let side = model.graph().image().shape.height;
    Batch {
        height: side,
        width: side,
        pixels: images(model, count).concat(),
        targets: (0..count).map(|i| (i * 7 % 10) as u16).collect(),
        augments: vec![Augment::crop(0, 0); count as usize],
    }
}

/// Plain cross-entropy.
fn recipe() -> Recipe {
    Recipe { label_smoothing: 0.0, distillation: None, ..Recipe::finetune() }
}

fn stepper(model: &Model, grids: Option<&Grids>, scales: WeightScales) -> CpuStepper {
    let plan = Plan::new(model, grids, scales);
    let state = State::new(&plan, model, grids).expect("complete");
    CpuStepper::new(plan, recipe(), &state, None).expect("fits")
}

#[test]
fn real_numbers_are_those_of_the_float_network() {
    let others = [pooled::network(), gated::network()].map(filled);
    for model in NETWORKS.map(model).into_iter().chain(others) {
        let name = model.network.name();
        let found =
            block_on(stepper(&model, None, WeightScales::Learned).logits(&batch(&model, 5))).expect("fits");
        let network = FloatNetwork::new(&model).expect("complete");
        let expected =
            images(&model, 5).iter().flat_map(|image| network.run(image).expect("fits")).collect::<Vec<_>>();
        let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 3e-4 * largest, "{name}: {found} {expected}");
        }
    }
}

/// Statistics of batch normalization as they are with these weights, so that values stay in range.
fn settled(mut model: Model, grids: Option<&Grids>, scales: WeightScales) -> (Model, State) {
    let plan = Plan::new(&model, grids, scales);
    let mut stepper = stepper(&model, grids, scales);
    stepper.observe(&batch(&model, 32), 1.0).expect("fits");
    let state = block_on(stepper.state()).expect("a state");
    state.store(&plan, &mut model);
    (model, state)
}

/// Of the codes that a windowed pool has read, training makes those that the integers make, also of halves.
#[test]
fn windowed_pools_are_the_integers() {
    let model = settled(filled(pooled::network()), None, WeightScales::Learned).0;
    let graph = model.graph();
    let policies = Bits::ALL.map(|bits| Policy::uniform(graph, Bits::B8, bits));
    for policy in policies.into_iter().chain([mixed(&model)]) {
        let mut observer = Observer::new(&model, Settings::default()).expect("complete");
        observer.add(&images(&model, 8)).expect("images fit");
        let initial = observer.finish().expect("images").grids(&model, &policy);
        let plan = Plan::new(&model, Some(&initial), WeightScales::Learned);
        let state = State::new(&plan, &model, Some(&initial)).expect("complete");
        let mut stepper = CpuStepper::new(plan.clone(), recipe(), &state, None).expect("fits");
        block_on(stepper.logits(&batch(&model, 10))).expect("fits");
        let grids = state.grids(&plan, &initial);
        let network = trained(&model, &grids).expect("integers exist");
        assert_eq!(network.policy, policy);
        for layer in graph.layers.iter().filter(|layer| layer.keeps_quantizer()) {
            assert_eq!(network.tensors[layer.output], network.tensors[layer.inputs[0]], "{}", layer.name);
            let quantizer = network.tensors[layer.output];
            let codes = |tensor: usize| -> Vec<u8> {
                stepper.tensor(tensor).iter().map(|&x| quantizer.quantize(f64::from(x))).collect()
            };
            let (read, found) = (codes(layer.inputs[0]), codes(layer.output));
            let sizes = [graph.input_shape(layer), graph.output_shape(layer)].map(|shape| shape.elements());
            for (read, found) in read.chunks_exact(sizes[0]).zip(found.chunks_exact(sizes[1])) {
                let expected = match layer.op {
                    Op::AvgPool(..) => reference::windowed(graph, layer, read, reference::mean),
                    _ => reference::windowed(graph, layer, read, |codes| *codes.iter().max().expect("some")),
                };
                assert!(found == expected, "{} at {}", layer.name, quantizer.bits);
            }
        }
    }
}

/// Of the codes that functions, products and concatenations have read, training makes those that the integers make, of
/// those that the last pool has read their logits, and so do layers with a bias in place of batch normalization.
#[test]
fn functions_products_and_concatenations_are_the_integers() {
    let mut model = filled(gated::network());
    for weights in model.weights.iter_mut().flatten().step_by(2) {
        if let Affine::BatchNorm(bn) = &weights.affine {
            weights.affine = Affine::Bias(bn.beta.clone());
        }
    }
    let model = settled(model, None, WeightScales::Learned).0;
    let graph = model.graph();
    let policies = Bits::ALL.map(|bits| Policy::uniform(graph, Bits::B8, bits));
    for policy in policies.into_iter().chain([Policy::uniform(graph, Bits::B2, Bits::B2), mixed(&model)]) {
        let mut observer = Observer::new(&model, Settings::default()).expect("complete");
        observer.add(&images(&model, 8)).expect("images fit");
        let initial = observer.finish().expect("images").grids(&model, &policy);
        let (model, state) = settled(model.clone(), Some(&initial), WeightScales::Learned);
        let plan = Plan::new(&model, Some(&initial), WeightScales::Learned);
        let mut stepper = CpuStepper::new(plan.clone(), recipe(), &state, None).expect("fits");
        let logits = block_on(stepper.logits(&batch(&model, 10))).expect("fits");
        let grids = state.grids(&plan, &initial);
        let network = trained(&model, &grids).expect("integers exist");
        assert_eq!(network.policy, policy);
        let codes = |tensor: usize| -> Vec<Vec<u8>> {
            let elements = graph.tensors[tensor].shape.elements();
            let code = |&x: &f32| network.tensors[tensor].quantize(f64::from(x));
            stepper.tensor(tensor).chunks_exact(elements).map(|x| x.iter().map(code).collect()).collect()
        };
        let mut seen = 0;
        // Sums in single precision are off now and then where they lie between two codes.
        let (mut wrong, mut all) = (0, 0);
        for (id, (layer, integers)) in graph.layers.iter().zip(&network.layers).enumerate() {
            let read: Vec<_> = layer.inputs.iter().map(|&input| codes(input)).collect();
            let [own, first] = [layer.output, layer.inputs[0]].map(|tensor| network.tensors[tensor]);
            let found = if layer.output == graph.logits() { Vec::new() } else { codes(layer.output) };
            for image in 0..10 {
                let expected = match integers {
                    QuantizedLayer::Lookup(table) => {
                        read[0][image].iter().map(|&code| table[usize::from(code)]).collect()
                    }
                    QuantizedLayer::Multiply(requantizer) => {
                        let zeros = [first.zero_point, network.tensors[layer.inputs[1]].zero_point];
                        let [map, gate] = [&read[0][image], &read[1][image]];
                        reference::multiply(map, gate, zeros, requantizer, own.zero_point, own.bits)
                    }
                    QuantizedLayer::Concat(tables) => {
                        let maps: Vec<_> = read.iter().map(|maps| maps[image].as_slice()).collect();
                        reference::concat(&maps, tables, graph.output_shape(layer).pixels())
                    }
                    QuantizedLayer::Pool(requantizer) if found.is_empty() => {
                        let sums =
                            reference::channel_sums(&read[0][image], graph.classes(), requantizer.bias);
                        for (sum, found) in sums.iter().zip(&logits[image * graph.classes()..]) {
                            let expected = own.scale * requantizer.scale(*sum) as f64;
                            assert!(
                                (f64::from(*found) - expected).abs() < 1e-5 * (1.0 + expected.abs()),
                                "{found} {expected}"
                            );
                        }
                        seen += 1;
                        continue;
                    }
                    QuantizedLayer::Kernel(kernel) if layer.inputs[0] != 0 => {
                        let sums = reference::accumulate(graph, id, kernel, &read[0][image]);
                        let expected =
                            reference::requantize(&sums, &kernel.requantizers, own.zero_point, own.bits);
                        for (found, expected) in found[image].iter().zip(&expected) {
                            assert!(found.abs_diff(*expected) <= 1, "{}: {found} {expected}", layer.name);
                            wrong += usize::from(found != expected);
                            all += 1;
                        }
                        continue;
                    }
                    _ => continue,
                };
                assert!(found[image] == expected, "{} at {}", layer.name, own.bits);
                seen += 1;
            }
        }
        // Five functions, two products, two concatenations, a pool.
        assert_eq!(seen, 100);
        assert!(wrong * 1000 < all, "{wrong} of {all} codes differ");
    }
}

#[test]
fn fake_quantization_is_the_integers() {
    for name in NETWORKS {
        for (widths, scales) in [
            (None, WeightScales::Learned),
            (None, WeightScales::MinMax),
            (Some((Bits::B8, Bits::B8)), WeightScales::Learned),
            (Some((Bits::B2, Bits::B8)), WeightScales::Learned),
            (Some((Bits::B4, Bits::B4)), WeightScales::MinMax),
        ] {
            let model = settled(model(name), None, scales).0;
            let policy = widths.map_or_else(|| mixed(&model), |(w, a)| Policy::uniform(model.graph(), w, a));
            let mut observer = Observer::new(&model, Settings::default()).expect("complete");
            observer.add(&images(&model, 8)).expect("images fit");
            let initial = observer.finish().expect("images").grids(&model, &policy);
            let (model, state) = settled(model, Some(&initial), scales);
            let plan = Plan::new(&model, Some(&initial), scales);
            let mut stepper = CpuStepper::new(plan.clone(), recipe(), &state, None).expect("fits");
            block_on(stepper.logits(&batch(&model, 40))).expect("fits");
            let grids = state.grids(&plan, &initial);
            let network = trained(&model, &grids).expect("integers exist");
            assert_eq!(network.policy, policy);
            // Sums in single precision are off now and then where they lie between two codes, by one code; what follows
            // amplifies that.
            let mut wrong = 0;
            for (i, image) in images(&model, 40).iter().enumerate() {
                let trace = reference::trace(&network, image).expect("fits");
                for tensor in 1..4 {
                    let codes = &trace.tensors[tensor];
                    let values = &stepper.tensor(tensor)[i * codes.len()..][..codes.len()];
                    for (&code, &value) in codes.iter().zip(values) {
                        let found = network.tensors[tensor].quantize(f64::from(value));
                        assert!(
                            tensor > 1 || found.abs_diff(code) <= 1,
                            "{name} {widths:?} {scales:?} {tensor}: {found} {code}"
                        );
                        wrong += usize::from(found != code);
                    }
                }
            }
            let all: usize = plan.graph.tensors[1..4].iter().map(|tensor| 40 * tensor.shape.elements()).sum();
            assert!(wrong * 500 < all, "{name} {widths:?} {scales:?}: {wrong} of {all} codes differ");
        }
    }
}

/// Loss with one range of the parameters moved along a direction.
fn loss(stepper: &mut CpuStepper, batch: &Batch, state: &State, norm: Norm) -> f64 {
    stepper.load(state).expect("fits");
    stepper.differentiate(batch, norm).expect("fits").0.loss / batch.len() as f64
}

/// In every layer of every family: the derivative along a random direction of its weights, and of what follows them.
#[test]
fn gradients_are_finite_differences() {
    for model in NETWORKS.map(smooth).into_iter().chain([smoothed(filled(gated::network()))]) {
        let name = model.network.name();
        for norm in [Norm::Batch { momentum: 0.0 }, Norm::Frozen] {
            let (model, state) = settled(model.clone(), None, WeightScales::Learned);
            let batch = batch(&model, 12);
            let plan = Plan::new(&model, None, WeightScales::Learned);
            let mut stepper = stepper(&model, None, WeightScales::Learned);
            stepper.load(&state).expect("fits");
            let gradients = stepper.differentiate(&batch, norm).expect("fits").1.to_vec();
            for (id, unit) in plan.units.iter().enumerate() {
                let UnitOp::Kernel(kernel) = &unit.op else { continue };
                let end = plan.units[id + 1..].iter().find_map(|next| match &next.op {
                    UnitOp::Kernel(next) => Some(next.weight.start),
                    _ => None,
                });
                let weights = kernel.weight.clone();
                for range in [weights.clone(), weights.end..end.unwrap_or(plan.parameters)] {
                    let size = |values: &[f32]| values.iter().map(|v| f64::from(v * v)).sum::<f64>().sqrt();
                    // Along the gradient, where the derivative is largest against the rounding of the loss.
                    let norm_of = size(&gradients[range.clone()]);
                    let length = 1.0 + size(&state.parameters[range.clone()]);
                    let mut moved = state.clone();
                    let mut at = |factor: f64| {
                        for i in range.clone() {
                            moved.parameters[i] =
                                (f64::from(state.parameters[i]) + factor * f64::from(gradients[i])) as f32;
                        }
                        loss(&mut stepper, &batch, &moved, norm)
                    };
                    let expected = norm_of * norm_of;
                    // Long steps meet kinks, short ones the rounding of the loss.
                    let mut found = Vec::new();
                    let agrees = [1e-3, 1e-4, 1e-5, 1e-2, 3e-4, 3e-5].into_iter().any(|part| {
                        let step = part * length / norm_of;
                        found.push((at(step) - at(-step)) / (2.0 * step));
                        found.iter().any(|found: &f64| (found - expected).abs() < 0.02 * expected)
                    });
                    let layer = &plan.graph.layers[id].name;
                    assert!(agrees, "{name} {norm:?} {layer} {range:?}: {found:?} {expected}");
                }
            }
        }
    }
}
