//! Programs that end at random moments: the same command, given until it ends by itself, has found what one that was left
//! alone has found, to the byte. `BITSMITH_KILLS` says how often they end, `BITSMITH_SEED` when.

#![cfg(all(unix, feature = "train"))]

use bitsmith::data::{Archive, Files};
use bitsmith::random::SplitMix64;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const DEMO: &str = "www/demo/fashion-mnist.tgz";
const WEIGHTS: &str = "www/demo/mobilenet-v1-0.25-32.safetensors";
/// Images of every class and split: few, so that one command takes a second or two.
const EACH: usize = 24;
/// Time that a program which was asked to end may take for it: a step and a file.
const PATIENCE: Duration = Duration::from_secs(60);

/// A signal that ends a program: at once, or as Ctrl-C asks for it.
#[derive(Clone, Copy, PartialEq)]
enum Signal {
    Kill = 9,
    Interrupt = 2,
}

/// A command that keeps a state, below its own folder.
struct Task {
    arguments: &'static [&'static str],
    /// Files that it writes in the end.
    outputs: &'static [&'static str],
    /// Where it keeps its state.
    checkpoint: &'static str,
}

const SEARCH: Task = Task {
    arguments: &[
        "search",
        "--allocator",
        "rule,agent",
        "--episodes",
        "70",
        "--mean-bits",
        "3",
        "--ram",
        "6KiB",
        "--limit",
        "60",
        "--calibration",
        "32",
        "--checkpoint",
        "states",
        "--csv",
        "log.csv",
        "--log",
        "log.json",
    ],
    outputs: &["log.csv", "log.json"],
    checkpoint: "states",
};

const TRAINING: Task = Task {
    arguments: &[
        "finetune",
        "--bits",
        "2/8",
        "--epochs",
        "6",
        "--calibration",
        "32",
        "--checkpoint",
        "training",
        "--out",
        "out.safetensors",
    ],
    outputs: &["out.safetensors"],
    checkpoint: "training",
};

/// What a command has found: its files, and its report without the times.
struct Found {
    files: BTreeMap<&'static str, Vec<u8>>,
    report: Value,
}

impl Task {
    /// Starts the command in a folder; its images lie beside it.
    fn start(&self, folder: &Path) -> Child {
        let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join(WEIGHTS);
        let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
        command.args(self.arguments).arg("--weights").arg(weights).args(["--images", "../photos", "--json"]);
        command.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    /// What a command that has ended by itself has found.
    fn found(&self, folder: &Path, ended: &Ended) -> Found {
        assert!(ended.status.success(), "{}", ended.said);
        let mut report = ended.report();
        forget_times(&mut report);
        let read = |&name: &&'static str| (name, fs::read(folder.join(name)).expect(name));
        Found { files: self.outputs.iter().map(read).collect(), report }
    }

    /// What Ctrl-C has left: nothing before there is anything to keep, then the best so far and how to go on.
    fn check_interrupted(&self, folder: &Path, ended: &Ended) -> bool {
        if ended.status.code() != Some(0) {
            // Before the program listens, the signal ends it as any other.
            let is_ended = ended.status.signal() == Some(Signal::Interrupt as i32);
            assert!(is_ended || ended.status.code() == Some(130), "{}: {}", ended.status, ended.said);
            return true;
        }
        let report = ended.report();
        if report["stopped"] != Value::Bool(true) {
            return false;
        }
        // Training keeps nothing before it has measured what it begins with.
        let has_begun = report["curve"].as_array().is_none_or(|curve| !curve.is_empty());
        let kept = fs::read_dir(folder.join(self.checkpoint)).is_ok_and(|mut files| files.next().is_some());
        assert_eq!(kept, has_begun, "{}", ended.said);
        for name in self.outputs {
            assert!(folder.join(name).exists(), "{name}: {}", ended.said);
        }
        true
    }
}

/// Takes the keys that tell how long something took, or how much of it was known, out of a report.
fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("_seconds") && name != "work_share");
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

/// A program that has ended.
struct Ended {
    status: ExitStatus,
    printed: String,
    said: String,
}

impl Ended {
    fn report(&self) -> Value {
        serde_json::from_str(&self.printed).unwrap_or_else(|_| panic!("no report: {}", self.said))
    }
}

/// Waits for a program's end; one that is still there after so long gets the signal. Whether it got it.
fn wait(mut program: Child, deadline: Option<(Duration, Signal)>) -> (Ended, bool) {
    let mut pipes = (program.stdout.take().expect("is piped"), program.stderr.take().expect("is piped"));
    let printed = std::thread::spawn(move || text(&mut pipes.0));
    let said = std::thread::spawn(move || text(&mut pipes.1));
    let begun = Instant::now();
    let mut signalled = false;
    let status = loop {
        if let Some(status) = program.try_wait().expect("it can be waited for") {
            break status;
        }
        match deadline {
            Some((moment, signal)) if !signalled && begun.elapsed() >= moment => {
                signalled = true;
                let (signal, pid) = (format!("-{}", signal as i32), program.id().to_string());
                // It may have ended meanwhile.
                let _ = Command::new("kill").args([signal, pid]).stderr(Stdio::null()).status();
            }
            Some((moment, _)) if signalled && begun.elapsed() >= moment + PATIENCE => {
                program.kill().expect("it can be killed");
                panic!("it goes on after it was asked to end");
            }
            _ => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let (printed, said) = (printed.join().expect("text"), said.join().expect("text"));
    (Ended { status, printed, said }, signalled)
}

fn text(pipe: &mut impl Read) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).expect("text");
    text
}

/// Some of the demo's images as a folder.
fn lay_out(root: &Path) {
    let demo = fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(DEMO)).expect("the demo");
    let mut demo = Archive::open("demo", demo).expect("an archive");
    let mut counts = BTreeMap::<String, usize>::new();
    for (index, file) in demo.files().to_vec().iter().enumerate() {
        let Some((class, _)) = file.path.rsplit_once('/') else { continue };
        let count = counts.entry(class.to_owned()).or_default();
        *count += 1;
        if *count <= EACH {
            let path = root.join(&file.path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, demo.read(index).expect("an image")).expect("written");
        }
    }
}

/// A number from the environment.
fn given(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |value| value.parse().expect(name))
}

/// Ends a command so many times, begins anew whenever it has come to its end before, and compares every end.
fn check(task: &Task, signal: Signal) {
    let kills = given("BITSMITH_KILLS", 5);
    let mut random = SplitMix64(given("BITSMITH_SEED", 1));
    let root = tempfile::tempdir().expect("a folder");
    lay_out(&root.path().join("photos"));
    let folder = |name: &str| {
        let folder = root.path().join(name);
        fs::create_dir(&folder).expect("made");
        folder
    };
    let whole = folder("whole");
    let begun = Instant::now();
    let (ended, _) = wait(task.start(&whole), None);
    let expected = task.found(&whole, &ended);
    // Of the fastest run so far: this machine may have had more to do before.
    let mut took = begun.elapsed();

    let (mut ended_early, mut ends) = (0, 0);
    let mut at = folder("0");
    loop {
        let moment = took.mul_f64(random.below(1000) as f64 / 1000.0);
        let deadline = (ended_early < kills).then_some((moment, signal));
        let begun = Instant::now();
        let (ended, signalled) = wait(task.start(&at), deadline);
        if signalled && (ended.status.signal().is_some() || task.check_interrupted(&at, &ended)) {
            ended_early += 1;
            continue;
        }
        ends += 1;
        let found = task.found(&at, &ended);
        assert_eq!(found.report, expected.report, "after {ended_early} ends");
        assert!(found.files == expected.files, "the same files, byte for byte, after {ended_early} ends");
        if ended_early >= kills {
            break;
        }
        took = took.min(begun.elapsed());
        at = folder(&ends.to_string());
    }
    println!("{kills} times ended early, {ends} times at its end; {took:.1?} in one go");
}

#[test]
fn a_search_that_is_killed_gives_the_log_of_one_that_is_not() {
    check(&SEARCH, Signal::Kill);
}

#[test]
fn training_that_is_killed_gives_the_weights_of_one_that_is_not() {
    check(&TRAINING, Signal::Kill);
}

#[test]
fn a_search_that_is_interrupted_keeps_its_best_and_ends_as_one_that_is_not() {
    check(&SEARCH, Signal::Interrupt);
}

#[test]
fn training_that_is_interrupted_keeps_its_best_and_ends_as_one_that_is_not() {
    check(&TRAINING, Signal::Interrupt);
}
