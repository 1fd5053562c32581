//! Plans are valid, deterministic, and as small as can be nearly always.

use super::{simulate::simulate, *};
use crate::{
    memory::sample::{Random, graph, zoo},
    net::{Activation, Family, Function, Op, Padding, Pads, Shape, Spec, TensorId, Width, Window},
    quant::{Bits, Slot},
};
use proptest::prelude::*;

/// A small network of any family and a random policy.
fn small() -> impl Strategy<Value = (Graph, Policy)> {
    let family = proptest::sample::select(&Family::ALL[..]);
    let padding = proptest::sample::select(&[Padding::TensorFlow, Padding::PyTorch][..]);
    (family, 10..60_u16, 1..3_u16, padding, any::<u64>()).prop_map(|(family, width, side, padding, seed)| {
        let spec = Spec::new(family, Width(width), 32 * side).expect("in range").with_padding(padding);
        let graph = spec.with_classes(10).expect("in range").build();
        let policy = Random(seed).policy(&graph);
        (graph, policy)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_byte_is_overwritten_while_it_is_needed((graph, policy) in small()) {
        let plan = Plan::new(&graph, &policy);
        prop_assert_eq!(simulate(&graph, &policy, &plan), Ok(()));
    }

    #[test]
    fn the_arena_holds_every_step((graph, policy) in small()) {
        let plan = Plan::new(&graph, &policy);
        let steps = plan.steps(&graph, &policy);
        prop_assert!(steps.iter().all(|step| step.live() <= plan.arena));
        let least = Plan::least(&graph, &policy);
        let bound = Plan::lower_bound(&graph, &policy);
        prop_assert!(bound <= plan.arena);
        prop_assert!(least.iter().all(|&bytes| bytes <= bound));
        prop_assert_eq!(&plan, &Plan::new(&graph, &policy));
    }

    /// Depthwise convolutions are left out: one that overwrote its input in place may have to stop doing so. For all
    /// others less is enough, but for the rounding of a size and a distance to 4 bytes.
    #[test]
    fn narrower_activations_need_no_more_per_step((graph, policy) in small(), choice in any::<prop::sample::Index>()) {
        let activations: Vec<_> =
            Slot::all(&graph).into_iter().filter(|slot| matches!(slot, Slot::Activation(_))).collect();
        let slot = *choice.get(&activations);
        let Some(bits) = policy.get(slot).narrower() else { return Ok(()) };
        let mut narrower = policy.clone();
        narrower.set(slot, bits);
        let before = Plan::least(&graph, &policy);
        let after = Plan::least(&graph, &narrower);
        for (id, layer) in graph.layers.iter().enumerate() {
            if !matches!(layer.op, Op::Depthwise(..)) {
                prop_assert!(after[id] <= before[id] + 8, "{} {} {}", layer.name, before[id], after[id]);
            }
        }
    }
}

#[test]
fn simulation_finds_what_is_wrong() {
    let graph = graph("mobilenet-v2-0.35-32");
    let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    let plan = Plan::new(&graph, &policy);
    assert_eq!(simulate(&graph, &policy, &plan), Ok(()));
    let broken = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        simulate(&graph, &policy, &plan).expect_err("broken")
    };
    let last = graph.logits();
    assert!(broken(&|p| p.arena -= 4).contains("of an arena of"));
    assert!(broken(&|p| p.tensors[last] += 2).contains("no multiple of 4"));
    assert!(broken(&|p| p.scratch[0].offset = p.tensors[0]).contains("of image is lost"));
    let fc = graph.layers.len() - 1;
    let both_at_the_end = |p: &mut Plan| {
        p.arena += 4 * graph.classes();
        p.tensors[last] = plan.arena;
        p.scratch[fc].offset = plan.arena;
    };
    assert!(broken(&both_at_the_end).contains("over its scratch"));
    let wide = graph.layer_named("b2.expand").expect("b2.expand");
    let (input, output) = (graph.layers[wide].inputs[0], graph.layers[wide].output);
    assert!(broken(&|p| p.tensors[output] = p.tensors[input] & !3).contains("is lost"));
}

/// The packer's quality, measured: counts, so that they hold on every machine.
#[test]
fn the_lower_bound_is_reached_nearly_always() {
    const SAMPLES: usize = 10_000;
    let graphs: Vec<Graph> = zoo((32..=320).step_by(32)).map(|spec| spec.build()).collect();
    let mut random = Random(1);
    let (mut reached, mut excess, mut worst) = (0, 0.0, 0.0_f64);
    for i in 0..SAMPLES {
        let graph = &graphs[i % graphs.len()];
        let policy = random.policy(graph);
        let bound = Plan::lower_bound(graph, &policy);
        let arena = Plan::new(graph, &policy).arena;
        let above = arena as f64 / bound as f64 - 1.0;
        reached += usize::from(arena == bound);
        excess += above / SAMPLES as f64;
        worst = worst.max(above);
    }
    assert!(reached >= 9950, "reached {reached} of {SAMPLES}");
    assert!(excess < 0.0005, "mean excess {excess}");
    assert!(worst < 0.15, "worst excess {worst}");
}

/// What streaming and in-place depthwise convolutions save against input plus output.
#[test]
fn eight_bits_fit_in_little_more_than_the_largest_tensor() {
    for (name, paper) in [
        ("mobilenet-v1-1.0-224", 1_204_224),
        ("mobilenet-v2-1.0-224", 1_505_280),
        ("mnasnet-1.0-224", 802_816),
    ] {
        let graph = graph(name);
        let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        let plan = Plan::new(&graph, &policy);
        let largest = graph.tensors.iter().map(|t| t.shape.elements()).max().expect("has tensors");
        assert_eq!(plan.arena, Plan::lower_bound(&graph, &policy), "{name}");
        assert!(plan.arena < paper, "{name}: {}", plan.arena);
        assert!(plan.arena < largest + largest / 10, "{name}: {} for {largest}", plan.arena);
    }
}

/// Graphs that no network of the zoo has: a tensor that is added to itself, one that is never read, one that is read
/// again long after.
#[test]
fn unusual_graphs_are_planned() {
    let mut graph = Graph::new(Shape::new(9, 9, 3));
    let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
    let same = Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) };
    let a = graph.conv("a", 0, 5, Window { stride: 2, ..one }, Activation::Relu);
    let b = graph.add("twice", a, a, Activation::Linear);
    graph.conv("unread", 0, 7, same, Activation::Relu);
    let c = graph.depthwise("c", b, same, Activation::Relu);
    let d = graph.conv("d", c, 5, one, Activation::Linear);
    let e = graph.add("e", d, a, Activation::Linear);
    let pool = graph.global_avg_pool("pool", e);
    graph.linear("fc", pool, 3);
    let mut random = Random(7);
    for _ in 0..100 {
        let policy = random.policy(&graph);
        assert_eq!(simulate(&graph, &policy, &Plan::new(&graph, &policy)), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Windowed pools overwrite their inputs, behind each other and beside other readers.
    #[test]
    fn windowed_pools_overwrite_nothing_that_is_needed(
        sides in (3..14_usize, 3..14_usize), channels in 1..21_usize, kernel in 1..6_usize, strides in (1..4_usize, 1..4_usize),
        pads in (0..6_usize, 0..6_usize, 0..6_usize, 0..6_usize), seed: u64,
    ) {
        let mut graph = Graph::new(Shape::new(sides.0, sides.1, 3));
        let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
        let kernel = kernel.min(sides.0).min(sides.1);
        let pads = Pads {
            top: pads.0 % kernel, left: pads.1 % kernel, bottom: pads.2 % kernel, right: pads.3 % kernel,
        };
        let window = |stride| Window { kernel, stride, pads };
        let x = graph.conv("a", 0, channels, one, Activation::Relu);
        let y = graph.max_pool("max", x, window(strides.0));
        let z = graph.avg_pool("mean", y, Window { kernel: 1, stride: strides.1, pads: Pads::default() });
        let both = graph.conv("b", y, channels, Window { stride: strides.1, ..one }, Activation::Linear);
        let sum = graph.add("sum", z, both, Activation::Linear);
        let pool = graph.global_avg_pool("pool", sum);
        graph.linear("fc", pool, 3);
        let policy = Random(seed).policy(&graph);
        prop_assert_eq!(simulate(&graph, &policy, &Plan::new(&graph, &policy)), Ok(()));
    }
}

/// Squeeze-and-excite over a map, a function, a concatenation of maps that are and are not read again, a pool at the end.
fn joined(side: usize, channels: [usize; 3]) -> Graph {
    let mut graph = Graph::new(Shape::new(side, side, 3));
    let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
    let same = Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) };
    let x = graph.conv("a", 0, channels[0], same, Activation::Linear);
    let x = graph.lookup("swish", x, Function::HardSwish);
    let gate = graph.global_avg_pool("squeeze", x);
    let gate = graph.conv("b", gate, channels[0], one, Activation::Linear);
    let gate = graph.lookup("gate", gate, Function::HardSigmoid);
    let y = graph.multiply("excite", x, gate);
    let z = graph.conv("c", y, channels[1], one, Activation::Relu);
    let w = graph.conv("d", x, channels[2], same, Activation::Relu);
    let joined = graph.concat("joined", vec![z, y, w, z]);
    let gate = graph.global_avg_pool("mean", joined);
    let joined = graph.multiply("again", joined, gate);
    let joined = graph.concat("all", vec![joined, w]);
    graph.global_avg_pool("pool", joined);
    graph
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Functions and products overwrite their inputs, but never a gate; concatenations nothing.
    #[test]
    fn functions_products_and_concatenations_overwrite_nothing_that_is_needed(
        side in 1..9_usize, channels in prop::array::uniform3(1..21_usize), seed: u64,
    ) {
        let graph = joined(side, channels);
        let policy = Random(seed).policy(&graph);
        let plan = Plan::new(&graph, &policy);
        prop_assert_eq!(simulate(&graph, &policy, &plan), Ok(()));
        prop_assert!(plan.steps(&graph, &policy).iter().all(|step| step.live() <= plan.arena));
        prop_assert!(Plan::lower_bound(&graph, &policy) <= plan.arena);
    }
}

#[test]
fn simulation_finds_gates_and_joined_maps_that_are_overwritten() {
    let graph = joined(4, [8, 4, 5]);
    let policy = Policy::uniform(&graph, Bits::B8, Bits::B4);
    let plan = Plan::new(&graph, &policy);
    let tensor = |name: &str| graph.layers[graph.layer_named(name).expect(name)].output;
    let over = |output: TensorId, input: TensorId| {
        let mut plan = plan.clone();
        plan.tensors[output] = plan.tensors[input];
        simulate(&graph, &policy, &plan).expect_err("broken")
    };
    assert!(over(tensor("excite"), tensor("gate")).contains("of gate is lost"));
    assert!(over(tensor("joined"), tensor("c")).contains("is lost"));
    assert!(over(tensor("pool"), tensor("all")).contains("of all is lost"));
}

#[test]
fn an_obstacle_stands_in_the_way_of_less() {
    let graph = graph("mobilenet-v1-1.0-224");
    let mut policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    let name = |policy: &Policy, bytes| {
        Plan::obstacle(&graph, policy, bytes).map(|layer| graph.layers[layer].name.as_str())
    };
    let arena = Plan::new(&graph, &policy).arena;
    assert_eq!(name(&policy, arena), None);
    assert_eq!(name(&policy, arena - 4), Some("dw2"), "needs most by itself");
    // Every layer by itself fits 424,384 bytes, but the narrow output of dw2 cannot lie below the wide map it is made
    // from and above the wide map that is made from it.
    policy.set(Slot::Activation(3), Bits::B4);
    assert_eq!(Plan::least(&graph, &policy).into_iter().max(), Some(425_856));
    assert_eq!(Plan::new(&graph, &policy).arena, 601_984);
    assert_eq!(name(&policy, 512 << 10), Some("pw2"));
    assert_eq!(name(&policy, 100), Some("conv1"));
}
