//! The course of a search: every reward, and the best so far.

use super::plot::{Labels, Plot};
use crate::{
    search::{Episode, Log, REWARD_OF_A_NAT},
    ui::chart::Axis,
};
use std::fmt::Write;
use yew::prelude::*;

/// Part of the chart's width that the name of an allocator takes.
const ROOM: f64 = 0.2;

/// The drawing for a log.
pub fn search_chart(log: &Log) -> Html {
    let episodes = log.episodes();
    let candidates = || episodes.iter().filter(|episode| episode.is_candidate());
    let least = candidates().map(|e| e.reward).fold(f64::INFINITY, f64::min);
    let most = candidates().map(|e| e.reward).fold(0.0, f64::max);
    let y = Axis::new(if least.is_finite() { least } else { -1.0 }, most, 4);
    let width = episodes.len().max(10) as f64;
    let at = |number: usize, reward: f64| ((number as f64 + 0.5) / width, y.part(reward));
    let mut dots = String::new();
    let mut best_line = String::new();
    let mut best: Option<&Episode> = None;
    for (number, episode) in episodes.iter().enumerate().filter(|(_, episode)| episode.is_candidate()) {
        dot(&mut dots, at(number, episode.reward));
        if best.is_none_or(|best| episode.score.beats(&best.score)) {
            let (x, height) = at(number, episode.reward);
            let _ = write!(best_line, "{}{:.2} ", if best.is_none() { "M" } else { "H" }, 1000.0 * x);
            let _ = if best.is_none() {
                write!(best_line, "{:.2}", 1000.0 * (1.0 - height))
            } else {
                write!(best_line, "V{:.2}", 1000.0 * (1.0 - height))
            };
            best = Some(episode);
        }
    }
    if best.is_some() {
        let _ = write!(best_line, "H{:.2}", 1000.0 * episodes.len() as f64 / width);
    }
    let starts =
        (0..episodes.len()).filter(|&i| i == 0 || episodes[i].allocator != episodes[i - 1].allocator);
    let mut bounds: Vec<(f64, &'static str)> =
        starts.map(|i| (i as f64 / width, episodes[i].allocator.name())).collect();
    // A name stands only where the next one leaves it room.
    for i in 1..bounds.len() {
        if bounds[i].0 - bounds[i - 1].0 < ROOM {
            bounds[i - 1].1 = "";
        }
    }
    let left: Vec<_> = y.ticks().map(|tick| (y.part(tick), y.label(tick))).collect();
    let nats = |tick: f64| format!("{:.3}", (tick / REWARD_OF_A_NAT).abs());
    let right: Vec<_> = y.ticks().map(|tick| (y.part(tick), nats(tick))).collect();
    html! {
        <Plot class="rewards" left={Labels(left)} right={Labels(right)} {bounds} bottom={Labels(Vec::new())}>
            <path class="dots" d={dots} />
            <path class="best-line" d={best_line} />
        </Plot>
    }
}

/// A dot of a path: a line of no length with round ends.
pub fn dot(path: &mut String, (x, y): (f64, f64)) {
    let _ = write!(path, "M{:.2} {:.2}h0", 1000.0 * x, 1000.0 * (1.0 - y));
}
