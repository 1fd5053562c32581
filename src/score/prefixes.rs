//! Which beginnings of policies are kept in memory.
//!
//! Policies that agree on all tensors up to a layer give the same codes there, for all images. Some layers are
//! stations: there the codes are few compared with the work that has led to them. What was computed up to a station
//! is kept when the same beginning turns up for the second time, and forgotten in the order of GreedyDual-Size (Cao
//! and Irani 1997): cheap to compute again, large, and long unused first. None of this changes any result.

use crate::infer::EngineStep;
use crate::net::{Graph, LayerId, TensorId};
use crate::quant::Policy;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A station must be apart from the one before by this part of a network's work.
const APART: u64 = 32;
/// Beginnings that are remembered as seen once.
const REMEMBERED: usize = 1 << 16;

/// The widths of all tensors up to a layer.
type Beginning = Vec<u8>;

/// A beginning that is kept.
pub struct Kept {
    /// Number by which the images know their part of it.
    pub id: u64,
    /// The last layer that was computed.
    pub layer: LayerId,
    /// Layers up to there, in integers.
    pub steps: Vec<Arc<EngineStep>>,
    bytes: usize,
    /// Work that it saves.
    work: u64,
    priority: f64,
}

/// What to do for a policy.
pub struct Route {
    /// Begin after this one.
    pub from: Option<u64>,
    /// The first layer to compute.
    pub layer: LayerId,
    /// Stations to keep, each with the number it will have.
    pub keep: Vec<(LayerId, u64)>,
}

/// The beginnings that are kept.
pub struct Prefixes {
    stations: Vec<LayerId>,
    /// Work up to each layer, inclusive.
    work: Vec<u64>,
    kept: HashMap<Beginning, Kept>,
    seen: HashSet<Beginning>,
    /// Bytes allowed, and in use.
    limit: usize,
    used: usize,
    /// Images that bytes are counted for.
    images: usize,
    clock: f64,
    next: u64,
    /// Work asked for and done, for those who measure.
    asked: u64,
    done: u64,
}

impl Prefixes {
    /// Nothing kept. `limit` is in bytes; each beginning takes its codes for so many `images`.
    pub fn new(graph: &Graph, limit: usize, images: usize) -> Self {
        let mut sum = 0;
        let mut work = Vec::with_capacity(graph.layers.len());
        for layer in &graph.layers {
            sum += graph.layer_work(layer);
            work.push(sum);
        }
        let bytes =
            |layer| live(graph, layer).iter().map(|&t| graph.tensors[t].shape.elements()).sum::<usize>();
        let mut stations = Vec::new();
        let mut last = 0;
        for (layer, &work) in work.iter().enumerate().take(graph.layers.len().saturating_sub(1)) {
            let is_narrow = bytes(layer) <= bytes(layer + 1) || layer + 2 == graph.layers.len();
            if is_narrow && work - last >= sum / APART {
                stations.push(layer);
                last = work;
            }
        }
        Self {
            stations,
            work,
            kept: HashMap::new(),
            seen: HashSet::new(),
            limit,
            used: 0,
            images,
            clock: 0.0,
            next: 0,
            asked: 0,
            done: 0,
        }
    }

    /// Where to begin with a policy and what to keep of it.
    pub fn route(&mut self, graph: &Graph, policy: &Policy) -> Route {
        let all = self.work.last().copied().unwrap_or(0);
        let mut route = Route { from: None, layer: 0, keep: Vec::new() };
        for &station in &self.stations {
            let beginning = beginning(graph, policy, station);
            if let Some(kept) = self.kept.get_mut(&beginning) {
                kept.priority = self.clock + kept.work as f64 / kept.bytes.max(1) as f64;
                route = Route { from: Some(kept.id), layer: station + 1, keep: Vec::new() };
            } else if self.seen.contains(&beginning) {
                if self.bytes(graph, policy, station) <= self.limit {
                    route.keep.push((station, self.next));
                    self.next += 1;
                }
            } else {
                if self.seen.len() >= REMEMBERED {
                    self.seen.clear();
                }
                self.seen.insert(beginning);
            }
        }
        self.asked += all;
        self.done += all - route.layer.checked_sub(1).map_or(0, |layer| self.work[layer]);
        route
    }

    /// A beginning that is kept.
    pub fn kept(&self, id: u64) -> Option<&Kept> {
        self.kept.values().find(|kept| kept.id == id)
    }

    /// Keeps a beginning whose codes have been stored; returns the numbers of those that go for it.
    pub fn keep(
        &mut self,
        graph: &Graph,
        policy: &Policy,
        station: LayerId,
        id: u64,
        steps: &[Arc<EngineStep>],
    ) -> Vec<u64> {
        let bytes = self.bytes(graph, policy, station);
        let work = self.work[station];
        let mut gone = Vec::new();
        while self.used + bytes > self.limit {
            let least = self
                .kept
                .iter()
                .min_by(|a, b| a.1.priority.total_cmp(&b.1.priority).then(a.1.id.cmp(&b.1.id)));
            let Some(least) = least.map(|(beginning, _)| beginning.clone()) else { break };
            if let Some(kept) = self.kept.remove(&least) {
                self.used -= kept.bytes;
                self.clock = kept.priority;
                gone.push(kept.id);
            }
        }
        let priority = self.clock + work as f64 / bytes.max(1) as f64;
        let steps = steps[..=station].to_vec();
        self.used += bytes;
        let kept = Kept { id, layer: station, steps, bytes, work, priority };
        if let Some(old) = self.kept.insert(beginning(graph, policy, station), kept) {
            self.used -= old.bytes;
            gone.push(old.id);
        }
        gone
    }

    /// Work done so far as a part of the work that it would have been without anything kept, by the estimate that
    /// stations are chosen with.
    pub fn work_share(&self) -> f64 {
        if self.asked == 0 { 1.0 } else { self.done as f64 / self.asked as f64 }
    }

    fn bytes(&self, graph: &Graph, policy: &Policy, layer: LayerId) -> usize {
        let packed = |&t: &TensorId| policy.activation(graph, t).bytes(graph.tensors[t].shape.elements());
        self.images * live(graph, layer).iter().map(packed).sum::<usize>()
    }
}

/// Tensors that layers after this one read.
pub fn live(graph: &Graph, layer: LayerId) -> Vec<TensorId> {
    let written = graph.layers[..=layer].iter().map(|layer| layer.output);
    written.filter(|&tensor| graph.last_reader(tensor) > Some(layer)).collect()
}

fn beginning(graph: &Graph, policy: &Policy, layer: LayerId) -> Beginning {
    let layers = graph.layers[..=layer].iter().enumerate();
    layers
        .map(|(id, layer)| policy.weight(id) as u8 * 3 + policy.activation(graph, layer.output) as u8)
        .collect()
}
