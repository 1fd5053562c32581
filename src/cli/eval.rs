//! `bitsmith eval` and `bitsmith export`.

use super::Report;
use super::arguments::{BitsArgument, Eval, Export};
use super::failure::ensure_argument;
use super::policy;
use super::session::{self, Session};
use crate::export;
use crate::flow::{Package, Tally};
use crate::link::Link;
use crate::memory::{Budget, MemoryModel, Reserve};
use crate::net::Model;
use crate::quant::{Policy, QuantizedNetwork};
use crate::search::{Allocator, Origin};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;

/// Measured policies with what they were measured on.
struct Measured {
    session: Session,
    calibration: Vec<Vec<u8>>,
    targets: Vec<usize>,
    float: Option<Tally>,
    policies: Vec<Integers>,
}

/// A measured policy.
struct Integers {
    /// What the user calls it.
    name: String,
    network: QuantizedNetwork,
    tally: Tally,
}

/// Measures policies on the same images.
pub fn run(arguments: &Eval) -> anyhow::Result<Report> {
    Ok(report(&measure(arguments)?))
}

fn measure(arguments: &Eval) -> anyhow::Result<Measured> {
    let mut session = Session::open(&arguments.inputs, arguments.link.as_ref())?;
    let wanted = policies(arguments, &session.model)?;
    let (calibration, targets) = session.calibration_images()?;
    let statistics = session.calibrate(&calibration, arguments.inputs.calibration.settings())?;
    let images = session.evaluation_images(arguments.limit)?;
    ensure!(!images.is_empty(), "no evaluation image could be read");
    let float =
        if arguments.no_float { None } else { Some(session::measure_float(&session.model, &images)?) };
    let mut policies = Vec::with_capacity(wanted.len());
    for (name, policy) in wanted {
        let network = session.quantize(&statistics, &policy, &calibration)?;
        let tally = session::measure(&network, &images)?;
        policies.push(Integers { name, network, tally });
    }
    Ok(Measured { session, calibration, targets, float, policies })
}

/// The policies that the arguments mean, with what the user calls them.
fn policies(arguments: &Eval, model: &Model) -> anyhow::Result<Vec<(String, Policy)>> {
    let Some(link) = &arguments.link else {
        return arguments.bits.iter().map(|bits| Ok((bits.to_string(), policy_of(bits, model)?))).collect();
    };
    let (expected, found) = (link.spec, model.spec);
    ensure!(
        expected == found,
        "the link is for {expected} with {} classes and {:?} padding, the weights are {found} with {} classes \
         and {:?} padding",
        expected.classes,
        expected.padding,
        found.classes,
        found.padding
    );
    Ok(vec![("link".into(), link.policy.clone())])
}

/// The policy that one part of `--bits` means.
pub fn policy_of(bits: &BitsArgument, model: &Model) -> anyhow::Result<Policy> {
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
    let Measured { session, calibration, float, policies, .. } = measured;
    let calibration = calibration.len();
    let mut text = format!("{}, {calibration} calibration images\n", session.model.spec);
    let integers = policies.iter().map(|p| (p.name.as_str(), p.tally));
    for (name, tally) in float.iter().map(|&tally| ("float", tally)).chain(integers) {
        let _ = writeln!(
            text,
            "{name:<5} top-1 {:.2} % ({} of {}, 95 % within {:.2})",
            tally.percent(),
            tally.correct,
            tally.images,
            tally.margin()
        );
    }
    let mut json = json!({
        "network": session.model.spec.to_string(),
        "classes": session.model.spec.classes,
        "weights_sha256": session.sha256,
        "settings": session.provenance(),
        "inputs": session.taken(),
        "calibration_images": calibration,
        "float_correct": float.map(|t| t.correct),
        "float_top1": float.map(|t| t.percent()),
    });
    let each = |Integers { name, network, tally }: &Integers| {
        json!({
            "policy": name,
            "weight_bits": network.policy.weight_bits(&network.graph),
            "activation_bits": network.policy.activation_bits(&network.graph),
            "images": tally.images,
            "correct": tally.correct,
            "top1": tally.percent(),
        })
    };
    let mut each: Vec<Value> = policies.iter().map(each).collect();
    // One policy's figures stand beside the network's, those of several in a list.
    if let (1, Some(Value::Object(one)), Value::Object(all)) = (policies.len(), each.first_mut(), &mut json) {
        all.append(one);
    } else {
        json["policies"] = each.into();
    }
    Report { text, json }
}

/// Measures a policy and writes its package, or parts of it.
pub fn export(arguments: &Export) -> anyhow::Result<Report> {
    let (device, budget, reserve, memory) = target(arguments)?;
    let policies = arguments.eval.bits.len();
    ensure_argument(policies == 1, || {
        format!(
            "a package of {policies} policies: expected one; give --bits one pair of bits, e.g. 4/8, or one file"
        )
    })?;
    let measured = measure(&arguments.eval)?;
    let Measured { session, calibration, targets, float, policies } = &measured;
    let Integers { network, tally: integers, .. } = policies.first().context("--bits names no policy")?;
    let (origin, seed) = match &arguments.eval.link {
        Some(link) => (link.origin, link.seed),
        None if matches!(arguments.eval.bits[..], [BitsArgument::File(_)]) => (Origin::File, 0),
        None => (Allocator::Uniform.into(), 0),
    };
    let (weights, images) = session.hashes();
    let plain = Link::new(network.spec, network.policy.clone(), budget, memory);
    let link = Link { device, reserve, origin, seed, weights, images, ..plain };
    let package = Package {
        name: arguments.name.as_ref(),
        link: &link,
        weights_sha256: &session.sha256,
        images: session.images_source(),
        integers: *integers,
        trained: None,
        float: *float,
        calibration,
        targets,
    };
    let mut report = report(&measured);
    let usage = memory.usage(&network.graph, &network.policy);
    let fits = budget.fits(usage);
    let place = link.device.as_deref().unwrap_or("the budgets");
    let _ = writeln!(
        report.text,
        "FLASH {} of {} bytes, RAM {} of {} bytes: {} {place}",
        usage.flash,
        budget.flash,
        usage.ram,
        budget.ram,
        if fits { "fits" } else { "does not fit" }
    );
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
        fields.insert("device".into(), policy::device_json(&link));
        fields.insert("fits".into(), json!(fits));
        for (key, bytes) in [
            ("flash_bytes", usage.flash),
            ("flash_budget", budget.flash),
            ("ram_bytes", usage.ram),
            ("ram_budget", budget.ram),
        ] {
            fields.insert(key.into(), json!(bytes));
        }
    }
    Ok(report)
}

/// What the network shall run on, by the arguments or else by the link: device, budget, reserve, memory model.
fn target(arguments: &Export) -> anyhow::Result<(Option<String>, Budget, Option<Reserve>, MemoryModel)> {
    let given = &arguments.budget;
    match &arguments.eval.link {
        Some(link) if !given.is_given() => Ok((link.device.clone(), link.budget, link.reserve, link.memory)),
        _ => {
            let (budget, memory) = policy::budget(given)?;
            Ok((given.on.slug(), budget, given.on.reserve_of_device(), memory))
        }
    }
}
