//! What a search has found: allocator against allocator, divergence against memory, and the log to take away.

use crate::{
    memory::{Bytes, Memory},
    search::{Allocator, Episode},
    ui::{
        browser,
        components::front_chart,
        format,
        state::{Action, Phase, Run},
    },
};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct CompareProps {
    pub run: Run,
    pub act: Callback<Action>,
}

/// Table of allocators, Pareto front, export.
#[component]
pub fn Compare(props: &CompareProps) -> Html {
    let CompareProps { run, act } = props;
    let log = run.log();
    if log.episodes().is_empty() {
        return html! {};
    }
    let budget = run.request.settings.budget;
    let save = |ending: &'static str| {
        let run = run.clone();
        move |_| {
            let (log, graph) = (run.log(), run.network.graph());
            let text = match ending {
                "csv" => log.csv(graph),
                _ => format!("{:#}\n", log.json(graph)),
            };
            browser::save_text(&text, &format!("search-{}.{ending}", run.network));
        }
    };
    html! {
        <div class="compare">
            <Allocators run={run.clone()} act={act.clone()} />
            <div class="fronts">
                { for [(Memory::Flash, budget.flash), (Memory::Ram, budget.ram)].map(|(memory, budget)| html! {
                    <figure>
                        <figcaption class="legend">{ format!("Divergence from the float network over {memory}, in nats: ") }<span class="key dot">{ "scored" }</span>
                            <span class="key of-front">{ "not beaten" }</span><span class="key of-best">{ "best" }</span></figcaption>
                        { front_chart(&log, memory, budget) }
                    </figure>
                }) }
            </div>
            <Front run={run.clone()} act={act.clone()} />
            <p class="tools">{ "Log of all policies: " }
                <button type="button" onclick={save("csv")}>{ "CSV" }</button>
                <button type="button" onclick={save("json")}>{ "JSON" }</button></p>
        </div>
    }
}

/// A link that shows an episode's policy in the table.
fn show(act: &Callback<Action>, episode: &Episode) -> Html {
    let episode = episode.clone();
    let onclick = act.reform(move |_| Action::Adopt(Box::new(episode.clone())));
    html! { <button type="button" {onclick} title="Show this policy in the table of layers">{ "Use" }</button> }
}

#[derive(Properties, PartialEq)]
struct RunProps {
    run: Run,
    act: Callback<Action>,
}

/// One row per allocator: its best policy.
#[component]
fn Allocators(props: &RunProps) -> Html {
    let RunProps { run, act } = props;
    let log = run.log();
    let tests = |allocator: Allocator| match &run.phase {
        Phase::Ended { results, .. } => {
            results.iter().find(|r| r.allocator == allocator).and_then(|r| r.test)
        }
        _ => None,
    };
    let tested = match &run.phase {
        Phase::Ended { images: Some(images), .. } => format!("Tested on {images}."),
        _ => "Test images are seen once, at the end.".into(),
    };
    let rows = run.request.settings.allocators.iter().rev().filter_map(|&allocator| {
        let episodes = log.count(allocator);
        let Some(best) = log.best(Some(allocator)) else {
            // Why it is not compared, if its episodes are over without a policy that may win.
            return (episodes > 0).then(|| html! {
                <tr key={allocator.name()}>
                    <th scope="row">{ allocator.title() }</th>
                    <td colspan="9">{ format!("{} so far, all to measure single tensors; it proposes policies after that",
                        format::count(episodes, "episode", "episodes")) }</td>
                </tr>
            });
        };
        let mean = best.policy.mean_weight_bits(run.network.graph());
        Some(html! {
            <tr key={allocator.name()}>
                <th scope="row">{ allocator.title() }</th>
                <td class="number"><b>{ format!("{:.4}", best.score.nats()) }</b></td>
                <td class="number">{ best.score.text() }</td>
                <td class="number">{ log.run_off(best).map_or("–".into(), |score| score.text()) }</td>
                <td class="number">{ tests(allocator).map_or("–".into(), format::accuracy) }</td>
                <td class="number">{ Bytes(best.usage.flash).to_string() }</td>
                <td class="number">{ Bytes(best.usage.ram).to_string() }</td>
                <td class="number">{ format!("{mean:.2}") }</td>
                <td class="number">{ format!("{} of {}", best.number, format::count(episodes, "episode", "episodes")) }</td>
                <td>{ show(act, best) }</td>
            </tr>
        })
    });
    html! {
        <div class="scroll" tabindex="0" role="region" aria-label="Allocators compared">
            <table>
                <caption>{ "Best of each allocator: the lowest divergence from the float network on the reward images, in nats. \
                    Its finalists meet again on training images, round by round, lest the luckiest on the reward images win; those within a standard error of the most right \
                    answers are told apart by their divergence from the float network. " }{ tested }</caption>
                <thead>
                    <tr>
                        <th scope="col">{ "Allocator" }</th><th scope="col" class="number">{ "Divergence" }</th>
                        <th scope="col" class="number">{ "Reward images" }</th>
                        <th scope="col" class="number">{ "Run-off" }</th>
                        <th scope="col" class="number">{ "Test images" }</th><th scope="col" class="number">{ "FLASH" }</th>
                        <th scope="col" class="number">{ "RAM" }</th><th scope="col" class="number">{ "Bits per weight" }</th>
                        <th scope="col" class="number">{ "Found at" }</th><th scope="col"><span class="unseen">{ "Use" }</span></th>
                    </tr>
                </thead>
                <tbody>{ for rows }</tbody>
            </table>
        </div>
    }
}

/// The policies that no other beats in divergence, FLASH and RAM at once.
#[component]
fn Front(props: &RunProps) -> Html {
    let RunProps { run, act } = props;
    let log = run.log();
    let front = log.front();
    let count = format::count(front.len(), "policy", "policies");
    let rows = front.into_iter().map(|episode| {
        html! {
            <tr>
                <td class="number">{ Bytes(episode.usage.flash).to_string() }</td>
                <td class="number">{ Bytes(episode.usage.ram).to_string() }</td>
                <td class="number"><b>{ format!("{:.4}", episode.score.nats()) }</b></td>
                <td class="number">{ episode.score.text() }</td>
                <td>{ format!("{}, {}", episode.allocator.name(), episode.number) }</td>
                <td>{ show(act, episode) }</td>
            </tr>
        }
    });
    html! {
        <details>
            <summary>{ format!("Pareto front: {count} that no other beats in divergence, FLASH and RAM at once") }</summary>
            <div class="scroll history" tabindex="0" role="region" aria-label="Pareto front">
                <table>
                    <thead><tr><th scope="col" class="number">{ "FLASH" }</th><th scope="col" class="number">{ "RAM" }</th>
                        <th scope="col" class="number">{ "Divergence" }</th><th scope="col" class="number">{ "Reward images" }</th>
                        <th scope="col">{ "Episode" }</th>
                        <th scope="col"><span class="unseen">{ "Use" }</span></th></tr></thead>
                    <tbody>{ for rows }</tbody>
                </table>
            </div>
        </details>
    }
}
