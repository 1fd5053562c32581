//! Packages as programs on the host and on the boards.

#![allow(dead_code, reason = "tests each take what they need")]

use crate::subject::Subject;
use crate::toolchain::{Program, Target};
use crate::unpacked::Unpacked;
use bitsmith::memory::{Core, Flash, Plan};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// Stack that a program on a board gets.
const STACK: usize = 1024;
/// What the harness itself takes: start-up code, files, the driver.
const HARNESS_FLASH: usize = 4096;
const HARNESS_RAM: usize = 256;

/// An object file, by its number, that one thread compiles and the others wait for.
type Object = (usize, Arc<OnceLock<PathBuf>>);

/// Objects of the runtime, compiled once for each target: packages share its sources.
#[derive(Default)]
pub struct Runtime {
    objects: Mutex<HashMap<(Target, Vec<u8>), Object>>,
}

impl Runtime {
    /// Objects of the package's runtime, in `folder`.
    pub fn objects(&self, target: Target, package: &Unpacked, folder: &Path) -> Vec<PathBuf> {
        let object = |source: &PathBuf| {
            let text = std::fs::read(source).expect("a source");
            let mut objects = self.objects.lock().expect("no worker panics with the lock");
            let next = objects.len();
            let (number, cell) =
                objects.entry((target, text)).or_insert_with(|| (next, Arc::default())).clone();
            drop(objects);
            cell.get_or_init(|| {
                let object = folder.join(format!("runtime-{number}.o"));
                let (sources, includes) = ([source.clone()], package.includes());
                let program = Program { sources: &sources, includes: &includes, flags: checks(target) };
                target.compile_object(&program, &object);
                object
            })
            .clone()
        };
        package.runtime().iter().map(object).collect()
    }
}

/// With sanitizers the runtime also checks its arguments.
fn checks(target: Target) -> &'static [&'static str] {
    match target {
        Target::GccSanitized | Target::ClangSanitized => &["-DBS_CHECK=1"],
        _ => &[],
    }
}

/// What a program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Runs the images of a file.
    Images,
    /// Runs the self-test.
    SelfTest,
}

/// Compiles a package with the driver. On a board it gets the memory that the memory model says and no more; FLASH is
/// limited only on the cores whose code the model knows.
pub fn compile(
    subject: &Subject,
    package: &Unpacked,
    runtime: &[PathBuf],
    target: Target,
    task: Task,
    flags: &[&str],
) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let platform = if target.is_board() { "platform_board.c" } else { "platform_host.c" };
    let mut sources = package.own();
    sources.push(tests.join("c_package/driver.c"));
    sources.push(tests.join("kernels").join(platform));
    sources.extend_from_slice(runtime);
    let mut includes = package.includes().to_vec();
    includes.push(tests.join("kernels"));
    let self_test = format!("-DNET_SELF_TEST={}", u8::from(task == Task::SelfTest));
    let budget = if target.is_board() { budget(subject, target, task) } else { Vec::new() };
    let mut all: Vec<&str> = vec![&self_test];
    all.extend(budget.iter().map(String::as_str));
    all.extend_from_slice(flags);
    let output = package.file(&format!("{task:?}.{target:?}"));
    target.compile(&Program { sources: &sources, includes: &includes, flags: &all }, &output);
    output
}

/// Runs a compiled package on the subject's images: all logits must be equal. Returns the bytes of stack on a board.
pub fn run_images(subject: &Subject, target: Target, program: &Path, images: &Path) -> Option<usize> {
    let output = target.run(program, &[images.to_str().expect("a path in UTF-8")]);
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{target:?} {}: {}", subject.name, text.trim_end());
    let expected = format!("{} images, 0 differing logits", subject.images.len());
    assert!(
        output.status.success() && text.starts_with(&expected),
        "{target:?} {}: {}\n{text}{}",
        subject.name,
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let stack = text.trim_end().strip_suffix(" bytes of stack").and_then(|text| text.rsplit(' ').next());
    let bytes = stack.map(|stack| stack.parse().expect("a number"));
    assert!(bytes < Some(STACK), "{target:?} {}: {bytes:?} bytes of stack", subject.name);
    bytes
}

/// What the self-test of a compiled package says.
pub fn self_test(target: Target, program: &Path) -> String {
    let output = target.run(program, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{program:?}: {}\n{text}", output.status);
    text.trim_end().strip_prefix("self-test: ").unwrap_or("nothing").to_owned()
}

/// The file that driver.c reads.
pub fn image_file(subject: &Subject) -> Vec<u8> {
    let mut bytes = (subject.images.len() as u32).to_le_bytes().to_vec();
    for (image, logits) in subject.images.iter().zip(&subject.logits) {
        bytes.extend(image);
        bytes.extend(logits.iter().flat_map(|logit| logit.to_le_bytes()));
    }
    bytes
}

/// Lengths of FLASH and RAM for linker and MPU.
fn budget(subject: &Subject, target: Target, task: Task) -> Vec<String> {
    let (graph, policy) = (subject.network.graph(), &subject.network.policy);
    let ram = Plan::new(graph, policy).arena + STACK + HARNESS_RAM;
    // The golden images of the self-test are not counted.
    let modelled = task == Task::Images && matches!(target, Target::CortexM4 | Target::CortexM7);
    let flash = if modelled {
        protectable(Flash::of(graph, policy, Core::CortexM4).total() + HARNESS_FLASH, 2)
    } else {
        4 << 20
    };
    let set = |name: &str, value: usize| format!("-Wl,--defsym={name}={value}");
    vec![set("FLASH_LEN", flash), set("RAM_LEN", protectable(ram, 3)), set("STACK_LEN", STACK)]
}

/// The least length from `length` on that so many regions of the MPU can cover: each gives three binary digits more.
fn protectable(length: usize, regions: u32) -> usize {
    let granularity = (length.next_power_of_two() >> (3 * regions)).max(32);
    length.next_multiple_of(granularity)
}
