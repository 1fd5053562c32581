//! Images that are scored: a few at a time, each from a stored beginning to its logits.

use super::Rewarded;
use crate::calibrate::Walk;
use crate::infer::{Engine, InferError, Workspace};
use crate::net::{Graph, LayerId, TensorId};
use crate::parallel;
use crate::quant::{Policy, QuantizedNetwork, pack, unpack};
use crate::search::Score;
use std::collections::HashMap;
use std::sync::Arc;

/// Images that a thread takes on at a time.
pub const TOGETHER: usize = 8;

/// What is stored of some images after a beginning: packed codes of the tensors that are read later, image by image.
type Stored = HashMap<u64, Vec<u8>>;

/// What a policy is run with.
pub struct Run<'a> {
    pub graph: &'a Graph,
    pub policy: &'a Policy,
    pub engine: &'a Engine,
    /// Real units per step of the logits.
    pub logit_scale: f64,
    /// The beginning to start from, with its last layer and the tensors that are read later.
    pub from: Option<(u64, LayerId, Vec<TensorId>)>,
    /// Stations to store on the way.
    pub keep: &'a [(LayerId, u64, Vec<TensorId>)],
}

/// Calibration images that a thread takes through the network together.
pub struct Calibrating {
    images: Vec<Arc<[u8]>>,
    stored: Stored,
    walk: Option<Walk>,
}

/// Reward images that a thread classifies one after the other.
pub struct Rewarding {
    images: Vec<Rewarded>,
    stored: Stored,
    workspace: Workspace,
}

impl Calibrating {
    pub fn new<P: Clone + Into<Arc<[u8]>>>(images: &[P]) -> Self {
        let images = images.iter().map(|pixels| pixels.clone().into()).collect();
        Self { images, stored: Stored::new(), walk: None }
    }

    /// Puts the images at the end of a beginning.
    pub fn start(&mut self, graph: &Graph, policy: &Policy, from: Option<&(u64, LayerId, Vec<TensorId>)>) {
        let stored = from.and_then(|(id, _, live)| Some((self.stored.get(id)?, live)));
        self.walk = Some(match stored {
            None => Walk::new(graph, &self.images),
            Some((packed, live)) => {
                let per_image = packed_len(graph, policy, live);
                Walk::with_codes(graph, self.images.len(), |image| {
                    load(graph, policy, live, &packed[image * per_image..])
                })
            }
        });
    }

    /// The images on their way.
    pub fn walk(&mut self) -> Option<&mut Walk> {
        self.walk.as_mut()
    }

    /// Stores what was computed up to here.
    pub fn store(&mut self, graph: &Graph, policy: &Policy, live: &[TensorId], id: u64) {
        let Some(walk) = &self.walk else { return };
        let mut tensors: Vec<_> = live.iter().map(|&tensor| (walk.codes(tensor), tensor)).collect();
        let mut packed = Vec::new();
        for _ in 0..self.images.len() {
            for (codes, tensor) in &mut tensors {
                pack(codes.next().unwrap_or_default(), policy.activation(graph, *tensor), &mut packed);
            }
        }
        self.stored.insert(id, packed);
    }

    pub fn forget(&mut self, id: u64) {
        self.stored.remove(&id);
    }

    /// Ends the walk.
    pub fn stop(&mut self) {
        self.walk = None;
    }
}

impl Rewarding {
    pub fn new(images: &[Rewarded]) -> Self {
        Self { images: images.to_vec(), stored: Stored::new(), workspace: Workspace::default() }
    }

    /// Classifies the images.
    pub fn score(&mut self, run: &Run<'_>) -> Score {
        let Self { images, stored, workspace } = self;
        let Run { graph, policy, engine, .. } = *run;
        let from = run.from.as_ref().and_then(|(id, layer, live)| Some((stored.get(id)?, *layer, live)));
        let mut kept: Vec<Vec<u8>> = vec![Vec::new(); run.keep.len()];
        let mut score = Score::default();
        for (number, Rewarded { pixels, target, answer }) in images.iter().enumerate() {
            // Codes that a station needs of a layer before it, a residual block's input, are seen before it.
            let mut held: HashMap<TensorId, Vec<u8>> = HashMap::new();
            if let Some((packed, _, live)) = from {
                let loaded = load(graph, policy, live, &packed[number * packed_len(graph, policy, live)..]);
                let wanted = |tensor: &TensorId| run.keep.iter().any(|(.., live)| live.contains(tensor));
                held.extend(loaded.into_iter().filter(|(tensor, _)| wanted(tensor)));
            }
            let observe = |layer: LayerId, codes: &[u8]| {
                let output = graph.layers[layer].output;
                for ((station, _, live), kept) in run.keep.iter().zip(&mut kept) {
                    if *station == layer {
                        for &tensor in live {
                            let codes = if tensor == output {
                                Some(codes)
                            } else {
                                held.get(&tensor).map(Vec::as_slice)
                            };
                            pack(codes.unwrap_or_default(), policy.activation(graph, tensor), kept);
                        }
                    } else if *station > layer && live.contains(&output) {
                        held.insert(output, codes.to_vec());
                    }
                }
            };
            let logits = match from {
                None => engine.run_observed(workspace, pixels, observe).unwrap_or_default(),
                Some((packed, layer, live)) => {
                    let packed = &packed[number * packed_len(graph, policy, live)..];
                    let mut at = 0;
                    let load = |tensor: TensorId, codes: &mut [u8]| {
                        unpack(&packed[at..], policy.activation(graph, tensor), codes);
                        at += policy.activation(graph, tensor).bytes(codes.len());
                    };
                    engine.run_from(workspace, layer + 1, live, load, observe)
                }
            };
            score += answer.score(logits, *target, run.logit_scale);
        }
        for (kept, (_, id, _)) in kept.into_iter().zip(run.keep) {
            stored.insert(*id, kept);
        }
        score
    }

    pub fn forget(&mut self, id: u64) {
        self.stored.remove(&id);
    }
}

/// Bytes of the packed codes of an image.
fn packed_len(graph: &Graph, policy: &Policy, live: &[TensorId]) -> usize {
    live.iter().map(|&t| policy.activation(graph, t).bytes(graph.tensors[t].shape.elements())).sum()
}

fn load(graph: &Graph, policy: &Policy, live: &[TensorId], packed: &[u8]) -> Vec<(TensorId, Vec<u8>)> {
    let mut at = 0;
    let one = |&tensor: &TensorId| {
        let mut codes = vec![0; graph.tensors[tensor].shape.elements()];
        unpack(&packed[at..], policy.activation(graph, tensor), &mut codes);
        at += policy.activation(graph, tensor).bytes(codes.len());
        (tensor, codes)
    };
    live.iter().map(one).collect()
}

/// The score of a finished network.
///
/// # Errors
/// If an accumulator may overflow, or an image has another size.
pub fn score_network(network: &QuantizedNetwork, images: &[Rewarded]) -> Result<Score, InferError> {
    let engine = Engine::new(network)?;
    let scale = network.tensors[network.graph().logits()].scale;
    let mut parts: Vec<&[Rewarded]> = images.chunks(TOGETHER).collect();
    let scores = parallel::map(&mut parts, |part| {
        let mut workspace = Workspace::default();
        let score = |Rewarded { pixels, target, answer }: &Rewarded| {
            engine.run(&mut workspace, pixels).map(|logits| answer.score(logits, *target, scale))
        };
        part.iter().map(score).sum::<Result<Score, InferError>>()
    });
    scores.into_iter().sum()
}
