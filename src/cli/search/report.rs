//! What a search has found, for people and for programs.

use super::super::Report;
use super::super::arguments::{DeviceArguments, Search as Arguments};
use super::super::session::{Session, hashes};
use super::{Outcome, Run, Times, shares};
use crate::flow::SearchResult;
use crate::flow::session::Weights;
use crate::link::{HashPrefix, Link};
use crate::memory::Memory;
use crate::net::Network;
use crate::search::{Episode, Search, episode_json};
use serde_json::{Value, json};
use std::fmt::Write;

/// What links to policies have in common.
struct Links<'a> {
    network: &'a Network,
    on: &'a DeviceArguments,
    weights: Option<HashPrefix>,
    images: Option<HashPrefix>,
}

/// All runs.
pub fn report(arguments: &Arguments, session: &Session, weights: &Weights, runs: &[Run]) -> Report {
    let network = &weights.model.network;
    let (of_weights, images) = hashes(session);
    let links = Links { network, on: &arguments.on, weights: of_weights, images };
    // Work done as a part of that without anything kept.
    let work_share = session.executor.work_share();
    let mut text = format!("{network}\n");
    for run in runs {
        describe(&mut text, &links, run);
    }
    let _ =
        writeln!(text, "\n{:.0} % of the work of scoring was done; the rest was known", 100.0 * work_share);
    let stopped = runs.last().is_some_and(|run| run.stopped);
    if stopped {
        let _ = writeln!(text, "{}", how_to_go_on(arguments));
    }
    let json = json!({
        "network": network.name(),
        "classes": network.classes(),
        "weights_sha256": weights.summary.sha256,
        "images": session.listing().map(|listing| listing.source.clone()).unwrap_or_default(),
        "inputs": session.inputs(true).ok(),
        "work_share": work_share,
        "stopped": stopped,
        "runs": runs.iter().map(|run| run_json(&links, run)).collect::<Vec<_>>(),
    });
    Report { text, json }
}

/// What to do after the search was stopped.
fn how_to_go_on(arguments: &Arguments) -> String {
    match &arguments.checkpoint {
        Some(folder) => format!(
            "stopped; the state is kept in {}: the same command goes on, and tests what it finds at its end",
            folder.display()
        ),
        None => {
            "stopped; the state is not kept: with --checkpoint FOLDER the same command could go on".into()
        }
    }
}

fn describe(text: &mut String, links: &Links, Run { search, float, tested, outcomes, .. }: &Run) {
    let budget = search.problem().budget();
    let _ = writeln!(
        text,
        "\nFLASH {} bytes, RAM {} bytes, seed {}; float {} of {float}",
        budget.flash,
        budget.ram,
        search.settings().seed,
        float.tally.text(),
    );
    if let Some(tested) = tested {
        let _ = writeln!(text, "test: {tested}");
    }
    let cut = cut(search);
    if !cut.is_empty() {
        let _ = writeln!(text, "at 8 bits too large for the RAM: {}", cut.join(", "));
    }
    let _ = writeln!(
        text,
        "{:<11} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6} {:>8} {:>8} {:>8} {:>9}",
        "allocator",
        "reward",
        "run-off",
        "test",
        "FLASH",
        "RAM",
        "bits",
        "episodes",
        "best at",
        "seconds",
        "of agent"
    );
    for Outcome { found: SearchResult { allocator, best, episodes, test }, times } in outcomes {
        let [flash, ram] = shares(search.problem(), best);
        let Times { scoring, thinking } = *times;
        let spent = scoring + thinking;
        let _ = writeln!(
            text,
            "{:<11} {:>7.2} {:>7} {:>7} {:>6.1}% {:>6.1}% {:>6.2} {episodes:>8} {:>8} {spent:>8.1} {:>8.0}%",
            allocator.name(),
            best.score.percent(),
            percent(search.log().run_off(best).map(|score| score.percent())),
            percent(test.map(|tally| tally.percent())),
            100.0 * flash,
            100.0 * ram,
            best.policy.mean_weight_bits(search.problem().graph()),
            best.number,
            if spent > 0.0 { 100.0 * thinking / spent } else { 0.0 }
        );
    }
    if let Some(best) = search.log().best(None) {
        let _ = writeln!(text, "best link  {}", link(links, search, best).encode());
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.2}"))
}

/// The layers that at 8 bits take more than the RAM while they run, so that a tensor of theirs must be narrowed.
fn cut(search: &Search) -> Vec<String> {
    let problem = search.problem();
    let (graph, widest) = (problem.graph(), problem.widest());
    let footprint = search.settings().memory.footprint(graph, &widest);
    let excesses = footprint.excesses(graph, &widest, problem.budget()).into_iter();
    excesses.filter(|excess| excess.memory == Memory::Ram).flat_map(|excess| excess.layers).collect()
}

fn link(links: &Links, search: &Search, best: &Episode) -> Link {
    let &Links { network, on, weights, images } = links;
    let settings = search.settings();
    Link {
        device: on.slug(),
        reserve: on.reserve_of_device(),
        origin: best.allocator.into(),
        seed: settings.seed,
        weights,
        images,
        ..Link::new(network.clone(), best.policy.clone(), settings.budget, settings.memory)
    }
}

fn run_json(links: &Links, Run { search, float, tested, stopped, outcomes }: &Run) -> Value {
    let graph = search.problem().graph();
    let settings = search.settings();
    let outcome = |Outcome { found, times }: &Outcome| {
        let [flash, ram] = shares(search.problem(), &found.best);
        json!({
            "allocator": found.allocator.name(),
            "best": episode_json(graph, &found.best),
            "link": link(links, search, &found.best).encode(),
            "mean_weight_bits": found.best.policy.mean_weight_bits(graph),
            "flash_share": flash,
            "ram_share": ram,
            "episodes": found.episodes,
            "run_off_top1": search.log().run_off(&found.best).map(|score| score.percent()),
            "scoring_seconds": times.scoring,
            "allocator_seconds": times.thinking,
            "test_correct": found.test.map(|tally| tally.correct),
            "test_images": found.test.map(|tally| tally.images),
            "test_top1": found.test.map(|tally| tally.percent()),
            "test_top1_interval": found.test.map(|tally| tally.interval()),
        })
    };
    json!({
        "device": links.on.slug().map(|slug| json!({ "slug": slug })),
        "flash_budget": settings.budget.flash,
        "ram_budget": settings.budget.ram,
        "too_large_at_8_bits": cut(search),
        "seed": settings.seed,
        "episodes": settings.episodes,
        "warm_start": settings.warm_start,
        "fill": settings.fill,
        "run_off_rounds": settings.run_off,
        "stopped": stopped,
        "float_correct": float.tally.correct,
        "reward_images": float.tally.images,
        "reward_images_used": float.to_string(),
        "test_images_used": tested.map(|images| images.to_string()),
        "allocators": outcomes.iter().map(outcome).collect::<Vec<_>>(),
        "front": search.log().front().into_iter().map(|episode| episode_json(graph, episode)).collect::<Vec<_>>(),
    })
}
