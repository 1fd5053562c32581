//! Divergence from the float network over memory: every policy that was scored on all reward images, and those that no
//! other beats.

use super::{
    plot::{Labels, Plot},
    search_chart::dot,
};
use crate::{
    memory::Memory,
    search::{Episode, Log},
    ui::chart::Axis,
};
use yew::prelude::*;

/// The drawing for one of the two memories; `budget` is marked if it is near.
pub fn front_chart(log: &Log, memory: Memory, budget: usize) -> Html {
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    let taken = |episode: &Episode| match memory {
        Memory::Flash => kib(episode.usage.flash),
        Memory::Ram => kib(episode.usage.ram),
    };
    let budget = kib(budget);
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (least, most) = ends(&mut log.comparable().map(taken));
    let x = Axis::new(least, most.max(budget).min(1.5 * most), 4);
    // The better, the higher.
    let height = |episode: &Episode| -episode.score.nats();
    let (least, most) = ends(&mut log.comparable().map(height));
    let y = Axis::new(least, most, 4);
    let path = |episodes: &mut dyn Iterator<Item = &Episode>| {
        let mut path = String::new();
        episodes.for_each(|e| dot(&mut path, (x.part(taken(e)), y.part(height(e)))));
        path
    };
    let front = log.front();
    let left: Vec<_> = y.ticks().map(|tick| (y.part(tick), y.label(tick.abs()))).collect();
    let bottom: Vec<_> = x.ticks().map(|tick| (x.part(tick), format!("{} KiB", x.label(tick)))).collect();
    let marked = (x.low..=x.high).contains(&budget);
    html! {
        <Plot class="front" left={Labels(left)} bottom={Labels(bottom)}
            bounds={if marked { vec![(x.part(budget), "budget")] } else { Vec::new() }}>
            <path class="dots" d={path(&mut log.comparable())} />
            <path class="dots of-front" d={path(&mut front.into_iter())} />
            <path class="dots of-best" d={path(&mut log.best(None).into_iter())} />
        </Plot>
    }
}
