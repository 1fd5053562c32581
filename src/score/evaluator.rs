//! Policies to scores, step by step.

use super::Rewarded;
use super::images::{Calibrating, Rewarding, Run, TOGETHER};
use super::prefixes::{Prefixes, Route, live};
use crate::calibrate::{CalibrateError, Calibration, Codings, Conversion, SumMoments};
use crate::infer::{Engine, EngineStep};
use crate::net::{LayerId, Model, TensorId};
use crate::parallel;
use crate::quant::{Policy, Quantizer};
use crate::search::Score;
use std::sync::Arc;

/// What an evaluator has found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Statistics of a layer's sums over this evaluator's calibration images; those over all evaluators' go to
    /// [`Evaluator::resume`].
    Sums(LayerId, SumMoments),
    /// The score over this evaluator's reward images.
    Scored(Score),
}

/// Scores policies of one network on its images.
pub struct Evaluator {
    model: Arc<Model>,
    calibration: Arc<Calibration>,
    codings: Codings,
    prefixes: Prefixes,
    calibrating: Vec<Calibrating>,
    rewarding: Vec<Rewarding>,
    current: Option<Current>,
}

/// The policy that is being scored.
struct Current {
    policy: Policy,
    tensors: Vec<Quantizer>,
    steps: Vec<Arc<EngineStep>>,
    from: Option<(u64, LayerId, Vec<TensorId>)>,
    keep: Vec<(LayerId, u64, Vec<TensorId>)>,
}

impl Evaluator {
    /// Memory for beginnings in bytes, unless something else is asked for.
    pub const MEMORY: usize = 256 << 20;

    /// `calibrating` and `reward` are this evaluator's share of the images. Pixels are shared with whoever gives them
    /// as `Arc<[u8]>`. `memory` is what beginnings may take, in bytes. Several evaluators that work together must be given
    /// the same `counted`, the largest number of images that any of them holds, so that all keep the same.
    pub fn new<C: Clone + Into<Arc<[u8]>>>(
        model: Arc<Model>,
        calibration: Arc<Calibration>,
        calibrating: &[C],
        reward: &[Rewarded],
        memory: usize,
        counted: usize,
    ) -> Self {
        Self {
            codings: Codings::new(&model),
            prefixes: Prefixes::new(model.graph(), memory, counted),
            calibrating: calibrating.chunks(TOGETHER).map(Calibrating::new).collect(),
            rewarding: reward.chunks(TOGETHER).map(Rewarding::new).collect(),
            current: None,
            model,
            calibration,
        }
    }

    /// Begins with a policy; one that was not scored to its end is dropped.
    ///
    /// # Errors
    /// If a layer has no integer form.
    pub fn begin(&mut self, policy: &Policy) -> Result<Step, CalibrateError> {
        let Self { model, calibration, codings, prefixes, calibrating, current, .. } = self;
        for (_, id, _) in current.take().map(|dropped| dropped.keep).into_iter().flatten() {
            calibrating.iter_mut().for_each(|some| some.forget(id));
        }
        let graph = model.graph();
        let Route { from, keep, .. } = prefixes.route(graph, policy);
        let kept = from.and_then(|id| prefixes.kept(id));
        let steps = kept.map_or_else(Vec::new, |kept| kept.steps.clone());
        let from = kept.map(|kept| (kept.id, kept.layer, live(graph, kept.layer)));
        let keep = keep.into_iter().map(|(layer, id)| (layer, id, live(graph, layer))).collect();
        let conversion = Conversion { model, calibration, codings };
        let tensors = conversion.tensors(policy);
        parallel::map(calibrating, |some| some.start(graph, policy, from.as_ref()));
        self.current = Some(Current { policy: policy.clone(), tensors, steps, from, keep });
        self.advance(None)
    }

    /// Goes on with the statistics that all evaluators together have for the layer that was asked about.
    ///
    /// # Errors
    /// If a layer has no integer form.
    pub fn resume(&mut self, sums: &SumMoments) -> Result<Step, CalibrateError> {
        self.advance(Some(sums))
    }

    /// Scores a policy on this evaluator's images alone.
    ///
    /// # Errors
    /// If a layer has no integer form.
    pub fn score(&mut self, policy: &Policy) -> Result<Score, CalibrateError> {
        let mut step = self.begin(policy)?;
        loop {
            match step {
                Step::Sums(_, sums) => step = self.resume(&sums)?,
                Step::Scored(score) => return Ok(score),
            }
        }
    }

    /// Work done so far as a part of the work without any beginning kept; an estimate from operation counts.
    pub fn work_share(&self) -> f64 {
        self.prefixes.work_share()
    }

    fn advance(&mut self, mut answer: Option<&SumMoments>) -> Result<Step, CalibrateError> {
        let Self { model, calibration, codings, calibrating, current, .. } = self;
        let Some(current) = current else { return Ok(Step::Scored(Score::default())) };
        let Current { policy, tensors, steps, keep, .. } = current;
        let (model, graph) = (&**model, model.graph());
        let conversion = Conversion { model, calibration, codings };
        while let Some(layer) = graph.layers.get(steps.len()) {
            let id = steps.len();
            let sums = answer.take();
            if sums.is_none()
                && let Some(wanted) = conversion.wants(policy, tensors, id)
            {
                let some =
                    parallel::map(calibrating, |some| some.walk().map(|walk| walk.sums(graph, id, &wanted)));
                let mut sums = SumMoments::new(graph.output_shape(layer).channels);
                some.iter().flatten().for_each(|some| sums.merge(some));
                return Ok(Step::Sums(id, sums));
            }
            let integers = conversion.layer(policy, tensors, id, sums)?;
            let step = Arc::new(integers.step(model, tensors, id)?);
            let kept = keep.iter().find(|(station, ..)| *station == id);
            if layer.output != graph.logits() {
                parallel::map(calibrating, |some| {
                    if let Some(walk) = some.walk() {
                        walk.advance(graph, id, &step);
                    }
                    if let Some((_, number, live)) = kept {
                        some.store(graph, policy, live, *number);
                    }
                });
            }
            steps.push(step);
        }
        self.reward()
    }

    /// Classifies the reward images with the finished network.
    fn reward(&mut self) -> Result<Step, CalibrateError> {
        let Self { model, prefixes, calibrating, rewarding, current, .. } = self;
        let graph = model.graph();
        let Some(Current { policy, tensors, steps, from, keep }) = current.take() else {
            return Ok(Step::Scored(Score::default()));
        };
        let engine = Engine::from_steps(graph, &tensors, steps.clone())?;
        let logit_scale = tensors[graph.logits()].scale;
        let run = Run { graph, policy: &policy, engine: &engine, logit_scale, from, keep: &keep };
        let score = parallel::map(rewarding, |some| some.score(&run)).into_iter().sum();
        calibrating.iter_mut().for_each(Calibrating::stop);
        for (station, id, _) in &keep {
            for gone in prefixes.keep(graph, &policy, *station, *id, &steps) {
                calibrating.iter_mut().for_each(|some| some.forget(gone));
                rewarding.iter_mut().for_each(|some| some.forget(gone));
            }
        }
        Ok(Step::Scored(score))
    }
}
