//! Calibration, integers, and how well they do.

use super::super::pool::Member;
use super::{Answer, End, Measured, Order, Runner, Set, no_images, no_network};
use crate::calibrate::{self, Observer, Quantization, Settings};
use crate::flow::{Event, Measurement, Tally, Task};
use crate::quant::{Policy, QuantizedNetwork};
use crate::train::Trained;
use futures::future::{join_all, try_join_all};
use js_sys::Array;
use std::cell::RefCell;

/// Images that the float network observes between two looks at the messages.
const OBSERVE: usize = 4;
/// Images that an evaluation worker classifies between two reports.
const CLASSIFY: usize = 16;

impl Runner {
    pub(super) async fn measure(&mut self, policy: Policy, limit: Option<usize>) -> Result<(), End> {
        self.recall().await?;
        let measurement = self.measure_policy(policy, limit).await?;
        self.report(&Event::Measured(measurement));
        Ok(())
    }

    pub(super) async fn measure_policy(
        &mut self,
        policy: Policy,
        limit: Option<usize>,
    ) -> Result<Measurement, End> {
        self.prepare(limit).await?;
        self.calibrate().await?;
        let (network, trained) = match self.trained_at(&policy)? {
            Some((network, epochs)) => (network, Some(epochs)),
            None => (self.quantize(&policy).await?.0, None),
        };
        let order = Order::UseIntegers(Box::new(network.clone()));
        let (tally, stopped) = self.classify(Task::Evaluate, Set::Evaluation, &order).await?;
        // The network of a stopped measurement can be packaged all the same.
        self.measured = Some(Measured { network, tally, trained });
        let calibration = self.prepared.as_ref().map_or(0, |p| p.calibration.len());
        Ok(Measurement { policy, tally, stopped, calibration, trained })
    }

    pub(super) async fn measure_float(&mut self, limit: Option<usize>) -> Result<(), End> {
        self.prepare(limit).await?;
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let order = Order::UseFloats(Box::new(model.clone()));
        let (tally, stopped) = self.classify(Task::EvaluateFloat, Set::Evaluation, &order).await?;
        self.float = Some(tally);
        self.report(&Event::MeasuredFloat { tally, stopped });
        Ok(())
    }

    pub(super) async fn calibrate(&mut self) -> Result<(), End> {
        if self.calibration.is_some() {
            return Ok(());
        }
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let images = &self.prepared.as_ref().ok_or_else(no_images)?.calibration;
        let mut observer = Observer::new(model, Settings::default())?;
        for (chunk, seen) in images.chunks(OBSERVE).zip((OBSERVE..).step_by(OBSERVE)) {
            observer.add(chunk)?;
            self.progress(Task::Calibrate, seen.min(images.len()), images.len(), None);
            self.breathe().await?;
        }
        self.calibration = Some(observer.finish()?);
        Ok(())
    }

    /// The integers that were trained here at a policy, and for how many epochs.
    pub(super) fn trained_at(&self, policy: &Policy) -> Result<Option<(QuantizedNetwork, u32)>, End> {
        let Some((Trained { model, grids: Some(grids) }, epochs)) = &self.trained else { return Ok(None) };
        if grids.policy(&model.graph) != *policy {
            return Ok(None);
        }
        Ok(Some((calibrate::trained(model, grids)?, *epochs)))
    }

    /// A policy's integers, and what training of it begins with.
    pub(super) async fn quantize(&self, policy: &Policy) -> Result<(QuantizedNetwork, Trained), End> {
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let calibration = self.calibration.as_ref().ok_or_else(no_images)?;
        let images = &self.prepared.as_ref().ok_or_else(no_images)?.calibration;
        if let Some(grids) = self.grids.as_ref().filter(|grids| grids.policy(&model.graph) == *policy) {
            let start = Trained { model: model.clone(), grids: Some(grids.clone()) };
            return Ok((calibrate::trained(model, grids)?, start));
        }
        let mut quantization = Quantization::new(model, calibration, policy, images)?;
        loop {
            if let Some(network) = quantization.step()? {
                let (model, grids) = quantization.settled();
                return Ok((network, Trained { model, grids: Some(grids) }));
            }
            let (done, total) = quantization.progress();
            self.progress(Task::Quantize, done, total, None);
            self.breathe().await?;
        }
    }

    /// Classifies all loaded images of a set; if stopped, those so far.
    pub(super) async fn classify(&self, task: Task, set: Set, network: &Order) -> Result<(Tally, bool), End> {
        let none = Array::new();
        let held = self.held.iter().find(|(held, _)| *held == set).map(|(_, count)| *count);
        let total = held.unwrap_or_else(|| self.evaluation_images());
        try_join_all(self.pool.iter().map(|member| member.ask(network, &none))).await?;
        let all = RefCell::new(Tally::default());
        let share = async |member: &Member| -> Result<(), End> {
            for from in (0..).step_by(CLASSIFY) {
                let order = Order::Classify { set, from, count: CLASSIFY };
                let (answer, _) = member.ask(&order, &Array::new()).await?;
                let Answer::Classified(tally) = answer else { break };
                if tally.images == 0 {
                    break;
                }
                let sum = *all.borrow() + tally;
                *all.borrow_mut() = sum;
                self.progress(task, sum.images, total, Some(sum));
                if self.signals.stop.get() {
                    return Err(End::Stopped);
                }
            }
            Ok(())
        };
        let mut stopped = false;
        for result in join_all(self.pool.iter().map(share)).await {
            match result {
                Ok(()) => {}
                Err(End::Stopped) => stopped = true,
                Err(failed) => return Err(failed),
            }
        }
        let tally = *all.borrow();
        if tally.images == 0 { Err(End::Stopped) } else { Ok((tally, stopped)) }
    }
}
