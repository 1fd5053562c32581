//! `bitsmith eval` and `bitsmith export`.

use super::arguments::{BitsArgument, Eval, Export};
use super::failure::ensure_argument;
use super::policy;
use super::session::{self, Session};
use super::{Report, output};
use crate::export;
use crate::flow::{Figure, Measurement, Subset};
use crate::link::Link;
use crate::memory::{Budget, MemoryModel, Reserve};
use crate::net::Model;
use crate::quant::Policy;
use crate::search::{Allocator, Origin};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;

/// Measured policies with what they were measured on.
struct Measured {
    session: Session,
    float: Option<Figure>,
    /// Each with what the user calls it.
    policies: Vec<(String, Measurement)>,
}

/// Measures policies on the same images.
pub fn run(arguments: &Eval) -> anyhow::Result<Report> {
    report(&measure(arguments, false)?)
}

/// `packaged`: for a package, whose figure is of images that chose nothing, whatever came before.
fn measure(arguments: &Eval, packaged: bool) -> anyhow::Result<Measured> {
    let mut session = session::open(&arguments.inputs, arguments.link.as_ref())?;
    let wanted = policies(arguments, &session::done(session.weights())?.model)?;
    session::check_preprocessing(&mut session)?;
    let chosen = packaged
        || arguments.link.is_some()
        || arguments.bits.iter().any(|bits| matches!(bits, BitsArgument::File(_)))
        || session::done(session.weights())?.grids.is_some();
    let default = if chosen { Subset::Test } else { Subset::Validation };
    let (subset, limit) = (arguments.split.map_or(default, Subset::from), arguments.limit);
    let float = match arguments.no_float {
        true => None,
        false => Some(session::run(session.measure_float(subset, limit))?),
    };
    let mut policies = Vec::with_capacity(wanted.len());
    for (name, policy) in wanted {
        policies.push((name, session::run(session.measure(&policy, subset, limit))?));
    }
    Ok(Measured { session, float, policies })
}

/// The policies that the arguments mean, with what the user calls them.
fn policies(arguments: &Eval, model: &Model) -> anyhow::Result<Vec<(String, Policy)>> {
    let Some(link) = &arguments.link else {
        return arguments.bits.iter().map(|bits| Ok((bits.to_string(), policy_of(bits, model)?))).collect();
    };
    let (expected, found) = (&link.network, &model.network);
    ensure!(
        expected.is_same(found),
        "the link is for {}, the weights are {}; open the weights that the link was made for",
        expected.in_words(),
        found.in_words()
    );
    Ok(vec![("link".into(), link.policy.clone())])
}

/// The policy that one part of `--bits` means.
pub fn policy_of(bits: &BitsArgument, model: &Model) -> anyhow::Result<Policy> {
    match bits {
        BitsArgument::Widths(widths) => {
            Ok(Policy::uniform(model.graph(), widths.weights, widths.activations))
        }
        BitsArgument::File(path) => {
            let name = || path.display().to_string();
            let text = fs::read_to_string(path).with_context(name)?;
            export::policy::read(&text, &model.network).with_context(name)
        }
    }
}

fn report(Measured { session, float, policies }: &Measured) -> anyhow::Result<Report> {
    let weights = session::done(session.weights())?;
    let (name, graph) = (weights.model.network.name(), weights.model.graph());
    let calibration = policies.first().map_or(0, |(_, measurement)| measurement.calibration);
    let mut text = format!("{name}, {calibration} calibration images\n");
    let integers = policies.iter().map(|(name, measurement)| (name.as_str(), measurement.figure));
    let figures: Vec<_> = float.iter().map(|&float| ("float", float)).chain(integers).collect();
    for (name, Figure { tally, .. }) in &figures {
        let _ = writeln!(text, "{name:<5} top-1 {}, {} of {}", tally.text(), tally.correct, tally.images);
    }
    // All are of the same images, unless one was stopped.
    for (i, (name, figure)) in figures.iter().enumerate() {
        match figures.first() {
            Some((_, first)) if i > 0 && figure.to_string() == first.to_string() => {}
            _ if i == 0 => drop(writeln!(text, "measured on {figure}")),
            _ => drop(writeln!(text, "{name}: measured on {figure}")),
        }
    }
    let mut json = json!({
        "network": name,
        "classes": graph.classes(),
        "weights_sha256": weights.summary.sha256,
        "settings": weights.provenance(),
        "inputs": session.inputs(true).ok(),
        "calibration_images": calibration,
        "float_correct": float.map(|figure| figure.tally.correct),
        "float_top1": float.map(|figure| figure.tally.percent()),
        "float_top1_interval": float.map(|figure| figure.tally.interval()),
    });
    let each = |(name, Measurement { policy, figure, .. }): &(String, Measurement)| {
        json!({
            "policy": name,
            "weight_bits": policy.weight_bits(graph),
            "activation_bits": policy.activation_bits(graph),
            "images": figure.tally.images,
            "images_used": figure.to_string(),
            "split": figure.images.subset.name(),
            "stopped": figure.stopped,
            "correct": figure.tally.correct,
            "top1": figure.tally.percent(),
            "top1_interval": figure.tally.interval(),
        })
    };
    let mut each: Vec<Value> = policies.iter().map(each).collect();
    // One policy's figures stand beside the network's, those of several in a list.
    if let (1, Some(Value::Object(one)), Value::Object(all)) = (policies.len(), each.first_mut(), &mut json) {
        all.append(one);
    } else {
        json["policies"] = each.into();
    }
    Ok(Report { text, json })
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
    let measured = measure(&arguments.eval, true)?;
    let (_, Measurement { policy, .. }) = measured.policies.first().context("--bits names no policy")?;
    let loaded = session::done(measured.session.weights())?;
    let graph = loaded.model.graph();
    let (origin, seed) = match &arguments.eval.link {
        Some(link) => (link.origin, link.seed),
        None if matches!(arguments.eval.bits[..], [BitsArgument::File(_)]) => (Origin::File, 0),
        None => (Allocator::Uniform.into(), 0),
    };
    let (weights, images) = session::hashes(&measured.session);
    let plain = Link::new(loaded.model.network.clone(), policy.clone(), budget, memory);
    let link = Link { device, reserve, origin, seed, weights, images, ..plain };
    let mut report = report(&measured)?;
    let usage = memory.usage(graph, policy);
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
        let (_, bytes) = session::done(measured.session.package(artefact, arguments.name.as_ref(), &link))?;
        output::write(path, &bytes)?;
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
