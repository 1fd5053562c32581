//! The course of a search: rewards, the best policy beside the one that was scored last, sensitivities.

use crate::{
    memory::{ByteUnit, Memory},
    quant::{Bits, Policy, Slot},
    search::{Episode, Log, Purpose},
    ui::{
        chart::column,
        components::{BitsBars, Button, search_chart},
        format,
        state::{Action, Phase, Run, Widths},
    },
};
use std::collections::BTreeMap;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct CourseProps {
    pub run: Run,
    pub act: Callback<Action>,
}

/// Charts and figures of the best and the last episode.
#[component]
pub fn Course(props: &CourseProps) -> Html {
    let CourseProps { run, act } = props;
    let log = run.log();
    let best = log.best(None);
    let apply = {
        let (act, best) = (act.clone(), best.cloned());
        move |_| best.iter().for_each(|best| act.emit(Action::Adopt(Box::new(best.clone()))))
    };
    let phase = match &run.phase {
        Phase::Running => "Running",
        Phase::Paused => "Paused",
        Phase::Ended { stopped: true, .. } => "Stopped; the best so far is kept",
        Phase::Ended { stopped: false, .. } => "Done",
    };
    let said = best.map_or(String::new(), |best| {
        format!(
            "{phase}. Best so far: divergence {}, {} of the reward images right.",
            best.score.divergence_text(),
            best.score.text()
        )
    });
    html! {
        <div class="course">
            <div>
                <p class="facts"><b>{ phase }</b>{ format!(": {}, {} scored, float network {} of {}.",
                    run.network, format::count(log.episodes().len(), "policy", "policies"),
                    format::accuracy(run.float.tally), run.float) }</p>
                <figure>
                    <figcaption class="legend"><span class="key dot">{ "reward of a policy" }</span>
                        <span class="key line">{ "best so far" }</span>
                        <span>{ "left: reward; right: divergence from the float network in nats" }</span></figcaption>
                    { search_chart(&log) }
                </figure>
            </div>
            <div>
                <dl class="accuracies">
                    { figure(run, "Best", best) }
                    { figure(run, "Last", log.episodes().last()) }
                </dl>
                <div class="toolbar">
                    <Button class="primary" onclick={apply} title="Show the best policy in the table above"
                        why_not={best.is_none().then_some("No policy that fits was scored yet")}>
                        { "Use the best policy" }</Button>
                </div>
                { memory(run, &log) }
                { widths("Best policy", run, best.map(|e| &e.policy)) }
                { widths("Scored last", run, log.episodes().last().map(|e| &e.policy)) }
            </div>
            <Sensitivities run={run.clone()} />
            <span class="unseen" aria-live="polite">{ said }</span>
        </div>
    }
}

/// Accuracy and allocator of an episode.
fn figure(run: &Run, title: &'static str, episode: Option<&Episode>) -> Html {
    html! {
        <div>
            <dt>{ title }</dt>
            { match episode {
                Some(episode) => html! {
                    <dd><b>{ episode.score.text() }</b><br />
                        <span class="hint">{ format!("divergence {}, {}, episode {}{}", episode.score.divergence_text(),
                            episode.allocator.name(), episode.number, purpose(run, episode)) }</span></dd>
                },
                None => html! { <dd class="hint">{ "none yet" }</dd> },
            } }
        </div>
    }
}

/// What an episode is for, unless it may simply win.
fn purpose(run: &Run, episode: &Episode) -> String {
    match episode.purpose {
        Purpose::Candidate => String::new(),
        Purpose::Start(allocator) => format!(", begins with the policy of {}", allocator.name()),
        Purpose::RunOff(round) => {
            format!(", round {} of the run-off, on images of which no reward is", round + 1)
        }
        Purpose::Widest => ", all at 8 bits, to compare with; no candidate".into(),
        Purpose::Probe(slot, bits) => {
            format!(", measures {} at {bits} bits alone; no candidate", tensor(run, slot))
        }
    }
}

fn tensor(run: &Run, slot: Slot) -> String {
    let graph = run.network.graph();
    match slot {
        Slot::Weight(layer) => format!("weights of {}", graph.layers[layer].name),
        Slot::Activation(tensor) => format!("activations of {}", graph.tensors[tensor].name),
    }
}

/// Best and last episode against both budgets.
fn memory(run: &Run, log: &Log) -> Html {
    let budget = run.request.settings.budget;
    let episodes = [("best", log.best(None)), ("last", log.episodes().last())];
    let row = |memory: Memory, budget: usize| {
        let bars = episodes.iter().filter_map(|&(title, episode)| {
            let usage = episode?.usage;
            let used = if memory == Memory::Flash { usage.flash } else { usage.ram };
            let percent = 100.0 * used as f64 / budget.max(1) as f64;
            let unit = ByteUnit::of(&[used, budget]);
            Some(html! {
                <div class={classes!("meter", (used > budget).then_some("over"))}>
                    <span>{ format!("{memory}, {title}") }</span>
                    <svg aria-hidden="true"><rect width={format!("{:.2}%", percent.min(100.0))} height="100%" /></svg>
                    <span class="number">{ format!("{} of {}, {percent:.1} %", unit.text(used), unit.text(budget)) }</span>
                </div>
            })
        });
        bars.collect::<Html>()
    };
    html! { <div class="meters">{ row(Memory::Flash, budget.flash) }{ row(Memory::Ram, budget.ram) }</div> }
}

fn widths(title: &'static str, run: &Run, policy: Option<&Policy>) -> Html {
    let Some(policy) = policy else { return html! {} };
    let graph = run.network.graph();
    html! {
        <figure class="widths">
            <figcaption>{ format!("{title}, {:.2} bits per weight on average", policy.mean_weight_bits(graph)) }</figcaption>
            <div class="canvas"><BitsBars widths={Widths::all(graph, policy)} /></div>
        </figure>
    }
}

#[derive(Properties, PartialEq)]
struct SensitivitiesProps {
    run: Run,
}

/// What narrowing each tensor by itself costs, as far as it was measured.
#[component]
fn Sensitivities(props: &SensitivitiesProps) -> Html {
    let run = &props.run;
    let log = run.log();
    let mut costs: BTreeMap<Slot, [Option<f64>; 2]> = BTreeMap::new();
    for sensitivity in log.sensitivities() {
        let place = usize::from(sensitivity.bits == Bits::B4);
        costs.entry(sensitivity.slot).or_default()[place] = Some(sensitivity.nats.max(0.0));
    }
    if costs.is_empty() {
        return html! {};
    }
    let graph = run.network.graph();
    let count = graph.layers.len();
    let most = costs.values().flatten().flatten().fold(1e-9, |most: f64, &nats| most.max(nats));
    let lane = |slot: &dyn Fn(usize) -> Slot| -> Html {
        let bars = (0..count).filter_map(|layer| Some((layer, costs.get(&slot(layer))?)));
        let bars = bars.flat_map(|(layer, nats)| {
            let (x, width) = column(layer, count);
            // Four bits last, before the two.
            let bar = move |(nats, class): (&Option<f64>, &'static str)| {
                // The square root, so that small costs show beside large ones.
                let height = 100.0 * ((*nats)? / most).sqrt();
                Some(html! {
                    <rect {class} x={format!("{x:.3}%")} width={format!("{width:.3}%")}
                        y={format!("{:.2}%", 100.0 - height)} height={format!("{height:.2}%")} />
                })
            };
            nats.iter().zip(["bits-2", "bits-4"]).filter_map(bar)
        });
        bars.collect()
    };
    let rows = costs.iter().map(|(slot, [two, four])| {
        let text = |nats: &Option<f64>| nats.map_or("–".into(), |nats| format!("{nats:.4}"));
        let name = tensor(run, *slot);
        html! { <tr><th scope="row">{ name }</th><td class="number">{ text(four) }</td><td class="number">{ text(two) }</td></tr> }
    });
    html! {
        <figure class="sensitivities">
            <figcaption>{ format!("Sensitivity: rise of the divergence from the float network if one tensor alone is narrowed, \
                at 4 bits before 2 bits; square-root scale, highest {most:.3} nats. Tensors that the budgets do not press are not measured.") }</figcaption>
            <div class="canvas">
                if costs.keys().any(|slot| matches!(slot, Slot::Weight(_))) {
                    <p class="lane-title">{ "Weights" }</p>
                    <svg class="lane" aria-hidden="true">{ lane(&Slot::Weight) }</svg>
                }
                if costs.keys().any(|slot| matches!(slot, Slot::Activation(_))) {
                    <p class="lane-title">{ "Activations" }</p>
                    <svg class="lane" aria-hidden="true">{ lane(&|layer| Slot::Activation(graph.layers[layer].output)) }</svg>
                }
            </div>
            <details>
                <summary>{ "Figures" }</summary>
                <div class="scroll" tabindex="0" role="region" aria-label="Sensitivities">
                    <table>
                        <thead><tr><th scope="col">{ "Tensor" }</th><th scope="col" class="number">{ "4 bits" }</th>
                            <th scope="col" class="number">{ "2 bits" }</th></tr></thead>
                        <tbody>{ for rows }</tbody>
                    </table>
                </div>
            </details>
        </figure>
    }
}
