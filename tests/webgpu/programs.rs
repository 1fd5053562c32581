//! What must hold of every program: no GPU is needed to see it.

use crate::gated;
use bitsmith::net::{Affine, BatchNorm, LayerWeights, Model, Network, Normalization, Spec};
use bitsmith::quant::{Bits, Grids, Quantizer};
use bitsmith::train::webgpu::{Kernel, Layout, Program, moved};
use bitsmith::train::{Plan, WeightScales};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

fn named(name: &str) -> Network {
    name.parse::<Spec>().expect(name).into()
}

fn model(network: Network) -> Model {
    let graph = network.graph();
    let weights = graph.layers.iter().map(|layer| {
        let [channels, ..] = graph.weight_shape(layer)?;
        let affine = if layer.window().is_some() {
            let channel = |value| vec![value; channels];
            let (gamma, beta, mean, variance) = (channel(1.0), channel(0.0), channel(0.0), channel(1.0));
            Affine::BatchNorm(BatchNorm { gamma, beta, mean, variance, epsilon: 1e-3 })
        } else {
            Affine::Bias(vec![0.0; channels])
        };
        Some(LayerWeights { weight: vec![0.1; graph.weight_elements(layer)], affine })
    });
    let weights = weights.collect();
    Model { network, weights, normalization: Normalization::SIGNED, labels: None }
}

fn grids(model: &Model) -> Grids {
    let quantizer = Quantizer { scale: 0.1, zero_point: 0, bits: Bits::B4 };
    let graph = model.graph();
    let channels = |layer| graph.weight_shape(layer).map(|[channels, ..]| vec![quantizer; channels]);
    Grids {
        tensors: vec![quantizer; graph.tensors.len()],
        weights: graph.layers.iter().map(channels).collect(),
    }
}

fn program(network: Network, quantized: bool, taught: bool, images: usize) -> Program {
    let model = model(network);
    let grids = quantized.then(|| grids(&model));
    let plan = Plan::new(&model, grids.as_ref(), WeightScales::Learned);
    let layout = Layout::new(&plan).expect("known layers");
    let teacher = taught.then(|| {
        let plan = Plan::new(&model, None, WeightScales::Learned);
        let layout = Layout::new(&plan).expect("known layers");
        (plan, layout)
    });
    let teacher = teacher.as_ref().map(|(plan, layout)| (plan, layout));
    Program::new(&plan, &layout, teacher, images, true).expect("known layers")
}

#[wasm_bindgen_test]
fn steps_are_few_dispatches() {
    for name in ["mobilenet-v1-0.25", "mobilenet-v2-0.35", "mnasnet-0.5"] {
        for side in [96, 128] {
            for quantized in [false, true] {
                let program = program(named(&format!("{name}-{side}")), quantized, false, 16);
                let (dispatches, inference) = (program.step().count(), program.infer.len());
                console_log!("{name}-{side} {quantized}: {dispatches}, {inference} for logits");
                assert!(dispatches <= 500, "{name}-{side} {quantized}: {dispatches}");
                let units = program.maps.len();
                assert!(inference <= 2 * units, "{name}-{side} {quantized}: {inference} of {units}");
            }
        }
    }
    let program = program(named("mobilenet-v1-0.25-96"), true, false, 16);
    assert!(program.step().count() <= 200, "{}", program.step().count());
    let bytes = moved(program.step());
    assert!((100_000_000..400_000_000).contains(&bytes), "{bytes}");
}

#[wasm_bindgen_test]
fn dispatches_are_within_what_every_browser_allows() {
    let networks = ["mobilenet-v1-1.0-224", "mobilenet-v2-0.35-96", "mnasnet-0.5-128"].map(named);
    for network in networks.into_iter().chain([gated::network()]) {
        for (quantized, taught) in [(false, false), (true, true)] {
            let program = program(network.clone(), quantized, taught, 3);
            let lists = [&program.setup, &program.refresh, &program.refresh_teacher, &program.infer];
            for dispatch in lists.into_iter().flatten().chain(program.step()) {
                let kernel = dispatch.kernel;
                assert!(dispatch.slices.len() <= 8, "{kernel:?}");
                assert_eq!(dispatch.slices.len(), kernel.bindings().len(), "{kernel:?}");
                let [row, rows] = dispatch.grid();
                assert!(row > 0 && rows > 0 && row <= 65535 && rows <= 65535, "{kernel:?}");
                for slice in &dispatch.slices {
                    let buffer = &program.buffers[slice.buffer];
                    assert!(slice.start.is_multiple_of(256) && slice.bytes > 0, "{kernel:?} {slice:?}");
                    assert!(slice.start + slice.bytes <= buffer.bytes, "{kernel:?} {slice:?} {buffer:?}");
                }
            }
        }
    }
}

/// A dispatch must not read a buffer that it writes, but for what it declares as read and written.
#[wasm_bindgen_test]
fn no_buffer_is_bound_twice_where_one_of_them_is_written() {
    let programs = [named("mobilenet-v2-0.35-96"), gated::network()].map(|n| program(n, true, true, 2));
    let dispatches = programs.iter().flat_map(|program| program.step().chain(&program.infer));
    for dispatch in dispatches {
        let source = dispatch.kernel.source();
        let written = |i: usize| {
            let binding = format!("@binding({i}) var<storage, read_write>");
            source.contains(&binding)
        };
        for (i, slice) in dispatch.slices.iter().enumerate() {
            let others = dispatch
                .slices
                .iter()
                .enumerate()
                .filter(|(j, other)| *j != i && other.buffer == slice.buffer);
            for (j, _) in others {
                assert!(!written(i) && !written(j), "{:?} {i} {j}", dispatch.kernel);
            }
        }
    }
}

#[wasm_bindgen_test]
fn sources_have_one_main_and_bindings_in_order() {
    let programs = [named("mobilenet-v2-0.35-96"), gated::network()].map(|n| program(n, true, true, 2));
    let kernels: std::collections::BTreeSet<Kernel> =
        programs.iter().flat_map(Program::step).map(|dispatch| dispatch.kernel).collect();
    assert!(kernels.len() > 20);
    // Small maps have kernels of their own.
    let kernels = kernels.into_iter().chain([Kernel::NormalizeMap, Kernel::GradientMap]);
    for kernel in kernels {
        let source = kernel.source();
        assert_eq!(source.matches("fn main(").count(), 1, "{kernel:?}");
        for i in 0..kernel.bindings().len() {
            assert_eq!(source.matches(&format!("@binding({i}) ")).count(), 1, "{kernel:?} {i}");
        }
    }
}
