//! What a search has found, for people and for programs.

use super::super::Report;
use super::super::arguments::DeviceArguments;
use super::super::session::Session;
use super::{Outcome, Run, shares};
use crate::flow::Tally;
use crate::link::Link;
use crate::memory::Memory;
use crate::search::{Episode, Search, episode_json};
use serde_json::{Value, json};
use std::fmt::Write;

/// All runs. `work_share` is the work done as a part of that without anything kept.
pub fn report(session: &Session, on: &DeviceArguments, runs: &[Run], work_share: f64) -> Report {
    let mut text = format!("{}\n", session.model.spec);
    for run in runs {
        describe(&mut text, session, on, run);
    }
    let _ =
        writeln!(text, "\n{:.0} % of the work of scoring was done; the rest was known", 100.0 * work_share);
    let json = json!({
        "network": session.model.spec.to_string(),
        "classes": session.model.spec.classes,
        "weights_sha256": session.sha256,
        "images": session.images_source(),
        "inputs": session.taken(),
        "work_share": work_share,
        "runs": runs.iter().map(|run| run_json(session, on, run)).collect::<Vec<_>>(),
    });
    Report { text, json }
}

fn describe(text: &mut String, session: &Session, on: &DeviceArguments, Run { search, outcomes }: &Run) {
    let budget = search.problem().budget();
    let float = Tally::from(search.float());
    let _ = writeln!(
        text,
        "\nFLASH {} bytes, RAM {} bytes, seed {}; float {:.2} % of {} reward images",
        budget.flash,
        budget.ram,
        search.settings().seed,
        float.percent(),
        float.images
    );
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
    for outcome in outcomes {
        let Outcome { allocator, best, episodes, scoring, thinking, test } = outcome;
        let [flash, ram] = shares(search.problem(), best);
        let spent = *scoring + *thinking;
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
            if spent > 0.0 { 100.0 * *thinking / spent } else { 0.0 }
        );
    }
    if let Some(best) = search.log().best(None) {
        let _ = writeln!(text, "best link  {}", link(session, on, search, best).encode());
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

fn link(session: &Session, on: &DeviceArguments, search: &Search, best: &Episode) -> Link {
    let settings = search.settings();
    let (weights, images) = session.hashes();
    Link {
        device: on.slug(),
        reserve: on.reserve_of_device(),
        origin: best.allocator.into(),
        seed: settings.seed,
        weights,
        images,
        ..Link::new(session.model.spec, best.policy.clone(), settings.budget, settings.memory)
    }
}

fn run_json(session: &Session, on: &DeviceArguments, Run { search, outcomes }: &Run) -> Value {
    let graph = search.problem().graph();
    let settings = search.settings();
    let outcome = |outcome: &Outcome| {
        let [flash, ram] = shares(search.problem(), &outcome.best);
        json!({
            "allocator": outcome.allocator.name(),
            "best": episode_json(graph, &outcome.best),
            "link": link(session, on, search, &outcome.best).encode(),
            "mean_weight_bits": outcome.best.policy.mean_weight_bits(graph),
            "flash_share": flash,
            "ram_share": ram,
            "episodes": outcome.episodes,
            "run_off_top1": search.log().run_off(&outcome.best).map(|score| score.percent()),
            "scoring_seconds": outcome.scoring,
            "allocator_seconds": outcome.thinking,
            "test_correct": outcome.test.map(|tally| tally.correct),
            "test_images": outcome.test.map(|tally| tally.images),
            "test_top1": outcome.test.map(|tally| tally.percent()),
        })
    };
    json!({
        "device": on.slug().map(|slug| json!({ "slug": slug })),
        "flash_budget": settings.budget.flash,
        "ram_budget": settings.budget.ram,
        "too_large_at_8_bits": cut(search),
        "seed": settings.seed,
        "episodes": settings.episodes,
        "warm_start": settings.warm_start,
        "fill": settings.fill,
        "run_off_rounds": settings.run_off,
        "float_correct": search.float().correct,
        "reward_images": search.float().images,
        "allocators": outcomes.iter().map(outcome).collect::<Vec<_>>(),
        "front": search.log().front().into_iter().map(|episode| episode_json(graph, episode)).collect::<Vec<_>>(),
    })
}
