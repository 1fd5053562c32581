//! Exported packages, compiled and run: on the host with two compilers and their sanitizers, and on the emulated
//! boards, on the Cortex-M4 and -M7 within the memory that the device model says. No logit may differ from Rust's.
//!
//! With BITSMITH_FULL=1 the networks of the shared data folder run under all policies on 64 images each, by gcc on this
//! machine and on the Cortex-M4 and -M7; on the other targets on two:
//! `BITSMITH_FULL=1 cargo test --release --test c_package shared -- --nocapture`. BITSMITH_ONLY=TEXT keeps to the
//! networks and policies whose name, as `imagenette10_mnasnet_0.5_128-w4a4`, has the text.

#[path = "common/infer.rs"]
mod cases;
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
#[path = "c_package/sizes.rs"]
mod sizes;
#[path = "c_package/subject.rs"]
mod subject;
#[path = "board/toolchain.rs"]
mod toolchain;
#[path = "c_package/trained.rs"]
mod trained;
#[path = "c_package/unpacked.rs"]
mod unpacked;

use bitsmith::export::model;
use bitsmith::infer::reference;
use bitsmith::memory::{Core, Flash, Plan, Routine};
use bitsmith::net::LayerId;
use bitsmith::quant::{QuantizedLayer, QuantizedNetwork};
use parallel::in_parallel;
use program::{Runtime, Task};
use sizes::Sections;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use subject::Subject;
use toolchain::{Program, TARGETS, Target};
use trained::{POLICIES, Source, Trained};
use unpacked::Unpacked;

const BOARDS: [Target; 2] = [Target::CortexM4, Target::CortexM7];

/// Networks of each family: channels that leave bits over, residual blocks, windows of 5 x 5.
const RANDOM: [(&str, u64, u64); 5] = [
    ("mobilenet-v1-0.25-64", 10, 1),
    ("mobilenet-v1-0.30-32", 7, 2),
    ("mobilenet-v2-0.35-64", 10, 3),
    ("mnasnet-0.35-32", 1000, 4),
    ("mnasnet-0.50-64", 5, 5),
];

/// Depthwise kernels of made-up networks: one with both routines, one with the less usual alone.
const KERNELS: [&[usize]; 2] = [&[3, 7, 7, 5, 7, 4, 1], &[7, 7, 7, 11, 9, 2, 6]];

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_package").join(name);
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

fn unpack(subject: &Subject, test: &str) -> Unpacked {
    Unpacked::new(&subject.network, &[&subject.images[0]], &folder(test).join(&subject.name))
}

/// Compiles and runs subjects on targets, as many at a time as there are cores.
fn run_everywhere(test: &str, subjects: &[Subject], targets: &[Target]) {
    let runtime = Runtime::default();
    let jobs = subjects.iter().flat_map(|subject| {
        let package = unpack(subject, test);
        let images = package.file("images.bin");
        std::fs::write(&images, program::image_file(subject)).expect("space for the images");
        targets.iter().map(move |&target| (subject, package.clone(), images.clone(), target))
    });
    in_parallel(jobs.collect::<Vec<_>>(), |(subject, package, images, target)| {
        let objects = runtime.objects(target, &package, &folder(test));
        let program = program::compile(subject, &package, &objects, target, Task::Images, &[]);
        program::run_images(subject, target, &program, &images);
    });
}

#[test]
fn random_networks_compute_the_same_everywhere() {
    let mut subjects: Vec<Subject> =
        RANDOM.iter().map(|&(name, classes, seed)| Subject::random(name, classes, seed, 3)).collect();
    subjects.extend(KERNELS.iter().map(|kernels| Subject::with_kernels(kernels, 21, 3)));
    subjects.extend((1..=3).map(|seed| Subject::pooled(seed, 3)));
    subjects.extend((1..=3).map(|seed| Subject::joined(seed, 3)));
    run_everywhere("random", &subjects, &TARGETS);
}

/// Whether everything is to be run, not a sample.
fn full() -> bool {
    std::env::var_os("BITSMITH_FULL").is_some()
}

/// Targets that run all images of the full matrix.
const FULL_TARGETS: [Target; 3] = [Target::Gcc, Target::CortexM4, Target::CortexM7];

/// Whether a network under a policy is to be run.
fn chosen(name: &str) -> bool {
    std::env::var("BITSMITH_ONLY").map_or(true, |text| name.contains(&text))
}

/// Runs trained networks under `policies` policies on `images` images each; with BITSMITH_FULL as the head of this file
/// says.
fn run_trained(test: &str, sources: &[Source], policies: usize, images: usize, targets: &[Target]) {
    let (policies, images) = if full() { (usize::MAX, 64) } else { (policies, images) };
    for source in sources {
        let chosen = |policy: &str| chosen(&source.named(policy));
        if !POLICIES.iter().take(policies).any(|policy| chosen(policy)) {
            continue;
        }
        let trained = Trained::load(source, images);
        let mut policies: Vec<_> = trained.policies().into_iter().take(policies).collect();
        policies.retain(|(policy, _)| chosen(policy));
        let subjects = Mutex::new(Vec::new());
        in_parallel(&policies, |policy| {
            let subject = trained.quantize(policy);
            subjects.lock().expect("no worker panics with the lock").push(subject);
        });
        let mut subjects = subjects.into_inner().expect("no worker panicked");
        if full() {
            let others: Vec<_> =
                TARGETS.into_iter().filter(|target| !FULL_TARGETS.contains(target)).collect();
            run_everywhere(test, &subjects, &FULL_TARGETS);
            subjects.iter_mut().for_each(|subject| subject.truncate(2));
            run_everywhere(test, &subjects, &others);
        } else {
            run_everywhere(test, &subjects, targets);
        }
    }
}

#[test]
fn demo_networks_compute_the_same_everywhere() {
    run_trained("demo", &trained::demo(), 2, 8, &TARGETS);
}

#[test]
fn shared_networks_compute_the_same_everywhere() {
    run_trained("shared", &trained::shared(), 1, 2, &[Target::Gcc, Target::CortexM4, Target::CortexM7]);
}

/// With BITSMITH_CASES=FOLDER the same networks, images and logits are written there for tests/browser/logits.test.mjs,
/// which has Chromium compute them.
#[test]
fn shared_networks_are_handed_to_the_browser() {
    let Some(folder) = std::env::var_os("BITSMITH_CASES").map(PathBuf::from) else {
        println!("skipped: BITSMITH_CASES names no folder");
        return;
    };
    let names = Mutex::new(String::new());
    for source in trained::shared() {
        let trained = Trained::load(&source, if full() { 64 } else { 2 });
        in_parallel(&trained.policies(), |policy| {
            let subject = trained.quantize(policy);
            let write = |kind: &str, bytes: &[u8]| {
                std::fs::write(folder.join(format!("{}.{kind}", subject.name)), bytes)
                    .expect("space for the cases");
            };
            write("model", &model::write(&subject.network).expect("a network that can be exported"));
            write("images", &program::image_file(&subject));
            names.lock().expect("no worker panics with the lock").push_str(&format!("{}\n", subject.name));
        });
    }
    std::fs::write(folder.join("names"), names.into_inner().expect("no worker panicked"))
        .expect("space for the names");
}

/// Arena and constants to the byte, code within the allowance; nothing else in RAM.
#[test]
fn memory_is_what_the_model_says() {
    let runtime = Runtime::default();
    let zoo = RANDOM.iter().map(|&(name, classes, seed)| Subject::random(name, classes, seed, 1));
    let made_up = KERNELS.iter().map(|kernels| Subject::with_kernels(kernels, 21, 1));
    for subject in zoo.chain(made_up).chain([Subject::pooled(1, 1), Subject::joined(1, 1)]) {
        let name = &subject.name;
        let (graph, policy) = (subject.network.graph(), &subject.network.policy);
        let (plan, flash) = (Plan::new(graph, policy), Flash::of(graph, policy, Core::CortexM4));
        let package = unpack(&subject, "sizes");
        let header = std::fs::read_to_string(package.file("src/net.h")).expect("a header");
        assert!(header.contains(&format!("#define NET_ARENA_BYTES {}u\n", plan.arena)), "{name}");
        for target in BOARDS {
            let object = |source: &PathBuf| {
                let object = package.file(&format!("object.{target:?}.o"));
                let (sources, includes) = ([source.clone()], package.includes());
                target
                    .compile_object(&Program { sources: &sources, includes: &includes, flags: &[] }, &object);
                Sections::of(&object)
            };
            // Called by debug builds and by the self-test alone.
            let counted = |path: &&PathBuf| {
                !["bs_check", "golden"].iter().any(|&n| path.file_stem().is_some_and(|stem| stem == n))
            };
            let mut network = Sections::default();
            for source in package.own().iter().filter(counted) {
                network += object(source);
            }
            let mut kernels = Sections::default();
            // What a linker leaves out of the runtime, which is the same in all packages.
            let unused = |source: &Path| {
                let routines: &[Routine] = match source.file_stem().and_then(|stem| stem.to_str()) {
                    Some("bs_add") => &[Routine::Add],
                    Some("bs_depthwise") => &[Routine::Depthwise],
                    Some("bs_depthwise_any") => &[Routine::DepthwiseAny],
                    Some("bs_window_max") => &[Routine::MaxPool],
                    Some("bs_window_average") => &[Routine::AvgPool],
                    Some("bs_lookup") => &[Routine::Lookup, Routine::Concat],
                    Some("bs_multiply") => &[Routine::Multiply],
                    Some("bs_linear") => &[Routine::Linear],
                    Some("bs_pool") => &[Routine::Pool],
                    Some("bs_pool_logits") => &[Routine::PoolLogits],
                    // Called by debug builds alone.
                    Some("bs_check") => &[],
                    _ => return false,
                };
                !graph.layers.iter().any(|layer| routines.contains(&Routine::of(graph, layer)))
            };
            let objects = runtime.objects(target, &package, &folder("sizes"));
            for (source, object) in package.runtime().iter().zip(&objects) {
                if !unused(source) {
                    kernels += Sections::of(object);
                }
            }
            println!(
                "{target:?} {name}: {} of {} bytes of code ({} of them kernels), {} of constants, arena {}",
                kernels.text + network.text,
                flash.code,
                kernels.text,
                network.rodata,
                plan.arena
            );
            assert_eq!(network.rodata + kernels.rodata, flash.rodata(), "{target:?} {name}: constants");
            assert!(kernels.text + network.text <= flash.code, "{target:?} {name}: code");
            assert_eq!([network.data, network.bss, kernels.data, kernels.bss], [0; 4], "{target:?} {name}");
            let example = object(&package.file("examples/main.c"));
            assert_eq!((example.data, example.bss), (0, plan.arena), "{target:?} {name}: arena");
        }
    }
}

/// The self-test passes; with weights changed it names the layer, on the host and on a board.
#[test]
fn the_self_test_names_the_layer() {
    let runtime = Runtime::default();
    let subject = Subject::random("mobilenet-v2-0.35-32", 10, 6, 2);
    let golden: Vec<&[u8]> = subject.images.iter().map(Vec::as_slice).collect();
    let package = Unpacked::new(&subject.network, &golden, &folder("self-test"));
    let trace = reference::trace(&subject.network, golden[0]).expect("an image of the right size");
    let weights = std::fs::read(package.file("src/net_weights.bin")).expect("weights");
    for target in [Target::GccSanitized, Target::CortexM4] {
        let objects = runtime.objects(target, &package, &folder("self-test"));
        let says = |flags: &[&str]| {
            let program = program::compile(&subject, &package, &objects, target, Task::SelfTest, flags);
            program::self_test(target, &program)
        };
        assert_eq!(says(&[]), "passed");
        assert_eq!(says(&["-DNET_WEIGHTS_IN_C=1"]), "passed", "the table in C");
        for name in ["conv1", "b2.dw", "b5.project", "fc"] {
            let id = subject.network.graph().layer_named(name).expect(name);
            let changed = with_a_visible_flip(&subject.network, id, &trace);
            let file = model::write(&changed).expect("still a network");
            let start = file.len() - 4 - weights.len();
            let section = &file[start..file.len() - 4];
            let bits: u32 = section.iter().zip(&weights).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert_eq!(bits, 1, "one bit is flipped");
            std::fs::write(package.file("src/net_weights.bin"), section).expect("space for weights");
            assert_eq!(says(&[]), name);
        }
        std::fs::write(package.file("src/net_weights.bin"), &weights).expect("space for weights");
    }
}

/// A network in which one bit of one weight of a layer is another, so that the layer's output for the traced image
/// changes.
fn with_a_visible_flip(
    network: &QuantizedNetwork,
    id: LayerId,
    trace: &reference::Trace,
) -> QuantizedNetwork {
    let layer = &network.graph().layers[id];
    let count = network.graph().weight_elements(layer);
    for weight in 0..count {
        let mut changed = network.clone();
        if let QuantizedLayer::Kernel(kernel) = &mut changed.layers[id] {
            kernel.weights[weight] ^= 1 << (kernel.bits.count() - 1);
            let accumulators =
                reference::accumulate(network.graph(), id, kernel, &trace.tensors[layer.inputs[0]]);
            let differs = if layer.output == network.graph().logits() {
                reference::scale(&accumulators, &kernel.requantizers) != trace.logits
            } else {
                let quantizer = network.tensors[layer.output];
                let codes = reference::requantize(
                    &accumulators,
                    &kernel.requantizers,
                    quantizer.zero_point,
                    quantizer.bits,
                );
                codes != trace.tensors[layer.output]
            };
            if differs {
                return changed;
            }
        }
    }
    panic!("no bit of {} matters", layer.name)
}

/// Labels as folders and files can be called: C gives back every byte of them, under all warnings and with trigraphs, and no
/// line of the README or of a source is broken or taken for something else.
#[test]
fn hostile_labels_stay_what_they_are() {
    let labels = [
        "\"; system(\"x\"); //",
        "??/\"\\n??)",
        "*/ int broken; /*",
        "two\nlines\r\n#define x",
        "```\n| a | b |",
        "<script>alert(1)</script>",
        "\u{202e}txt.exe\u{1b}[2J",
        "%s%n\\",
        "{{ name }}{% if x %}",
        "caf\u{e9} 9\0z",
    ];
    let mut subject = Subject::random("mobilenet-v1-0.25-32", labels.len() as u64, 8, 1);
    subject.network.labels = Some(labels.map(String::from).to_vec());
    let package = unpack(&subject, "labels");
    let main = package.file("print_labels.c");
    let text = "#include \"net.h\"\n#include <stdio.h>\nint main(void)\n{\n    for (uint32_t i = 0; i < NET_CLASSES; \
                i++) {\n        fputs(net_label(i), stdout);\n        putchar(0);\n    }\n    return 0;\n}\n";
    std::fs::write(&main, text).expect("space for a source");
    let (sources, includes) = ([main, package.file("src/labels.c")], package.includes());
    let program = package.file("print_labels");
    for target in [Target::Gcc, Target::Clang] {
        target.compile(&Program { sources: &sources, includes: &includes, flags: &["-trigraphs"] }, &program);
        let output = target.run(&program, &[]).stdout;
        let printed: Vec<_> = output.split_inclusive(|&byte| byte == 0).collect();
        // A NUL would end what C takes for the name.
        let expected: Vec<_> = labels.iter().map(|label| label.replace('\0', "\u{fffd}") + "\0").collect();
        let expected: Vec<_> = expected.iter().map(String::as_bytes).collect();
        assert_eq!(printed, expected, "{target:?}");
    }
    let readme = std::fs::read_to_string(package.file("README.md")).expect("a README");
    assert!(!readme.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{readme}");
    // Between fences text is text.
    let mut fenced = false;
    for line in readme.lines() {
        fenced ^= line.starts_with("```");
        assert!(fenced || !line.contains("<script>"), "{line}");
    }
    assert!(!fenced, "{readme}");
}

/// The README's commands build the example, and it prints what the README says.
#[test]
fn the_example_builds_as_the_readme_says() {
    let mut subject = Subject::random("mobilenet-v1-0.25-32", 3, 7, 1);
    subject.network.labels = Some(["cat", "dog \"rex\"?", "b\u{e4}r"].map(String::from).to_vec());
    let package = unpack(&subject, "example");
    let readme = std::fs::read_to_string(package.file("README.md")).expect("a README");
    let block = |kind: &str| {
        let start = readme.find(&format!("```{kind}\n")).expect(kind) + kind.len() + 4;
        readme[start..].split("```").next().unwrap_or_default()
    };
    let mut printed = String::new();
    for line in block("sh").lines() {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().expect("a command"));
        printed = toolchain::checked(command.args(words).current_dir(&package.0));
    }
    assert_eq!(printed, block("text"));
}
