//! `bitsmith finetune`: training of a quantized network, or of a float network, from its weights.

use super::Report;
use super::arguments::{BitsArgument, Inputs, bits};
use super::eval::policy_of;
use super::session::{self, Session};
use super::training::{RecipeArguments, train};
use crate::calibrate::has_folded;
use crate::link::Link;
use crate::net::{Graph, Model, Op};
use crate::quant::{Bits, Policy, Slot};
use crate::train::{Recipe, Trained};
use anyhow::ensure;
use clap::Args;

/// Arguments of `finetune`.
#[derive(Args)]
pub struct Finetune {
    #[command(flatten)]
    pub inputs: Inputs,
    /// Policy to train, as a link.
    #[arg(long, value_name = "LINK", conflicts_with_all = ["bits", "float"])]
    pub link: Option<Link>,
    /// Policy to train: widths of all weights and all activations, e.g. 4/8, or a file: policy.json, or a list as
    /// HAQ's.
    #[arg(long, value_name = "W/A|FILE", default_value = "8/8")]
    pub bits: BitsArgument,
    /// Bits of the weights of first layer, depthwise layers and classifier [default: as --bits or --link say].
    #[arg(long, value_name = "BITS", value_parser = bits, conflicts_with_all = ["link", "float"])]
    pub other_weights: Option<Bits>,
    /// Train in real numbers.
    #[arg(long)]
    pub float: bool,
    #[command(flatten)]
    pub recipe: RecipeArguments,
}

/// Trains a network from its weights.
pub fn run(arguments: &Finetune) -> anyhow::Result<Report> {
    let mut session = session::open(&arguments.inputs, arguments.link.as_ref())?;
    let start = start(arguments, &mut session)?;
    let usual = Recipe::finetune();
    let usual = match &start.grids {
        // A float network has nobody to learn from.
        None => Recipe { distillation: None, ..usual },
        Some(_) if session::done(session.inputs(false))?.lacks_classes() => {
            eprintln!(
                "note: there are images of some of the network's classes only: training asks for the float network's \
                 answers alone, so that the others are kept; --specialise cuts them off"
            );
            usual.keeping_all()
        }
        Some(_) => usual,
    };
    train(&mut session, &start, usual, &arguments.recipe, false)
}

/// What training begins with: the calibrated network, or the float network.
fn start(arguments: &Finetune, session: &mut Session) -> anyhow::Result<Trained> {
    if arguments.float {
        return Ok(Trained { model: unfolded(session)?, grids: None });
    }
    let weights = session::done(session.weights())?;
    let model = &weights.model;
    let policy = match &arguments.link {
        Some(link) => {
            let (expected, found) = (&link.network, &model.network);
            ensure!(
                expected.is_same(found),
                "the link is for {}, the weights are {}; open the weights that the link was made for",
                expected.in_words(),
                found.in_words()
            );
            link.policy.clone()
        }
        None => {
            let mut policy = policy_of(&arguments.bits, model)?;
            if let Some(bits) = arguments.other_weights {
                others(model.graph(), bits, &mut policy);
            }
            policy
        }
    };
    session::check_preprocessing(session)?;
    Ok(session::run(session.quantize(&policy))?.start.clone())
}

/// The float network, with batch normalization in the place of what was folded.
fn unfolded(session: &mut Session) -> anyhow::Result<Model> {
    let model = session::done(session.weights())?.model.clone();
    if !has_folded(&model) {
        return Ok((*model).clone());
    }
    session::check_preprocessing(session)?;
    let (_, calibration) = session::run(session.calibrate())?;
    Ok(calibration.unfolded(&model))
}

/// Sets the widths of the weights of all layers that are not pointwise.
fn others(graph: &Graph, bits: Bits, policy: &mut Policy) {
    for (id, layer) in graph.weighted_layers() {
        let pointwise = matches!(layer.op, Op::Conv(window) if window.kernel == 1);
        if !pointwise {
            policy.set(Slot::Weight(id), bits);
        }
    }
}
