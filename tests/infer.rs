//! Integer inference: the fast path equals the reference, and refuses what cannot be computed.

#[path = "common/agree.rs"]
mod agree;
#[path = "common/infer.rs"]
mod cases;
#[path = "common/joined.rs"]
mod joined;
#[path = "common/pooled.rs"]
mod pooled;

use bitsmith::infer::{
    Engine, EngineLayer, InferError, PreparedKernel, Reach, Scratch, Workspace, reference,
};
use bitsmith::net::{Activation, Function, Graph, Network, Pads, Shape, Window};
use bitsmith::quant::{Bits, Policy, QuantizedLayer, QuantizedNetwork, Requantizer, Slot};
use cases::{LayerCase, Random, all_widths, network_with, random_network, uniform_network, wild_requantizer};
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn layers_agree(seed: u64) {
        let mut scratch = Scratch::default();
        for (i, widths) in all_widths().enumerate() {
            agree::layer(&LayerCase::random(seed.wrapping_add(i as u64), widths), &mut scratch);
        }
    }
}

/// A kernel without some of its channels is that of weights at zero in these channels.
#[test]
fn silent_channels_have_no_weights() {
    let mut scratch = Scratch::default();
    for seed in 0..200 {
        let case = LayerCase::random(seed, [Bits::B8; 3]);
        let LayerCase { graph, kernel, input, .. } = &case;
        let channels = kernel.zero_points.len();
        let per_channel = kernel.weights.len() / channels;
        let mut random = Random(seed);
        let silent: Vec<usize> = (0..channels).filter(|_| random.one_in(3)).collect();
        let mut weights = kernel.weights.clone();
        for &channel in &silent {
            weights[channel * per_channel..][..per_channel].fill(kernel.zero_points[channel]);
        }
        let whole = Arc::new(PreparedKernel::new(graph, 0, &kernel.weights, &kernel.zero_points));
        let found = whole.without(&silent);
        let expected = PreparedKernel::new(graph, 0, &weights, &kernel.zero_points);
        assert_eq!(found.reach(), expected.reach(), "{case:?}");
        let mut sums = |kernel: &PreparedKernel| {
            let mut all = Vec::new();
            kernel.sums(input, &case.kernel.pad_codes, &mut scratch, |_, row| all.extend_from_slice(row));
            all
        };
        assert_eq!(sums(&found), sums(&expected), "without {silent:?} of {case:?}");
    }
}

#[test]
fn networks_agree_under_random_policies() {
    let mut workspace = Workspace::default();
    for (name, seeds) in [("mobilenet-v1-0.25-96", 3), ("mobilenet-v2-0.35-64", 4), ("mnasnet-0.5-32", 8)] {
        for seed in 0..seeds {
            agree::network(&random_network(name, 10 + seed, seed), 2, &mut workspace);
        }
    }
}

#[test]
fn networks_with_windowed_pools_agree() {
    let mut workspace = Workspace::default();
    for seed in 0..12 {
        agree::network(&pooled::random(seed), 2, &mut workspace);
    }
}

#[test]
fn networks_with_functions_products_and_concatenations_agree() {
    let mut workspace = Workspace::default();
    for seed in 0..12 {
        agree::network(&joined::random(seed), 2, &mut workspace);
    }
    for seed in 0..120 {
        let network = joined::drawn(seed);
        let engine = Engine::new(&network).expect("a sound network");
        let image = Random(seed).codes(network.graph().image().shape.elements(), Bits::B8);
        agree::tensors(&network, &engine, &image, &mut workspace);
    }
}

/// Functions, products, concatenations and pools that give logits, of maps with `channels`, at the widths of a map, of
/// what it meets, and of the output.
fn joined_at([map, other, output]: [Bits; 3], [height, width, channels]: [usize; 3]) -> QuantizedNetwork {
    let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
    let mut graph = Graph::new(Shape::new(height, width, 3));
    let x = graph.conv("map", 0, channels, one, Activation::Linear);
    let y = graph.conv("other", 0, 5, one, Activation::Linear);
    let gate = graph.global_avg_pool("mean", x);
    let gate = graph.lookup("gate", gate, Function::HardSigmoid);
    let function = graph.lookup("function", x, Function::HardSwish);
    let product = graph.multiply("product", x, gate);
    let joined = graph.concat("joined", vec![x, y, x]);
    let all = graph.concat("all", vec![function, product, joined]);
    graph.global_avg_pool("pool", all);
    let mut policy = Policy::uniform(&graph, Bits::B8, output);
    for (tensor, bits) in [(x, map), (y, other), (gate, other)] {
        policy.set(Slot::Activation(tensor), bits);
    }
    let mut random = Random(channels as u64);
    let mut network = network_with(Network::own("joined", graph), policy, &mut random);
    for integers in &mut network.layers {
        if let QuantizedLayer::Multiply(factor) = integers
            && random.one_in(2)
        {
            *factor = wild_requantizer(&mut random);
        }
    }
    network
}

#[test]
fn functions_products_and_concatenations_agree_at_all_widths() {
    let mut workspace = Workspace::default();
    for widths in all_widths() {
        for shape in [[1, 1, 1], [1, 7, 3], [5, 3, 4], [4, 4, 17], [3, 2, 70]] {
            let network = joined_at(widths, shape);
            let engine = Engine::new(&network).expect("a sound network");
            let image = Random(1).codes(3 * shape[0] * shape[1], Bits::B8);
            agree::tensors(&network, &engine, &image, &mut workspace);
        }
    }
}

#[test]
fn wrong_tables_and_factors_are_refused_in_words() {
    type Damage = fn(&mut QuantizedNetwork, usize);
    fn factor(bias: i32, shift: u8) -> QuantizedLayer {
        QuantizedLayer::Multiply(Requantizer { bias, multiplier: 1 << 30, shift })
    }
    let cases: [(&str, &str, Damage); 11] = [
        ("swish1", "layer swish1 has 3 codes in a table: expected", |n, l| {
            if let QuantizedLayer::Lookup(table) = &mut n.layers[l] {
                table.truncate(3);
            }
        }),
        ("swish1", "layer swish1 has a table with codes beyond the largest of its output", |n, l| {
            let output = n.graph().layers[l].output;
            (n.tensors[output].bits, n.tensors[output].zero_point) = (Bits::B2, 0);
            if let QuantizedLayer::Lookup(table) = &mut n.layers[l] {
                table[1] = 4;
            }
        }),
        ("conv1", "layer conv1 has a function's table, though it is none", |n, l| {
            n.layers[l] = QuantizedLayer::Lookup(vec![0; 256]);
        }),
        ("join1", "layer join1 has 3 tables: expected 4", |n, l| {
            if let QuantizedLayer::Concat(tables) = &mut n.layers[l] {
                tables.truncate(3);
            }
        }),
        ("join1", "layer join1 has 0 codes in a table: expected", |n, l| {
            if let QuantizedLayer::Concat(tables) = &mut n.layers[l] {
                tables[2].clear();
            }
        }),
        ("swish1", "layer swish1 has a concatenation's tables, though it is none", |n, l| {
            n.layers[l] = QuantizedLayer::Concat(Vec::new());
        }),
        ("swish1", "layer swish1 has a product's integers, though it is none", |n, l| {
            n.layers[l] = factor(0, 40);
        }),
        ("excite", "layer excite shifts by more digits than there are", |n, l| n.layers[l] = factor(0, 63)),
        ("excite", "layer excite: the accumulator of channel 0 may leave 32 bits", |n, l| {
            n.layers[l] = factor(i32::MAX, 40);
        }),
        ("pool", "layer pool: the accumulator of channel 0 may leave 32 bits", |n, l| {
            n.layers[l] = QuantizedLayer::Pool(Requantizer { bias: 8, multiplier: 1 << 30, shift: 1 });
        }),
        ("pool", "layer pool has a product's integers, though it is none", |n, l| {
            n.layers[l] = factor(0, 40)
        }),
    ];
    for (layer, words, damage) in cases {
        let mut network = joined::random(1);
        let layer = network.graph().layer_named(layer).expect(layer);
        damage(&mut network, layer);
        let found = refusal(&network).to_string();
        assert!(found.starts_with(words), "{found}");
    }
    // Nothing but a linear layer or a pool gives logits.
    let mut graph = Graph::new(Shape::new(2, 2, 3));
    let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
    let x = graph.conv("conv", 0, 2, one, Activation::Linear);
    graph.lookup("function", x, Function::Tanh);
    let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    let network = network_with(Network::own("cut off", graph), policy, &mut Random(1));
    let found = refusal(&network).to_string();
    assert!(found.starts_with("layer function is out of place: logits come from"), "{found}");
}

#[test]
fn windowed_pools_share_the_quantizer_of_their_input() {
    let refused = |damage: &dyn Fn(&mut QuantizedNetwork, usize)| {
        let mut network = pooled::random(1);
        let layer = network.graph().layer_named("mean1").expect("mean1");
        damage(&mut network, layer);
        refusal(&network).to_string()
    };
    let found = refused(&|n, l| n.tensors[l + 1].scale *= 2.0);
    assert!(found.starts_with("layer mean1 has another quantizer than its input"), "{found}");
    let found = refused(&|n, l| n.layers[l] = QuantizedLayer::MaxPool);
    assert!(found.starts_with("layer mean1 has a max pool's integers, though it is none"), "{found}");
    let found = refused(&|n, l| n.layers[l + 1] = QuantizedLayer::AvgPool);
    assert!(found.starts_with("layer dw has an average pool's integers, though it is none"), "{found}");
}

#[test]
fn networks_agree_at_every_pair_of_widths() {
    let mut workspace = Workspace::default();
    for weights in Bits::ALL {
        for activations in Bits::ALL {
            agree::network(
                &uniform_network("mobilenet-v2-0.35-32", 10, weights, activations),
                1,
                &mut workspace,
            );
        }
    }
}

proptest! {
    /// The bound is exact: it admits a channel if and only if no input and no order of summation leaves an i32.
    #[test]
    fn accumulators_that_may_overflow_are_known(
        seed: u64, taps in 1usize..30_000, bits in prop::sample::select(&Bits::ALL[..]), slack in -3i64..=3,
        negative: bool,
    ) {
        let mut random = Random(seed);
        let (weights, zero) = (random.codes(taps, Bits::B8), random.code(Bits::B8));
        let reach = Reach::of_channels(&weights, &[zero])[0];
        let products = || weights.iter().map(|&w| (i64::from(w) - i64::from(zero)) * i64::from(bits.max_code()));
        // A bias near the edge on either side.
        let bias = if negative {
            i64::from(i32::MIN) - products().filter(|p| *p < 0).sum::<i64>() + slack
        } else {
            i64::from(i32::MAX) - products().filter(|p| *p > 0).sum::<i64>() + slack
        };
        let Ok(bias) = i32::try_from(bias) else { return Ok(()) };
        // The worst inputs and orders: all that pulls one way comes first.
        let worst = |sign: i64| {
            let pulls = products().chain([i64::from(bias)]).map(|term| term * sign).filter(|term| *term > 0);
            sign * pulls.sum::<i64>()
        };
        let stays = [worst(1), worst(-1)].iter().all(|&sum| i32::try_from(sum).is_ok());
        prop_assert_eq!(reach.fits(bias, bits.max_code()), stays);
    }
}

/// A small network and the number of one of its layers.
fn small(layer: &str) -> (QuantizedNetwork, usize) {
    let network = random_network("mobilenet-v2-0.35-32", 10, 1);
    let layer = network.graph().layer_named(layer).expect("a layer of MobileNetV2");
    (network, layer)
}

/// The same error from the engine and from the reference.
fn refusal(network: &QuantizedNetwork) -> InferError {
    let image = vec![0; network.graph().image().shape.elements()];
    let error = Engine::new(network).map(drop).expect_err("refused");
    assert_eq!(reference::run(network, &image), Err(error.clone()));
    error
}

#[test]
fn networks_that_may_overflow_are_refused_with_the_name_of_the_layer() {
    let (mut network, layer) = small("b2.expand");
    let input = network.graph().layers[layer].inputs[0];
    let QuantizedLayer::Kernel(kernel) = &mut network.layers[layer] else { panic!("a convolution") };
    let reach = Reach::of_channels(&kernel.weights, &kernel.zero_points)[5];
    let most = reach.positive * i64::from(network.tensors[input].bits.max_code());
    kernel.requantizers[5].bias = i32::MAX - i32::try_from(most).expect("a small layer");
    Engine::new(&network).expect("at the edge");
    let QuantizedLayer::Kernel(kernel) = &mut network.layers[layer] else { panic!("a convolution") };
    kernel.requantizers[5].bias += 1;
    assert_eq!(refusal(&network), InferError::Overflow { layer: "b2.expand".into(), channel: 5 });

    let (mut network, layer) = small("fc");
    let QuantizedLayer::Kernel(kernel) = &mut network.layers[layer] else { panic!("a linear layer") };
    kernel.requantizers[7] = Requantizer { bias: 8, multiplier: 1 << 30, shift: 1 };
    assert_eq!(refusal(&network), InferError::Overflow { layer: "fc".into(), channel: 7 }, "a logit");

    let (mut network, layer) = small("b3.add");
    let QuantizedLayer::Add(add) = &mut network.layers[layer] else { panic!("an add") };
    add.multipliers[1] = i32::MAX;
    assert_eq!(refusal(&network), InferError::Overflow { layer: "b3.add".into(), channel: 0 });

    let (mut network, layer) = small("pool");
    let QuantizedLayer::Pool(pool) = &mut network.layers[layer] else { panic!("a pool") };
    pool.bias = i32::MAX;
    assert_eq!(refusal(&network), InferError::Overflow { layer: "pool".into(), channel: 0 });
}

#[test]
fn contradictions_are_refused_in_words() {
    type Damage = fn(&mut QuantizedNetwork, usize);
    let refused = |damage: Damage| {
        let (mut network, layer) = small("b2.dw");
        damage(&mut network, layer);
        refusal(&network).to_string()
    };
    fn kernel(network: &mut QuantizedNetwork, layer: usize) -> &mut bitsmith::quant::Kernel {
        let QuantizedLayer::Kernel(kernel) = &mut network.layers[layer] else { panic!("a convolution") };
        kernel
    }
    let cases: [(&str, Damage); 10] = [
        ("layer b2.dw has 431 codes of weights: expected 432", |n, l| kernel(n, l).weights.truncate(431)),
        ("layer b2.dw has 47 zero points of weights: expected 48", |n, l| {
            kernel(n, l).zero_points.truncate(47)
        }),
        ("layer b2.dw has 47 requantizers: expected 48", |n, l| kernel(n, l).requantizers.truncate(47)),
        ("layer b2.dw has codes of weights beyond", |n, l| {
            kernel(n, l).bits = Bits::B2;
            kernel(n, l).weights[7] = 4;
        }),
        ("layer b2.dw has 2 pad codes: expected 48", |n, l| kernel(n, l).pad_codes = vec![0; 2]),
        ("layer b2.dw has a pad code beyond", |n, l| {
            let input = n.graph().layers[l].inputs[0];
            n.tensors[input].bits = Bits::B4;
            kernel(n, l).pad_codes = vec![16];
        }),
        ("layer b2.dw shifts by more digits", |n, l| kernel(n, l).requantizers[3].shift = 63),
        ("layer b2.dw has a pool's integers", |n, l| {
            n.layers[l] = QuantizedLayer::Pool(Requantizer::constant(0));
        }),
        ("layer fc has 63 quantized layers up to it: expected 64", |n, _| n.layers.truncate(63)),
        ("layer b2.dw has a zero point beyond", |n, l| {
            let output = n.graph().layers[l].output;
            let output = &mut n.tensors[output];
            (output.bits, output.zero_point) = (Bits::B2, 4);
        }),
    ];
    for (words, damage) in cases {
        let found = refused(damage);
        assert!(found.starts_with(words), "{found}");
    }
}

#[test]
fn images_of_another_size_are_refused_in_words() {
    let (network, _) = small("fc");
    let engine = Engine::new(&network).expect("a sound network");
    let error = engine.run(&mut Workspace::default(), &[0; 100]).expect_err("too small");
    let words = "an image of 100 bytes: expected 3072 (32x32x3, 8 bits each)";
    assert!(error.to_string().starts_with(words), "{error}");
    assert_eq!(reference::run(&network, &[0; 100]), Err(error));
}

#[test]
fn prepared_kernels_are_shared_but_not_mixed_up() {
    let (network, _) = small("fc");
    let kernels: Vec<Option<Arc<PreparedKernel>>> = (0..network.layers.len())
        .map(|id| {
            let kernel = network.kernel(id)?;
            Some(Arc::new(PreparedKernel::new(network.graph(), id, &kernel.weights, &kernel.zero_points)))
        })
        .collect();
    let parts = |swapped: [usize; 2]| {
        let part = |(id, layer): (usize, &QuantizedLayer)| match layer {
            QuantizedLayer::Pool(pool) => EngineLayer::Pool(*pool),
            QuantizedLayer::Add(add) => EngineLayer::Add(*add),
            QuantizedLayer::MaxPool => EngineLayer::MaxPool,
            QuantizedLayer::AvgPool => EngineLayer::AvgPool,
            QuantizedLayer::Lookup(table) => EngineLayer::Lookup(table.clone()),
            QuantizedLayer::Multiply(factor) => EngineLayer::Multiply(*factor),
            QuantizedLayer::Concat(tables) => EngineLayer::Concat(tables.clone()),
            QuantizedLayer::Kernel(kernel) => EngineLayer::Kernel {
                kernel: kernels[if id == swapped[0] { swapped[1] } else { id }].clone().expect("has weights"),
                requantizers: kernel.requantizers.clone(),
                pad_codes: kernel.pad_codes.clone(),
            },
        };
        let layers = network.layers.iter().enumerate().map(part).collect();
        Engine::from_parts(network.graph(), &network.tensors, layers)
    };
    fn shared_by_threads(_: &(impl Send + Sync)) {}
    let image = Random(0).codes(32 * 32 * 3, Bits::B8);
    let engine = parts([0, 0]).expect("its own weights");
    shared_by_threads(&engine);
    let expected = reference::run(&network, &image).expect("a sound network");
    assert_eq!(engine.run(&mut Workspace::default(), &image), Ok(&expected[..]));
    let error = parts([0, 1]).map(drop).expect_err("weights of another layer");
    assert!(error.to_string().contains("conv1 was given the prepared weights of another layer"), "{error}");
}
