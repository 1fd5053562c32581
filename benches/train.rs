//! A training step against burn's own processor backend in the same run: `cargo bench --bench train`.
//!
//! Each figure is the fastest of several steps, which other work on the machine disturbs least; the rows take turns.

#[path = "../tests/common/infer.rs"]
mod cases;
#[path = "../tests/common/quantized.rs"]
mod quantized;

use bitsmith::calibrate::{Observer, Settings};
use bitsmith::net::{Activation, Graph, Model, Op};
use bitsmith::quant::{Bits, Policy};
use bitsmith::train::{
    Augment, Batch, Control, CpuStepper, Norm, Plan, Recipe, State, Stepper, WeightScales,
};
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::time::{Duration, Instant};

const BATCH: usize = 16;
const ROUNDS: usize = 12;

fn main() {
    println!("milliseconds a step, batch {BATCH}");
    println!(
        "{:28} {:>10} {:>10} {:>10} {:>8} {:>8}",
        "network", "burn-flex", "float", "W4A4", "ratio", "W4A4/float"
    );
    for name in ["mobilenet-v1-0.25-96", "mobilenet-v1-0.25-128"] {
        let model = quantized::model(name);
        let mut stock = Stock::new(model.graph());
        let (mut float, batch) = ours(&model, None);
        let (mut four, _) = ours(&model, Some(Bits::B4));
        let mut best = [Duration::MAX; 3];
        for _ in 0..ROUNDS {
            let mut time = |row: usize, run: &mut dyn FnMut()| {
                let start = Instant::now();
                run();
                best[row] = best[row].min(start.elapsed());
            };
            time(0, &mut || stock.step());
            let control = Control { rate: 1e-3, norm: Norm::Batch { momentum: 0.1 } };
            time(1, &mut || float.step(&batch, control).expect("fits"));
            time(2, &mut || four.step(&batch, control).expect("fits"));
        }
        let [stock, float, four] = best.map(|time| time.as_secs_f64() * 1e3);
        println!(
            "{name:28} {stock:10.1} {float:10.1} {four:10.1} {:8.2} {:8.2}",
            float / stock,
            four / float
        );
    }
}

fn ours(model: &Model, bits: Option<Bits>) -> (CpuStepper, Batch) {
    let initial = bits.map(|bits| {
        let mut observer = Observer::new(model, Settings::default()).expect("complete");
        observer.add(&quantized::images(model, 2)).expect("images fit");
        let policy = Policy::uniform(model.graph(), bits, bits);
        observer.finish().expect("images").grids(model, &policy)
    });
    let plan = Plan::new(model, initial.as_ref(), WeightScales::Learned);
    let state = State::new(&plan, model, initial.as_ref()).expect("complete");
    let recipe = Recipe { distillation: None, ..Recipe::finetune() };
    let side = model.graph().image().shape.height;
    let batch = Batch {
        height: side,
        width: side,
        pixels: quantized::images(model, BATCH as u64).concat(),
        targets: (0..BATCH).map(|i| (i % 10) as u16).collect(),
        augments: vec![Augment::crop(0, 0); BATCH],
    };
    (CpuStepper::new(plan, recipe, &state, None).expect("fits"), batch)
}

/// Convolution, batch normalization, ReLU6, as burn offers them.
#[derive(Module, Debug)]
struct Block {
    conv: Conv2d,
    norm: BatchNorm,
}

#[derive(Module, Debug)]
struct Network {
    blocks: Vec<Block>,
    classifier: Linear,
}

/// A chain of convolutions (MobileNetV1) on burn.
struct Stock {
    network: Option<Network>,
    optimizer: Box<dyn FnMut(Network, GradientsParams) -> Network>,
    images: Tensor<4>,
    targets: Tensor<1, Int>,
}

impl Stock {
    fn new(graph: &Graph) -> Self {
        let device = Device::flex().autodiff();
        let mut blocks = Vec::new();
        for layer in &graph.layers {
            let (window, depthwise) = match layer.op {
                Op::Conv(window) if layer.activation == Activation::Relu6 => (window, false),
                Op::Depthwise(window) if layer.activation == Activation::Relu6 => (window, true),
                _ => continue,
            };
            let (input, output) = (graph.input_shape(layer).channels, graph.output_shape(layer).channels);
            let pads = window.pads;
            let conv = Conv2dConfig::new([input, output], [window.kernel; 2])
                .with_stride([window.stride; 2])
                .with_groups(if depthwise { input } else { 1 })
                .with_padding(PaddingConfig2d::Explicit(pads.top, pads.left, pads.bottom, pads.right))
                .with_bias(false)
                .init(&device);
            blocks.push(Block { conv, norm: BatchNormConfig::new(output).init(&device) });
        }
        let last = graph.layers.last().map_or(0, |layer| graph.input_shape(layer).channels);
        let classifier = LinearConfig::new(last, graph.classes()).init(&device);
        let mut adam = AdamConfig::new().init();
        let side = graph.image().shape.height;
        let pixels =
            (0..BATCH * 3 * side * side).map(|i| (i * 7919 % 255) as f32 / 127.5 - 1.0).collect::<Vec<_>>();
        let targets: Vec<i32> = (0..BATCH).map(|i| (i % 10) as i32).collect();
        Self {
            network: Some(Network { blocks, classifier }),
            optimizer: Box::new(move |network, gradients| adam.step(1e-3, network, gradients)),
            images: Tensor::from_data(TensorData::new(pixels, [BATCH, 3, side, side]), &device),
            targets: Tensor::from_data(TensorData::new(targets, [BATCH]), &device),
        }
    }

    fn step(&mut self) {
        let Some(network) = self.network.take() else { return };
        let mut x = self.images.clone();
        for block in &network.blocks {
            x = block.norm.forward(block.conv.forward(x)).clamp(0.0, 6.0);
        }
        let [n, channels, ..] = x.dims();
        let logits = network.classifier.forward(x.mean_dim(3).mean_dim(2).reshape([n, channels]));
        let loss = CrossEntropyLossConfig::new().init(&logits.device()).forward(logits, self.targets.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        self.network = Some((self.optimizer)(network, gradients));
    }
}
