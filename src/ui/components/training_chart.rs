//! The course of training: accuracy and loss over epochs.

use super::plot::{Labels, Plot};
use super::search_chart::dot;
use crate::{
    train::Point,
    ui::{chart::Axis, format},
};
use std::fmt::Write;
use yew::prelude::*;

/// Right answers in percent: on the reward images as a line with dots, on the changed training images as dots alone.
pub fn accuracy_chart(curve: &[Point], epochs: u32) -> Html {
    let reward = |point: &Point| Some((point.epoch, *point.measured.first()?));
    let train = |point: &Point| Some((point.epoch, point.accuracy?));
    let all = curve.iter().filter_map(reward).chain(curve.iter().filter_map(train));
    let (least, most) = extremes(all.map(|(_, value)| value.into()), (0.0, 100.0));
    let y = Axis::new(least, most.min(100.0), 4);
    let labels = y.ticks().map(|tick| (y.part(tick), format::percent(tick)));
    chart(&y, labels.collect(), epochs, curve.iter().filter_map(reward), curve.iter().filter_map(train))
}

/// Mean loss of each epoch.
pub fn loss_chart(curve: &[Point], epochs: u32) -> Html {
    let loss = |point: &Point| Some((point.epoch, point.loss?));
    let (least, most) = extremes(curve.iter().filter_map(loss).map(|(_, loss)| loss.into()), (0.0, 2.0));
    let y = Axis::new(least, most, 4);
    let labels = y.ticks().map(|tick| (y.part(tick), y.label(tick)));
    chart(&y, labels.collect(), epochs, curve.iter().filter_map(loss), std::iter::empty())
}

/// The least and the largest value; `none` if there are none.
fn extremes(values: impl Iterator<Item = f64>, none: (f64, f64)) -> (f64, f64) {
    let both = values.fold(None, |both: Option<(f64, f64)>, value| {
        Some(both.map_or((value, value), |(least, most)| (least.min(value), most.max(value))))
    });
    both.unwrap_or(none)
}

fn chart(
    y: &Axis,
    left: Vec<(f64, String)>,
    epochs: u32,
    line: impl Iterator<Item = (u32, f32)>,
    others: impl Iterator<Item = (u32, f32)>,
) -> Html {
    let width = f64::from(epochs.max(1));
    let at = |(epoch, value): (u32, f32)| (f64::from(epoch) / width, y.part(value.into()));
    let (mut path, mut dots, mut other_dots) = (String::new(), String::new(), String::new());
    for point in line.map(at) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.2} {:.2} ", 1000.0 * point.0, 1000.0 * (1.0 - point.1));
        dot(&mut dots, point);
    }
    others.map(at).for_each(|point| dot(&mut other_dots, point));
    let every = epochs.div_ceil(8).max(1);
    let bottom = (0..=epochs).step_by(every as usize);
    let bottom: Vec<_> = bottom.map(|epoch| (f64::from(epoch) / width, epoch.to_string())).collect();
    html! {
        <Plot class="training" left={Labels(left)} bottom={Labels(bottom)}>
            <path class="dots" d={other_dots} />
            <path class="best-line" d={path} />
            <path class="dots of-front" d={dots} />
        </Plot>
    }
}
