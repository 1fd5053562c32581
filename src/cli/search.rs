//! `bitsmith search`.

mod report;
mod scorer;
mod scores;
#[cfg(feature = "train")]
mod tuner;

use super::Report;
use super::arguments::Search as Arguments;
use super::failure::{ensure_argument, wrong};
use super::policy::device_budget;
use super::progress::Progress;
use super::session::Session;
use crate::flow::Tally;
use crate::memory::{Budget, Bytes, MemoryModel};
use crate::net::Graph;
use crate::quant::{Bits, Policy, Slot, WeightRange};
use crate::search::{AgentSettings, Allocator, Episode, Next, Problem, Score, Search, SearchError, Settings};
use anyhow::{Context, ensure};
use cpu_time::ProcessTime;
use scorer::Scorer;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between two checkpoints.
const PERIOD: Duration = Duration::from_secs(10);

/// A search that has ended.
struct Run {
    search: Search,
    outcomes: Vec<Outcome>,
}

/// What an allocator has found.
struct Outcome {
    allocator: Allocator,
    best: Episode,
    episodes: usize,
    /// Seconds of processor time that its scores took, whoever had them measured first, and its own.
    scoring: f64,
    thinking: f64,
    test: Option<Tally>,
}

/// Searches under every budget, with every seed.
pub fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut session = Session::open(&arguments.inputs, None)?;
    let settings = settings(arguments, &session.model.graph)?;
    // Impossible budgets are named before anything takes time.
    for settings in &settings {
        settings.problem(&session.model.graph).map_err(|error| match error {
            SearchError::Pin(_) | SearchError::Episodes { .. } => wrong(error),
            error => error.into(),
        })?;
    }
    let (calibrating, _) = session.calibration_images()?;
    let mut how = arguments.inputs.calibration.settings();
    if arguments.codebooks {
        how.weights = WeightRange::Codebook;
    }
    let calibration = Arc::new(session.calibrate(&calibrating, how)?);
    let mut scorer = Scorer::new(arguments, &mut session, &calibration, &calibrating)?;
    let mut runs = Vec::new();
    let several = settings.len() > 1;
    for mut settings in settings {
        settings.run_off = scorer.rounds();
        let run = search(&mut scorer, &session, settings, arguments.checkpoint.as_deref())?;
        write_logs(arguments, &run.search, several)?;
        runs.push(run);
    }
    Ok(report::report(&session, &arguments.on, &runs, scorer.work_share()))
}

/// Searches with one budget and one seed.
fn search(
    scorer: &mut Scorer,
    session: &Session,
    settings: Settings,
    checkpoints: Option<&Path>,
) -> anyhow::Result<Run> {
    let path = checkpoints.map(|folder| folder.join(format!("{}.bitsmith-search", digest_of(&settings))));
    let mut search = open(session, &settings, scorer.float(), path.as_deref())?;
    let mut times: HashMap<Allocator, (f64, f64)> = HashMap::new();
    // What a checkpoint brings has taken its time as well.
    for episode in search.log().episodes() {
        times.entry(episode.allocator).or_default().0 +=
            scorer.seconds(&episode.policy, episode.purpose.sample());
    }
    let (done, total) = search.progress();
    let bar = Progress::from("searching", done, total);
    let mut saved = Instant::now();
    loop {
        let start = ProcessTime::now();
        let next = search.ask();
        let mut thinking = start.elapsed().as_secs_f64();
        let mut scoring = 0.0;
        let allocator = match next {
            Next::Finished => break,
            Next::Known(episode) => Some(episode.allocator),
            Next::Score(policy, sample) => {
                let known = scorer.reward(&policy, sample)?;
                scoring = known.seconds;
                let start = ProcessTime::now();
                let allocator = search.scored(known.score).map(|episode| episode.allocator);
                thinking += start.elapsed().as_secs_f64();
                allocator
            }
        };
        if let Some(allocator) = allocator {
            let spent = times.entry(allocator).or_default();
            *spent = (spent.0 + scoring, spent.1 + thinking);
        }
        show(&bar, &search);
        if let Some(path) = path.as_deref().filter(|_| saved.elapsed() >= PERIOD) {
            save(path, &search)?;
            saved = Instant::now();
        }
    }
    bar.finish();
    if let Some(path) = path.as_deref() {
        save(path, &search)?;
    }
    let outcomes = outcomes(scorer, &search, &times)?;
    Ok(Run { search, outcomes })
}

fn outcomes(
    scorer: &mut Scorer,
    search: &Search,
    times: &HashMap<Allocator, (f64, f64)>,
) -> anyhow::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for &allocator in &search.settings().allocators {
        let Some(best) = search.log().best(Some(allocator)).cloned() else { continue };
        let episodes = search.log().count(allocator);
        let (scoring, thinking) = times.get(&allocator).copied().unwrap_or_default();
        let test = scorer.test(&best.policy)?;
        outcomes.push(Outcome { allocator, episodes, scoring, thinking, test, best });
    }
    Ok(outcomes)
}

/// The stored search if there is one of these settings, else a new one.
fn open(session: &Session, settings: &Settings, float: Score, path: Option<&Path>) -> anyhow::Result<Search> {
    let graph = &session.model.graph;
    if let Some(path) = path.filter(|path| path.exists()) {
        let bytes = fs::read(path).with_context(|| format!("{}", path.display()))?;
        let search = Search::resume(graph, &bytes).with_context(|| format!("{}", path.display()))?;
        ensure!(
            (search.settings(), search.float()) == (settings, float),
            "{} is of another search; remove it or choose another folder",
            path.display()
        );
        return Ok(search);
    }
    Ok(Search::new(graph, settings.clone(), float)?)
}

/// Replaces the file at once, so that an interruption leaves the old one or the new one.
fn save(path: &Path, search: &Search) -> anyhow::Result<()> {
    let failed = || format!("{}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    let beside = path.with_extension("part");
    fs::write(&beside, search.checkpoint()).with_context(failed)?;
    fs::rename(&beside, path).with_context(failed)
}

fn show(bar: &Progress, search: &Search) {
    bar.set_position(search.progress().0 as u64);
    let running = search.log().episodes().last().map(|episode| episode.allocator);
    if let Some(best) = search.log().best(running) {
        bar.set_message(format!("{} {:.2} %", best.allocator.name(), best.score.percent()));
    }
}

/// The settings of every run.
fn settings(arguments: &Arguments, graph: &Graph) -> anyhow::Result<Vec<Settings>> {
    let mut pins = Vec::new();
    for pin in &arguments.pin {
        pins.push(parse_pin(graph, pin)?);
    }
    let (budgets, memory) = match arguments.on.device {
        Some(device) => {
            let (budget, memory) = device_budget(device, arguments.on.reserve(), arguments.memory)?;
            (vec![budget], memory)
        }
        None => {
            let memory = arguments.memory.on(None);
            let flash: Vec<usize> = if arguments.mean_bits.is_empty() {
                arguments.flash.iter().map(|bytes| bytes.0).collect()
            } else {
                let bytes = |&bits: &f64| flash_of(graph, memory, bits);
                arguments.mean_bits.iter().map(bytes).collect()
            };
            let pairs = flash
                .iter()
                .flat_map(|&flash| arguments.ram.iter().map(move |&Bytes(ram)| Budget { flash, ram }));
            (pairs.collect(), memory)
        }
    };
    ensure_argument(!budgets.is_empty(), || {
        "no budget: give --flash or --mean-bits, and --ram; or --device".into()
    })?;
    let agent = AgentSettings {
        restart: arguments.restart,
        redecided: arguments.redecided,
        proposals: arguments.proposals,
        updates: arguments.updates,
        hidden: arguments.hidden,
        ..AgentSettings::default()
    };
    let one = |budget: Budget, seed: u64| Settings {
        allocators: arguments.allocator.clone(),
        pins: pins.clone(),
        episodes: arguments.episodes,
        seed,
        warm_start: !arguments.no_warm_start,
        fill: !arguments.no_fill,
        codebooks: arguments.codebooks,
        agent,
        ..Settings::new(budget, memory)
    };
    let all = budgets.iter().flat_map(|&budget| arguments.seed.iter().map(move |&seed| (budget, seed)));
    Ok(all.map(|(budget, seed)| one(budget, seed)).collect())
}

/// Bytes of FLASH for weights of so many bits on average: between those at 2 and at 8 bits, in proportion.
fn flash_of(graph: &Graph, memory: MemoryModel, bits: f64) -> usize {
    let at = |bits| memory.flash(graph, &Policy::uniform(graph, bits, Bits::B8)) as f64;
    let (narrow, wide) = (at(Bits::B2), at(Bits::B8));
    (narrow + (wide - narrow) * (bits - 2.0) / 6.0).round() as usize
}

/// A tensor and its width, e.g. `pw13.weights=4` or `b2.add.output=8`.
fn parse_pin(graph: &Graph, text: &str) -> anyhow::Result<(Slot, Bits)> {
    let malformed = || {
        wrong(format!("--pin {text}: expected LAYER.weights=BITS or LAYER.output=BITS, e.g. pw13.weights=4"))
    };
    let (tensor, bits) = text.split_once('=').ok_or_else(malformed)?;
    let (layer, part) = tensor.rsplit_once('.').ok_or_else(malformed)?;
    let bits = bits.parse().ok().and_then(|bits: u32| Bits::try_from(bits).ok()).ok_or_else(malformed)?;
    let id = graph
        .layer_named(layer)
        .ok_or_else(|| wrong(format!("--pin {text}: the network has no layer {layer}")))?;
    match part {
        "weights" => Ok((Slot::Weight(id), bits)),
        "output" => Ok((Slot::Activation(graph.layers[id].output), bits)),
        _ => Err(malformed()),
    }
}

/// A name that no other settings have.
fn digest_of(settings: &Settings) -> String {
    let bytes = postcard::to_stdvec(settings).unwrap_or_default();
    let digest = Sha256::digest(&bytes);
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{short}", name_of(settings))
}

/// A run's name in file names.
fn name_of(settings: &Settings) -> String {
    let Settings { budget, seed, .. } = settings;
    format!("{}-{}-{seed}", budget.flash, budget.ram)
}

fn write_logs(arguments: &Arguments, search: &Search, several: bool) -> anyhow::Result<()> {
    let graph = search.problem().graph();
    let path = |path: &PathBuf| {
        if !several {
            return path.clone();
        }
        let ending = path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!("{stem}-{}{ending}", name_of(search.settings())))
    };
    let write = |to: &PathBuf, text: String| {
        let to = path(to);
        fs::write(&to, text).with_context(|| format!("{}", to.display()))
    };
    if let Some(csv) = &arguments.csv {
        write(csv, search.log().csv(graph))?;
    }
    if let Some(log) = &arguments.log {
        write(log, format!("{:#}\n", search.log().json(graph)))?;
    }
    Ok(())
}

/// Whether a problem's FLASH or its RAM binds a policy: what it uses of each, as parts of the budget.
fn shares(problem: &Problem, episode: &Episode) -> [f64; 2] {
    let Budget { flash, ram } = problem.budget();
    [episode.usage.flash as f64 / flash as f64, episode.usage.ram as f64 / ram as f64]
}
