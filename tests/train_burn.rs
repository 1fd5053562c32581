//! The trainer's own kernels against burn's operators and burn's autodiff, in every layer of every family.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/gated.rs"]
mod gated;
#[path = "common/oracle.rs"]
mod oracle;
#[path = "common/quantized.rs"]
mod quantized;

use bitsmith::calibrate::{Observer, Settings};
use bitsmith::net::{Activation, Function, Graph, Model, Network, Pads, Shape, Window};
use bitsmith::quant::{Bits, Grids, Policy};
use bitsmith::train::{Augment, Batch, CpuStepper, Norm, Plan, Recipe, State, Stepper, UnitOp, WeightScales};
use oracle::Oracle;
use pollster::block_on;
use quantized::{filled, images, smooth};

const IMAGES: u64 = 10;

fn compare(mut model: Model, widths: Option<(Bits, Bits)>, norm: Norm) {
    let name = model.graph().layers.len();
    let initial: Option<Grids> = widths.map(|(weights, activations)| {
        let mut observer = Observer::new(&model, Settings::default()).expect("complete");
        observer.add(&images(&model, 4)).expect("images fit");
        let policy = Policy::uniform(model.graph(), weights, activations);
        observer.finish().expect("images").grids(&model, &policy)
    });
    let plan = Plan::new(&model, initial.as_ref(), WeightScales::Learned);
    let recipe = Recipe { label_smoothing: 0.0, distillation: None, ..Recipe::finetune() };
    let side = model.graph().image().shape.height;
    let batch = Batch {
        height: side,
        width: side,
        pixels: images(&model, IMAGES).concat(),
        targets: (0..IMAGES as u16).collect(),
        augments: vec![Augment::crop(0, 0); IMAGES as usize],
    };
    let start = State::new(&plan, &model, initial.as_ref()).expect("complete");
    let mut stepper = CpuStepper::new(plan.clone(), recipe, &start, None).expect("fits");
    stepper.observe(&batch, 1.0).expect("fits");
    let state = block_on(stepper.state()).expect("a state");
    state.store(&plan, &mut model);

    let (metrics, gradients) = stepper.differentiate(&batch, norm).expect("fits");
    let (loss, gradients) = (metrics.loss as f32 / IMAGES as f32, gradients.to_vec());
    let oracle = Oracle::new(&plan, &state, norm != Norm::Frozen);
    let (expected_loss, expected) = oracle.differentiate(stepper.tensor(0), &batch.targets);
    let tolerance = if widths.is_some() { 0.03 } else { 1e-2 };
    assert!((loss - expected_loss).abs() < tolerance * expected_loss, "{name}: {loss} {expected_loss}");
    let size = |values: &[f32]| values.iter().map(|v| f64::from(v * v)).sum::<f64>().sqrt();
    for (id, unit) in plan.units.iter().enumerate() {
        let mut ranges = Vec::new();
        if let UnitOp::Kernel(kernel) = &unit.op {
            let end = kernel.weight.end;
            let after = kernel.grid.as_ref().and_then(|grid| grid.scales.clone());
            ranges.extend([kernel.weight.clone(), end..end + 2 * kernel.geometry.output.channels]);
            if unit.output == plan.graph.logits() {
                ranges[1].end = end + kernel.geometry.output.channels;
            }
            ranges.extend(after);
        }
        ranges.extend(unit.learned_grid().map(|grid| grid.scale..grid.scale + 1));
        for range in ranges {
            let (found, expected) = (&gradients[range.clone()], &expected[range.clone()]);
            let off: Vec<f32> = found.iter().zip(expected).map(|(f, e)| f - e).collect();
            let (off, of) = (size(&off), size(expected).max(3e-3 * size(&gradients)));
            let layer = &plan.graph.layers[id].name;
            assert!(
                off < f64::from(tolerance) * of,
                "{name} {widths:?} {norm:?} {layer} {range:?}: {off} of {of}"
            );
        }
    }
}

#[test]
fn float_gradients_are_those_of_burn() {
    for name in ["mobilenet-v1-0.25-32", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"] {
        for norm in [Norm::Batch { momentum: 0.0 }, Norm::Frozen] {
            compare(smooth(name), None, norm);
        }
    }
}

/// One layer of each kind. Now and then a sum lies between two codes and is rounded the other way; in a deep network that
/// would change all that follows.
fn shallow(kernel: usize) -> Model {
    let mut graph = Graph::new(Shape::new(32, 32, 3));
    let window = |kernel, stride, pads| Window { kernel, stride, pads };
    let x = graph.conv("conv1", 0, 8, window(3, 2, Pads::same(32, 3, 2)), Activation::Relu6);
    let y = graph.depthwise("dw1", x, window(3, 1, Pads::symmetric(1)), Activation::Relu);
    let y = graph.conv("project", y, 8, window(1, 1, Pads::default()), Activation::Linear);
    let x = graph.add("add", x, y, Activation::Linear);
    let x = graph.depthwise("dw2", x, window(kernel, 2, Pads::symmetric(kernel / 2)), Activation::Relu6);
    let x = graph.conv("pw2", x, 24, window(1, 1, Pads::default()), Activation::Relu6);
    let x = graph.global_avg_pool("pool", x);
    graph.linear("fc", x, 10);
    filled(Network::own("made-up", graph))
}

/// Windowed pools behind each other, beside another reader and over the border.
fn pooling() -> Model {
    let mut graph = Graph::new(Shape::new(32, 32, 3));
    let window = |kernel, stride, pads| Window { kernel, stride, pads };
    let x = graph.conv("conv1", 0, 8, window(3, 2, Pads::same(32, 3, 2)), Activation::Relu);
    let y = graph.max_pool("max1", x, window(3, 1, Pads::symmetric(1)));
    let x = graph.add("add", x, y, Activation::Linear);
    let x = graph.avg_pool("mean1", x, window(3, 2, Pads { top: 2, left: 0, bottom: 1, right: 1 }));
    let x = graph.max_pool("max2", x, window(2, 2, Pads::default()));
    let x = graph.conv("pw2", x, 24, window(1, 1, Pads::default()), Activation::Linear);
    let x = graph.avg_pool("mean2", x, window(2, 1, Pads::symmetric(1)));
    let x = graph.global_avg_pool("pool", x);
    graph.linear("fc", x, 10);
    filled(Network::own("pooling", graph))
}

#[test]
fn gradients_of_windowed_pools_are_those_of_burn() {
    for norm in [Norm::Batch { momentum: 0.0 }, Norm::Frozen] {
        compare(pooling(), None, norm);
        for widths in [(Bits::B8, Bits::B8), (Bits::B4, Bits::B4), (Bits::B2, Bits::B2)] {
            compare(pooling(), Some(widths), norm);
        }
    }
}

/// One of each, few layers behind each other: see [`shallow`].
fn joining(function: Function) -> Model {
    let mut graph = Graph::new(Shape::new(32, 32, 3));
    let window = |kernel, stride, pads| Window { kernel, stride, pads };
    let x = graph.conv("conv1", 0, 8, window(3, 2, Pads::same(32, 3, 2)), Activation::Linear);
    let x = graph.lookup("f", x, function);
    let y = gated::excited(&mut graph, "se", x, 5, Function::HardSigmoid);
    let z = graph.conv("pw", x, 7, window(1, 1, Pads::default()), Activation::Relu);
    let x = graph.concat("concat", vec![z, y, x]);
    graph.global_avg_pool("pool", x);
    filled(Network::own("joining", graph))
}

#[test]
fn gradients_of_functions_products_and_concatenations_are_those_of_burn() {
    for norm in [Norm::Batch { momentum: 0.0 }, Norm::Frozen] {
        compare(filled(gated::network()), None, norm);
        for function in Function::ALL {
            compare(joining(function), None, norm);
            for widths in [(Bits::B8, Bits::B8), (Bits::B4, Bits::B4), (Bits::B2, Bits::B2)] {
                compare(joining(function), Some(widths), norm);
            }
        }
    }
}

#[test]
fn gradients_of_every_depthwise_kernel_are_those_of_burn() {
    for kernel in [1, 2, 4, 6, 7, 9, 11] {
        compare(shallow(kernel), None, Norm::Batch { momentum: 0.0 });
    }
    compare(shallow(7), Some((Bits::B4, Bits::B4)), Norm::Frozen);
}

#[test]
fn gradients_through_quantization_are_those_of_burn() {
    for widths in [(Bits::B8, Bits::B8), (Bits::B4, Bits::B8), (Bits::B4, Bits::B4), (Bits::B2, Bits::B2)] {
        for norm in [Norm::Batch { momentum: 0.0 }, Norm::Frozen] {
            compare(shallow(5), Some(widths), norm);
        }
    }
}
