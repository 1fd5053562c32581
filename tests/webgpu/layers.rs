//! One layer at a time: every kind, stride, size and edge.

use crate::FULL;
use crate::gated::excited;
use crate::pair::{BATCH, Distances, Pair, batch, distance, groups, quantizers, recipe, settled, size};
use crate::quantized::{filled, mixed};
use bitsmith::net::{Activation, Affine, Function, Graph, Model, Network, Pads, Shape, Window};
use bitsmith::quant::{Bits, Policy};
use bitsmith::train::{Batch, Control, Norm, Optimizer, Recipe, State, Stepper, WeightScales};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

fn window(kernel: usize, stride: usize, pads: Pads) -> Window {
    Window { kernel, stride, pads }
}

fn pads(top: usize, left: usize, bottom: usize, right: usize) -> Pads {
    Pads { top, left, bottom, right }
}

/// A layer between a first convolution and the classes.
fn graph(height: usize, width: usize, channels: usize, layer: impl Fn(&mut Graph, usize) -> usize) -> Graph {
    let mut graph = Graph::new(Shape::new(height, width, 3));
    let x = graph.conv("first", 0, channels, window(3, 1, Pads::symmetric(1)), Activation::Relu);
    let x = layer(&mut graph, x);
    let x = graph.global_avg_pool("pool", x);
    graph.linear("classes", x, 10);
    graph
}

fn depthwise(height: usize, width: usize, channels: usize, window: Window) -> Graph {
    graph(height, width, channels, |graph, x| graph.depthwise("layer", x, window, Activation::Relu6))
}

fn pooled(height: usize, width: usize, channels: usize, window: Window, largest: bool) -> Graph {
    graph(height, width, channels, |graph, x| {
        if largest { graph.max_pool("layer", x, window) } else { graph.avg_pool("layer", x, window) }
    })
}

fn looked_up(channels: usize, function: Function) -> Graph {
    graph(6, 5, channels, |graph, x| {
        let y = graph.lookup("layer", x, function);
        graph.add("add", x, y, Activation::Linear)
    })
}

/// A concatenation of maps of some channels, the first of them twice and beside another reader.
fn joined(channels: usize, others: [usize; 2]) -> Graph {
    graph(6, 5, channels, |graph, x| {
        let one = window(1, 1, Pads::default());
        let [y, z] = [("a", others[0]), ("b", others[1])]
            .map(|(name, outputs)| graph.conv(name, x, outputs, one, Activation::Relu));
        graph.concat("layer", vec![x, y, z, x])
    })
}

/// A pool that gives the logits.
fn pooled_logits(outputs: usize) -> Graph {
    let mut graph = Graph::new(Shape::new(7, 6, 3));
    let x = graph.conv("first", 0, 8, window(3, 1, Pads::symmetric(1)), Activation::Relu);
    let x = graph.conv("layer", x, outputs, window(1, 1, Pads::default()), Activation::Linear);
    graph.global_avg_pool("pool", x);
    graph
}

fn pointwise(height: usize, width: usize, channels: usize, outputs: usize) -> Graph {
    graph(height, width, channels, |graph, x| {
        graph.conv("layer", x, outputs, window(1, 1, Pads::default()), Activation::Linear)
    })
}

/// The first layer has windows of all sizes, on three channels.
fn first(height: usize, width: usize, channels: usize, window: Window) -> Graph {
    let mut graph = Graph::new(Shape::new(height, width, 3));
    let x = graph.conv("layer", 0, channels, window, Activation::Relu6);
    let x = graph.global_avg_pool("pool", x);
    graph.linear("classes", x, 10);
    graph
}

fn shapes() -> Vec<(&'static str, Graph)> {
    let add = graph(6, 5, 12, |graph, x| {
        let y = graph.depthwise("branch", x, window(3, 1, Pads::symmetric(1)), Activation::Linear);
        let x = graph.add("add", x, y, Activation::Linear);
        graph.add("twice", x, y, Activation::Linear)
    });
    let beside = graph(6, 5, 12, |graph, x| {
        let y = graph.max_pool("max", x, window(3, 1, Pads::symmetric(1)));
        let z = graph.avg_pool("mean", y, window(3, 1, Pads::symmetric(1)));
        let x = graph.add("add", x, y, Activation::Linear);
        graph.add("twice", x, z, Activation::Linear)
    });
    vec![
        ("first 3x3, stride 2, SAME on an even side", first(12, 12, 8, window(3, 2, Pads::same(12, 3, 2)))),
        ("first 5x5, all edges different", first(9, 11, 12, window(5, 1, pads(0, 1, 2, 3)))),
        ("first 1x1", first(5, 7, 16, window(1, 1, Pads::default()))),
        ("depthwise 3x3", depthwise(7, 9, 8, window(3, 1, Pads::symmetric(1)))),
        ("depthwise 3x3, no edge", depthwise(6, 8, 12, window(3, 1, Pads::default()))),
        (
            "depthwise 3x3, stride 2, SAME on an even side",
            depthwise(8, 8, 8, window(3, 2, Pads::same(8, 3, 2))),
        ),
        ("depthwise 3x3, stride 2, odd side", depthwise(7, 7, 20, window(3, 2, Pads::symmetric(1)))),
        ("depthwise 3x3, 1x1 map", depthwise(1, 1, 32, window(3, 1, Pads::symmetric(1)))),
        ("depthwise 5x5, 1x1 map", depthwise(1, 1, 8, window(5, 1, Pads::symmetric(2)))),
        ("depthwise 5x5, stride 2, 1x2 map", depthwise(1, 2, 8, window(5, 2, pads(2, 2, 2, 2)))),
        ("depthwise 5x5", depthwise(6, 9, 8, window(5, 1, Pads::symmetric(2)))),
        (
            "depthwise 5x5, stride 2, SAME on an even side",
            depthwise(8, 8, 12, window(5, 2, Pads::same(8, 5, 2))),
        ),
        ("depthwise 5x5, all edges different", depthwise(9, 7, 8, window(5, 2, pads(2, 0, 1, 3)))),
        ("depthwise 7x7", depthwise(9, 8, 8, window(7, 1, Pads::symmetric(3)))),
        ("depthwise 7x7, 1x2 map", depthwise(1, 2, 12, window(7, 1, Pads::symmetric(3)))),
        (
            "depthwise 7x7, stride 2, SAME on an even side",
            depthwise(8, 8, 12, window(7, 2, Pads::same(8, 7, 2))),
        ),
        ("depthwise 7x7, all edges different", depthwise(9, 10, 8, window(7, 2, pads(6, 0, 1, 4)))),
        ("depthwise 2x2, stride 3", depthwise(9, 7, 8, window(2, 3, pads(1, 0, 0, 1)))),
        ("depthwise 11x11", depthwise(7, 8, 8, window(11, 1, Pads::symmetric(5)))),
        ("pointwise, pixels no multiple of 4", pointwise(5, 7, 8, 24)),
        (
            "max pool 3x3, stride 2, SAME on an even side",
            pooled(8, 8, 8, window(3, 2, Pads::same(8, 3, 2)), true),
        ),
        ("max pool 2x2, stride 1", pooled(6, 5, 12, window(2, 1, Pads::default()), true)),
        ("max pool 5x5, all edges different", pooled(7, 9, 8, window(5, 3, pads(4, 0, 1, 2)), true)),
        ("average pool 3x3, stride 2, odd side", pooled(7, 7, 8, window(3, 2, Pads::symmetric(1)), false)),
        ("average pool 2x2, skips pixels", pooled(8, 8, 12, window(2, 3, Pads::default()), false)),
        ("average pool 11x11, larger than the map", pooled(5, 6, 8, window(11, 1, pads(9, 5, 10, 6)), false)),
        ("pools beside another reader", beside),
        ("pointwise, 1x1 map", pointwise(1, 1, 64, 12)),
        ("residual adds", add),
        ("pointwise, channels no multiple of 4", pointwise(5, 7, 7, 9)),
        ("depthwise 3x3, channels no multiple of 4", depthwise(7, 6, 6, window(3, 2, Pads::symmetric(1)))),
        ("first, channels no multiple of 4", first(9, 11, 5, window(3, 1, Pads::symmetric(1)))),
        ("average pool, channels no multiple of 4", pooled(7, 7, 9, window(3, 2, Pads::symmetric(1)), false)),
        ("hard-swish", looked_up(12, Function::HardSwish)),
        ("hard-sigmoid, channels no multiple of 4", looked_up(10, Function::HardSigmoid)),
        ("sigmoid, channels no multiple of 4", looked_up(7, Function::Sigmoid)),
        ("swish", looked_up(12, Function::Swish)),
        ("tanh", looked_up(8, Function::Tanh)),
        (
            "squeeze and excite",
            graph(6, 5, 12, |graph, x| excited(graph, "layer", x, 8, Function::HardSigmoid)),
        ),
        (
            "squeeze and excite, channels no multiple of 4",
            graph(5, 7, 10, |graph, x| excited(graph, "layer", x, 3, Function::Sigmoid)),
        ),
        ("product of a pixel with itself", graph(1, 1, 12, |graph, x| graph.multiply("layer", x, x))),
        ("concatenation", joined(8, [12, 4])),
        ("concatenation, channels no multiple of 4", joined(7, [5, 6])),
        ("pool that gives the logits", pooled_logits(10)),
    ]
}

async fn made(graph: Graph, images: u64) -> (Model, Batch) {
    filled_as(graph, images, |_| {}).await
}

/// Every other layer without batch normalization.
fn biased(model: &mut Model) {
    for weights in model.weights.iter_mut().flatten().step_by(2) {
        if let Affine::BatchNorm(bn) = &weights.affine {
            weights.affine = Affine::Bias(bn.beta.clone());
        }
    }
}

async fn filled_as(graph: Graph, images: u64, change: impl Fn(&mut Model)) -> (Model, Batch) {
    let mut model = filled(Network::own("made-up", graph));
    change(&mut model);
    let model = settled(model).await;
    let batch = batch(&model, images);
    (model, batch)
}

fn check(name: &str, found: &Distances, most: f64) {
    console_log!(
        "{name}: largest {:.1e}, loss {:.1e}, logits {:.1e}, gradients {:.1e}",
        found.largest(),
        found.loss,
        found.logits,
        found.gradients
    );
    assert!(found.largest() < most, "{name}: {found:#?}");
}

#[wasm_bindgen_test]
async fn layers_in_real_numbers_are_those_of_the_processor() {
    for (name, graph) in shapes() {
        let (model, batch) = made(graph, 5).await;
        let mut pair = Pair::new(&model, None, recipe(), None, &batch).await;
        for norm in [BATCH, Norm::Frozen] {
            check(name, &pair.compare(&batch, norm).await, 1e-4);
        }
    }
}

/// One layer of each kind. Now and then a sum lies between two codes and is rounded the other way; in a deep network that
/// would change all that follows.
fn shallow() -> Graph {
    let mut graph = Graph::new(Shape::new(24, 24, 3));
    let x = graph.conv("first", 0, 8, window(3, 2, Pads::same(24, 3, 2)), Activation::Relu6);
    let y = graph.depthwise("depthwise", x, window(3, 1, Pads::symmetric(1)), Activation::Relu);
    let y = graph.conv("project", y, 8, window(1, 1, Pads::default()), Activation::Linear);
    let x = graph.add("add", x, y, Activation::Linear);
    let x = graph.max_pool("max", x, window(3, 1, Pads::symmetric(1)));
    let x = graph.avg_pool("mean", x, window(2, 1, pads(0, 1, 1, 0)));
    let x = graph.depthwise("wide", x, window(5, 2, Pads::symmetric(2)), Activation::Relu6);
    let x = graph.conv("expand", x, 24, window(1, 1, Pads::default()), Activation::Relu6);
    let x = graph.global_avg_pool("pool", x);
    graph.linear("classes", x, 10);
    graph
}

/// The same for layers of several inputs and for those without weights.
fn joining() -> Graph {
    let mut graph = Graph::new(Shape::new(24, 24, 3));
    let one = window(1, 1, Pads::default());
    let x = graph.conv("first", 0, 8, window(3, 2, Pads::same(24, 3, 2)), Activation::Linear);
    let x = graph.lookup("function", x, Function::HardSwish);
    let y = excited(&mut graph, "gate", x, 5, Function::HardSigmoid);
    let z = graph.conv("narrow", x, 7, one, Activation::Linear);
    let z = graph.lookup("tanh", z, Function::Tanh);
    let x = graph.concat("concat", vec![z, y, x]);
    let x = graph.conv("classes", x, 10, one, Activation::Linear);
    graph.global_avg_pool("pool", x);
    graph
}

#[wasm_bindgen_test]
async fn quantized_layers_are_those_of_the_processor() {
    let (model, batch) = made(shallow(), 8).await;
    quantized_as_on_the_processor(&model, &batch).await;
}

#[wasm_bindgen_test]
async fn quantized_functions_products_and_concatenations_are_those_of_the_processor() {
    for change in [(|_: &mut Model| {}) as fn(&mut Model), biased] {
        let (model, batch) = filled_as(joining(), 8, change).await;
        let mut pair = Pair::new(&model, None, recipe(), None, &batch).await;
        check("real numbers", &pair.compare(&batch, BATCH).await, 1e-4);
        quantized_as_on_the_processor(&model, &batch).await;
    }
}

async fn quantized_as_on_the_processor(model: &Model, batch: &Batch) {
    let uniform = |weights, activations| Policy::uniform(model.graph(), weights, activations);
    for (widths, policy) in [
        ("8/8", uniform(Bits::B8, Bits::B8)),
        ("4/8", uniform(Bits::B4, Bits::B8)),
        ("2/2", uniform(Bits::B2, Bits::B2)),
        ("mixed", mixed(model)),
    ] {
        let grids = quantizers(model, batch, &policy);
        for scales in [WeightScales::Learned, WeightScales::MinMax] {
            let recipe = Recipe { scales, ..recipe() };
            let mut pair = Pair::new(model, Some(&grids), recipe, None, batch).await;
            for norm in [BATCH, Norm::Frozen] {
                let found = pair.compare(batch, norm).await;
                check(&format!("{widths} {scales:?} {norm:?}"), &found, 5e-3);
            }
        }
    }
}

/// Mean loss with some parameters.
async fn loss(pair: &mut Pair, batch: &Batch, state: &State, norm: Norm) -> f64 {
    pair.gpu.load(state).expect("fits");
    pair.gpu.differentiate(batch, norm).await.expect("a loss").0.loss / batch.len() as f64
}

/// For every shape: the derivative of the loss along the gradient of a layer's weights, and of what follows them, is the
/// gradient's squared length. That of the first layer goes through the gradient of the second one's input.
#[wasm_bindgen_test]
async fn gradients_of_layers_are_finite_differences() {
    // The short form has some of the shapes.
    for (n, (name, graph)) in shapes().into_iter().enumerate().filter(|(n, _)| FULL || n % 4 == 0) {
        let (model, batch) = made(graph, 5).await;
        let mut pair = Pair::new(&model, None, recipe(), None, &batch).await;
        let state = pair.gpu.state().await.expect("a state");
        let norms = [Norm::Batch { momentum: 0.0 }, Norm::Frozen];
        // What the statistics' standing still leaves out is as in the other test; the short form has it for a few.
        for norm in norms.into_iter().take(if FULL || n % 5 == 0 { 2 } else { 1 }) {
            pair.gpu.load(&state).expect("fits");
            let (_, gradients) = pair.gpu.differentiate(&batch, norm).await.expect("gradients");
            // The classifier is the same in all.
            for (group, range) in
                groups(&pair.plan).into_iter().filter(|(group, _)| !group.starts_with("classes"))
            {
                let length = size(&gradients[range.clone()]);
                let scale = 1.0 + size(&state.parameters[range.clone()]);
                let expected = length * length;
                let mut found = Vec::new();
                // Long steps meet kinks, short ones the rounding of the loss.
                for part in [3e-3, 1e-3, 1e-2, 3e-4] {
                    let step = part * scale / length;
                    let mut losses = [0.0; 2];
                    for (place, factor) in losses.iter_mut().zip([step, -step]) {
                        let mut moved = state.clone();
                        for i in range.clone() {
                            moved.parameters[i] += (factor * f64::from(gradients[i])) as f32;
                        }
                        *place = loss(&mut pair, &batch, &moved, norm).await;
                    }
                    found.push((losses[0] - losses[1]) / (2.0 * step));
                    if found.iter().any(|found| (found - expected).abs() < 0.02 * expected) {
                        break;
                    }
                }
                let agrees = found.iter().any(|found| (found - expected).abs() < 0.02 * expected);
                assert!(agrees, "{name} {norm:?} {group}: {found:?} {expected}");
            }
        }
    }
}

/// Several steps of each optimizer leave the same parameters, running statistics and moments.
#[wasm_bindgen_test]
async fn optimizers_take_the_same_steps() {
    let (model, batch) = made(shallow(), 8).await;
    let grids = quantizers(&model, &batch, &mixed(&model));
    for (optimizer, grids) in [
        (Optimizer::ADAM, None),
        (Optimizer::ADAM, Some(&grids)),
        (Optimizer::Sgd { momentum: 0.9 }, None),
        (Optimizer::Sgd { momentum: 0.9 }, Some(&grids)),
    ] {
        let recipe = Recipe { optimizer, clip: 0.5, decay: 0.01, scale_rate: 0.5, ..recipe() };
        let mut pair = Pair::new(&model, grids, recipe, None, &batch).await;
        let start = pair.cpu.state().await.expect("a state");
        for norm in [BATCH, BATCH, Norm::Frozen] {
            let control = Control { rate: 1e-3, norm };
            pair.cpu.step(&batch, control).expect("a step");
            pair.gpu.step(&batch, control).expect("a step");
        }
        let (found, expected) =
            (pair.gpu.state().await.expect("a state"), pair.cpu.state().await.expect("a state"));
        let moved = |state: &State| -> Vec<f32> {
            state.parameters.iter().zip(&start.parameters).map(|(now, before)| now - before).collect()
        };
        let distances = [
            distance(&moved(&found), &moved(&expected)),
            distance(&found.running, &expected.running),
            distance(&found.first, &expected.first),
            distance(&found.second, &expected.second),
        ];
        console_log!("{optimizer:?} {}: {distances:?}", grids.is_some());
        assert_eq!(found.steps, 3);
        // Adam divides gradients by their size, so that even those next to nothing move a parameter.
        let most = if optimizer == Optimizer::ADAM { 1e-2 } else { 1e-3 };
        assert!(
            distances[0] < most && distances[1..].iter().all(|&d| d < 1e-3),
            "{optimizer:?}: {distances:?}"
        );
    }
}
