//! "Fits" means that it links: for every microcontroller of the catalogue and three networks, firmware with the network,
//! its stack and a reserve links into the real memories if and only if Bitsmith says that it fits. And the two allowances
//! behind that, code and stack of each kind of core, against what the compilers give.
//!
//! Code is an allowance that is a little larger than the code, so that between the two a link may succeed that Bitsmith
//! refuses; both sides of that gap are tested. No compiler for the Xtensa LX7 is at hand: what has one is named and left out.

#[path = "common/infer.rs"]
mod cases;
#[path = "fits/firmware.rs"]
mod firmware;
#[path = "common/joined.rs"]
mod joined;
#[path = "common/packaged.rs"]
mod packaged;
#[path = "common/parallel.rs"]
mod parallel;
#[path = "common/pooled.rs"]
mod pooled;
#[path = "c_package/program.rs"]
mod program;
#[path = "c_package/subject.rs"]
mod subject;
#[path = "board/toolchain.rs"]
mod toolchain;
#[path = "c_package/unpacked.rs"]
mod unpacked;

use bitsmith::memory::{Budget, Core, Flash, Mcu, MemoryModel, Reserve, Usage, catalogue::MCUS};
use firmware::{Firmware, Regions, STARTUP};
use parallel::in_parallel;
use program::{Runtime, Task};
use std::collections::HashMap;
use std::sync::Mutex;
use subject::Subject;
use toolchain::Target;

/// Small enough for all microcontrollers, for most, for the larger ones.
const NETWORKS: [(&str, u64, u64); 3] =
    [("mobilenet-v1-0.17-32", 2, 11), ("mnasnet-0.35-64", 10, 12), ("mobilenet-v2-0.50-128", 100, 13)];

/// Depthwise kernels of made-up networks: one with both routines, one with the less usual alone.
const KERNELS: [&[usize]; 2] = [&[3, 7, 5, 7], &[7, 4]];

/// Compilers with a kind of core each.
const COMPILERS: [(Target, Core); 7] = [
    (Target::CortexM0Plus, Core::CortexM0),
    (Target::CortexM3, Core::CortexM3),
    (Target::CortexM4, Core::CortexM4),
    (Target::CortexM7, Core::CortexM4),
    (Target::CortexM33, Core::CortexM33),
    (Target::RiscV32, Core::RiscV32),
    (Target::RiscV64, Core::RiscV64),
];

/// The code of linked firmware is within the core's allowance, and the allowance is not much more.
#[test]
fn code_is_what_the_core_is_allowed() {
    let runtime = Runtime::default();
    let root = firmware::folder("code");
    // With a large arena calls take more.
    let large = [("mobilenet-v1-0.75-160", 1000, 14), ("mobilenet-v2-1.0-160", 1000, 15)];
    let zoo = NETWORKS.into_iter().chain(large);
    let zoo = zoo.map(|(name, classes, seed)| Subject::random(name, classes, seed, 1));
    let made_up = KERNELS.iter().map(|kernels| Subject::with_kernels(kernels, 16, 1));
    let made_up = made_up.chain([Subject::pooled(1, 1), Subject::joined(1, 1)]);
    in_parallel(zoo.chain(made_up).collect::<Vec<_>>(), |subject| {
        let name = &subject.name;
        let (graph, policy) = (subject.network.graph(), &subject.network.policy);
        let package = firmware::export(&subject.network, &subject.images[0], &root.join(name));
        for (target, core) in COMPILERS {
            let objects = runtime.objects(target, &package, &root);
            let flash = Flash::of(graph, policy, core);
            let code = Firmware::new(target, &package, &objects).bytes() - flash.rodata();
            println!("{target:?} {name}: {code} bytes of code, {} allowed", flash.code);
            assert!(code <= flash.code, "{target:?} {name}: {code} bytes of code, {} allowed", flash.code);
            assert!(flash.code <= code * 105 / 100, "{target:?} {name}: {} allowed for {code}", flash.code);
        }
    });
}

/// The stack of a run is within the core's allowance on the boards, and the allowance is not a multiple of it.
#[test]
fn stack_is_what_the_core_is_allowed() {
    let runtime = Runtime::default();
    let root = firmware::folder("stack");
    let boards: Vec<_> = COMPILERS.into_iter().filter(|(target, _)| target.is_board()).collect();
    let deepest = Mutex::new(HashMap::<Core, usize>::new());
    in_parallel(["mobilenet-v1-0.25-32", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"], |name| {
        let subject = Subject::random(name, 10, 5, 1);
        let package = firmware::export(&subject.network, &subject.images[0], &root.join(name));
        let images = package.file("images.bin");
        std::fs::write(&images, program::image_file(&subject)).expect("space for the images");
        for &(target, core) in &boards {
            let objects = runtime.objects(target, &package, &root);
            let program = program::compile(&subject, &package, &objects, target, Task::Images, &[]);
            let stack = program::run_images(&subject, target, &program, &images).expect("a board tells");
            let mut deepest = deepest.lock().expect("no worker panics with the lock");
            let known = deepest.entry(core).or_default();
            *known = stack.max(*known);
        }
    });
    for (core, stack) in deepest.into_inner().expect("no worker panicked") {
        let allowed = core.stack_bytes();
        println!("{core}: {stack} bytes of stack, {allowed} allowed");
        assert!(
            stack <= allowed && allowed <= 3 * stack,
            "{core}: {stack} bytes of stack, {allowed} allowed"
        );
    }
}

/// A network's firmware for one core.
struct Linkable {
    firmware: Firmware,
    usage: Usage,
    /// Bytes by which the allowance for code is more than the code.
    spare: usize,
}

#[test]
fn fits_is_links_on_every_microcontroller() {
    let runtime = Runtime::default();
    let root = firmware::folder("links");
    let linkable = Mutex::new(HashMap::new());
    in_parallel(NETWORKS, |(name, classes, seed)| {
        let subject = Subject::random(name, classes, seed, 1);
        let (graph, policy) = (subject.network.graph(), &subject.network.policy);
        let package = firmware::export(&subject.network, &subject.images[0], &root.join(name));
        for core in Core::ALL {
            let Some(target) = firmware::target_of(core) else { continue };
            let firmware = Firmware::new(target, &package, &runtime.objects(target, &package, &root));
            let usage = MemoryModel::Device(core).usage(graph, policy);
            let spare = usage.flash - firmware.bytes();
            linkable.lock().expect("no panic").insert((name, core), Linkable { firmware, usage, spare });
        }
    });
    let linkable = linkable.into_inner().expect("no worker panicked");
    let counts = Mutex::new((0, 0));
    in_parallel(MCUS, |mcu| {
        if firmware::target_of(mcu.core()).is_none() {
            println!("left out: {}, as no compiler for its {} is at hand", mcu.name, mcu.core());
            return;
        }
        for (name, ..) in NETWORKS {
            let (fits, fails) = check(mcu, name, &linkable[&(name, mcu.core())]);
            let mut counts = counts.lock().expect("no panic");
            *counts = (counts.0 + fits, counts.1 + fails);
        }
    });
    let (fits, fails) = counts.into_inner().expect("no worker panicked");
    println!("{fits} firmwares fit and link, {fails} neither fit nor link");
    assert!(fits > 100 && fails > 100, "{fits} fit, {fails} do not");
}

/// Compares what Bitsmith says with what the linker says: with the default reserve, and at the edge of each memory. Returns
/// how often both said yes and no.
fn check(mcu: &Mcu, name: &str, linkable: &Linkable) -> (usize, usize) {
    let Linkable { usage, spare, .. } = linkable;
    // Boards choose the FLASH where a microcontroller has none.
    let flash = mcu.flash.map_or(4 << 20, |flash| flash.bytes);
    let mut said = (0, 0);
    let mut compare = |reserve: Reserve, what: &str| {
        let ram = mcu.arena_bytes(reserve);
        let fits = Budget { flash: flash.saturating_sub(reserve.flash), ram }.fits(*usage);
        let links = links(mcu, flash, reserve, linkable);
        let context = format!("{}, {name}, {what}: {usage:?} with a {reserve:?}", mcu.name);
        assert_eq!(fits, links, "fits {fits}, links {links}: {context}");
        if fits { said.0 += 1 } else { said.1 += 1 }
    };
    let least = Reserve { flash: STARTUP, ram: 8 };
    compare(Reserve::default(), "default reserve");
    compare(least, "least reserve");

    // The largest reserve of FLASH beside which the network fits, and one beside which its very code does not.
    if usage.flash + least.flash <= flash {
        let most = flash - usage.flash;
        compare(Reserve { flash: most, ..least }, "all FLASH");
        compare(Reserve { flash: most + spare + 1, ..least }, "a byte of FLASH too few");
    }
    // The same of RAM, in steps of 8 bytes.
    let holds = |ram: usize| mcu.arena_bytes(Reserve { ram, ..least }) >= usage.ram;
    if holds(least.ram) {
        let (mut most, mut too_much) =
            (least.ram / 8, mcu.ram.iter().map(|block| block.bytes).sum::<usize>() / 8);
        while too_much - most > 1 {
            let middle = (most + too_much) / 2;
            if holds(8 * middle) { most = middle } else { too_much = middle }
        }
        compare(Reserve { ram: 8 * most, ..least }, "all RAM");
        compare(Reserve { ram: 8 * most + 1, ..least }, "a byte of RAM too few");
    }
    said
}

/// Whether firmware links, wherever arena, stack and reserve may lie.
fn links(mcu: &Mcu, flash: usize, reserve: Reserve, linkable: &Linkable) -> bool {
    firmware::spreads(mcu).into_iter().any(|[arena, stack, of_reserve]| {
        let regions = Regions {
            flash,
            reserve_flash: reserve.flash,
            ram: mcu.ram.iter().map(|block| block.bytes).collect(),
            reserve_ram: reserve.ram,
            stack_bytes: mcu.core().stack_bytes(),
            arena,
            stack,
            reserve: of_reserve,
        };
        linkable.firmware.link(&regions).is_ok()
    })
}
