//! `bitsmith search`.

mod report;
mod scorer;
mod scores;
#[cfg(feature = "train")]
mod tuner;

use super::arguments::Search as Arguments;
use super::failure::{ensure_argument, wrong};
use super::policy::device_budget;
use super::session::{self, Session};
use super::{Report, output};
use crate::flow::{Figure, ImagesUsed, SearchEnd, SearchRequest, SearchResult};
use crate::memory::{Budget, Bytes, MemoryModel};
use crate::net::Graph;
use crate::quant::{Bits, Policy, Slot, WeightRange};
use crate::search::{AgentSettings, Episode, Problem, Search, SearchError, Settings};
use anyhow::Context;
use scorer::{Scorer, Times};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// A search that has ended.
struct Run {
    search: Search,
    /// The float network on the reward images.
    float: Figure,
    /// What tests are of.
    tested: Option<ImagesUsed>,
    stopped: bool,
    outcomes: Vec<Outcome>,
}

/// What an allocator has found.
struct Outcome {
    found: SearchResult,
    times: Times,
}

/// Searches under every budget, with every seed.
pub fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut session = session::open(&arguments.inputs, None)?;
    let weights = session::done(session.weights())?;
    let settings = settings(arguments, weights.model.graph())?;
    // Impossible budgets are named before anything takes time.
    for settings in &settings {
        settings.problem(weights.model.graph()).map_err(|error| match error {
            SearchError::Pin(_) | SearchError::Episodes { .. } => wrong(error),
            error => error.into(),
        })?;
    }
    if arguments.codebooks {
        session.settings.weights = WeightRange::Codebook;
    }
    session.executor.memory = arguments.cache.0;
    session.executor.checkpoints.clone_from(&arguments.checkpoint);
    session::check_preprocessing(&mut session)?;
    let first = settings.first().context("no seed: give --seed at least one number")?;
    let mut scorer = Scorer::new(arguments, &mut session, first)?;
    let mut runs: Vec<Run> = Vec::new();
    let several = settings.len() > 1;
    for mut settings in settings {
        settings.run_off = scorer.subject.rounds;
        let run = search(arguments, &mut scorer, &mut session, settings)?;
        write_logs(arguments, &run.search, several)?;
        let stopped = run.stopped;
        runs.push(run);
        if stopped {
            break;
        }
    }
    Ok(report::report(arguments, &session, &weights, &runs))
}

/// Searches with one budget and one seed.
fn search(
    arguments: &Arguments,
    scorer: &mut Scorer,
    session: &mut Session,
    settings: Settings,
) -> anyhow::Result<Run> {
    let name = format!("{}.bitsmith-search", digest_of(&settings));
    let request = SearchRequest { settings, limit: arguments.limit, test: !arguments.no_test };
    let subject = scorer.subject;
    let opened = session::run(session.open_search(&name, &request, &subject));
    let path = session.executor.checkpoint(&name);
    let search = opened.with_context(|| path.map_or_else(String::new, |path| path.display().to_string()))?;
    scorer.begin(session, &search);
    let (search, end) = session::run(session.run_search(&name, request, &subject, search, scorer))?;
    let outcome = |found: SearchResult| Outcome { times: scorer.times(found.allocator), found };
    let SearchEnd { results, stopped, images: tested } = end;
    let outcomes = results.into_iter().map(outcome).collect();
    Ok(Run { search, float: subject.float, tested, stopped, outcomes })
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
    let write = |to: &PathBuf, text: String| output::write(&path(to), text.as_bytes());
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
