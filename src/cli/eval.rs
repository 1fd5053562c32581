//! `bitsmith eval` and `bitsmith export`.

use super::Report;
use super::arguments::{Eval, Export};
use super::session::{self, Labelled, Session};
use crate::flow::Tally;
use crate::quant::{Policy, QuantizedNetwork};
use anyhow::ensure;
use serde_json::json;
use std::fmt::Write;

/// A measured policy with what it was measured on.
struct Measured {
    session: Session,
    network: QuantizedNetwork,
    images: Vec<Labelled>,
    calibration: usize,
    integers: Tally,
    float: Option<Tally>,
}

/// Measures a policy.
pub fn run(arguments: &Eval) -> anyhow::Result<Report> {
    Ok(report(&measure(arguments)?))
}

fn measure(arguments: &Eval) -> anyhow::Result<Measured> {
    let network = arguments.network.or(arguments.link.as_ref().map(|link| link.spec));
    let mut session = Session::open(&arguments.weights, network, &arguments.images, arguments.calibration)?;
    let policy = match &arguments.link {
        Some(link) => {
            let (expected, found) = (link.spec, session.model.spec);
            ensure!(
                expected == found,
                "the link is for {expected} with {} classes and {:?} padding, the weights are {found} with {} classes \
                 and {:?} padding",
                expected.classes,
                expected.padding,
                found.classes,
                found.padding
            );
            link.policy.clone()
        }
        None => Policy::uniform(&session.model.graph, arguments.bits.weights, arguments.bits.activations),
    };
    let calibration_images = session.calibration_images()?;
    let calibration = session.calibrate(&calibration_images)?;
    let network = session.quantize(&calibration, &policy, &calibration_images)?;
    let images = session.evaluation_images(arguments.limit)?;
    ensure!(!images.is_empty(), "no evaluation image could be read");
    let integers = session::measure(&network, &images)?;
    let float =
        if arguments.no_float { None } else { Some(session::measure_float(&session.model, &images)?) };
    Ok(Measured { session, network, images, calibration: calibration_images.len(), integers, float })
}

fn report(measured: &Measured) -> Report {
    let Measured { session, network, calibration, integers, float, .. } = measured;
    let mut text = format!("{}, {} calibration images\n", session.model.spec, calibration);
    for (name, tally) in [("integers", Some(integers)), ("float", float.as_ref())] {
        if let Some(tally) = tally {
            let _ = writeln!(
                text,
                "{name:<9} top-1 {:.2} % ({} of {}, 95 % within {:.2})",
                tally.percent(),
                tally.correct,
                tally.images,
                tally.margin()
            );
        }
    }
    let json = json!({
        "network": session.model.spec.to_string(),
        "classes": session.model.spec.classes,
        "weights_sha256": session.sha256,
        "weight_bits": network.policy.weight_bits(&network.graph),
        "activation_bits": network.policy.activation_bits(&network.graph),
        "calibration_images": calibration,
        "images": integers.images,
        "correct": integers.correct,
        "top1": integers.percent(),
        "float_correct": float.map(|t| t.correct),
        "float_top1": float.map(|t| t.percent()),
    });
    Report { text, json }
}

/// Measures a policy and writes its package.
pub fn export(arguments: &Export) -> anyhow::Result<Report> {
    let measured = measure(&arguments.eval)?;
    Ok(report(&measured))
}
