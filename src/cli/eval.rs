//! `bitsmith eval` and `bitsmith export`.

use super::Report;
use super::arguments::{BitsArgument, Eval, Export};
use super::policy;
use super::session::{self, Session};
use crate::export;
use crate::flow::{Package, Tally};
use crate::link::{Allocator, Link};
use crate::memory::catalogue::Mcu;
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use anyhow::{Context, ensure};
use serde_json::json;
use std::fmt::Write;
use std::fs;

/// A measured policy with what it was measured on.
struct Measured {
    session: Session,
    network: QuantizedNetwork,
    calibration: Vec<Vec<u8>>,
    targets: Vec<usize>,
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
        None => policy_of(&arguments.bits, &session.model)?,
    };
    let (images, targets) = session.calibration_images()?;
    let calibration = session.calibrate(&images)?;
    let network = session.quantize(&calibration, &policy, &images)?;
    let calibration = images;
    let images = session.evaluation_images(arguments.limit)?;
    ensure!(!images.is_empty(), "no evaluation image could be read");
    let integers = session::measure(&network, &images)?;
    let float =
        if arguments.no_float { None } else { Some(session::measure_float(&session.model, &images)?) };
    Ok(Measured { session, network, calibration, targets, integers, float })
}

/// The policy that `--bits` means.
fn policy_of(bits: &BitsArgument, model: &Model) -> anyhow::Result<Policy> {
    match bits {
        BitsArgument::Widths(widths) => Ok(Policy::uniform(&model.graph, widths.weights, widths.activations)),
        BitsArgument::File(path) => {
            let name = || path.display().to_string();
            let text = fs::read_to_string(path).with_context(name)?;
            export::policy::read(&text, &model.spec, &model.graph).with_context(name)
        }
    }
}

fn report(measured: &Measured) -> Report {
    let Measured { session, network, calibration, integers, float, .. } = measured;
    let calibration = calibration.len();
    let mut text = format!("{}, {calibration} calibration images\n", session.model.spec);
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

/// Measures a policy and writes its package, or parts of it.
pub fn export(arguments: &Export) -> anyhow::Result<Report> {
    let budget = match &arguments.eval.link {
        Some(link) if !arguments.budget.is_given() => Some((link.budget, link.memory)),
        _ => None,
    };
    let (budget, memory) = match budget {
        Some(given) => given,
        None => (policy::budget(&arguments.budget)?, arguments.budget.memory.into()),
    };
    let measured = measure(&arguments.eval)?;
    let Measured { session, network, calibration, targets, integers, float } = &measured;
    let (allocator, seed) = match &arguments.eval.link {
        Some(link) => (link.allocator, link.seed),
        None if matches!(arguments.eval.bits, BitsArgument::File(_)) => (Allocator::ByHand, 0),
        None => (Allocator::Uniform, 0),
    };
    let link = Link { spec: network.spec, policy: network.policy.clone(), budget, memory, allocator, seed };
    let package = Package {
        link: &link,
        device: arguments.budget.device.as_deref().and_then(Mcu::by_slug).map(|mcu| mcu.name),
        weights_sha256: &session.sha256,
        images: session.images_source(),
        integers: *integers,
        float: *float,
        calibration,
        targets,
    };
    let mut report = report(&measured);
    let mut written = Vec::new();
    for (artefact, path) in arguments.outputs.wanted() {
        let bytes = package.artefact(network, artefact)?;
        fs::write(path, &bytes).with_context(|| format!("{}", path.display()))?;
        let _ = writeln!(report.text, "{}  {} bytes", path.display(), bytes.len());
        written.push(json!({ "path": path.display().to_string(), "bytes": bytes.len() }));
    }
    if let Some(fields) = report.json.as_object_mut() {
        fields.insert("written".into(), json!(written));
        fields.insert("link".into(), json!(link.encode()));
    }
    Ok(report)
}
