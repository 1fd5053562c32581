//! `bitsmith finetune`: training of a quantized network, or of a float network, from its weights.

use super::Report;
use super::arguments::BitsArgument;
use super::calibration::CalibrationArguments;
use super::eval::policy_of;
use super::session::Session;
use super::training::{RecipeArguments, train};
use crate::link::Link;
use crate::net::{Graph, Op, Spec};
use crate::quant::{Bits, Grids, Policy, Slot};
use crate::train::Recipe;
use anyhow::ensure;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `finetune`.
#[derive(Args)]
pub struct Finetune {
    /// Weights in safetensors format.
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,
    /// The network in the file, where its tensors do not tell; its side is the images' side.
    #[arg(long, value_name = "NET")]
    pub network: Option<Spec>,
    /// Images in class folders: a folder, zip, tar or tar.gz. Can be given several times.
    #[arg(long, value_name = "PATH", required = true)]
    pub images: Vec<PathBuf>,
    /// Policy to train, as a link.
    #[arg(long, value_name = "LINK", conflicts_with_all = ["bits", "float"])]
    pub link: Option<Link>,
    /// Policy to train: widths of all weights and all activations, e.g. 4/8, or a file: policy.json, or a list as
    /// HAQ's.
    #[arg(long, value_name = "W/A|FILE", default_value = "8/8")]
    pub bits: BitsArgument,
    /// Width of the weights of first layer, depthwise layers and classifier, where not that of the others.
    #[arg(long, value_name = "W", conflicts_with_all = ["link", "float"])]
    pub other_weights: Option<u32>,
    /// Train in real numbers.
    #[arg(long)]
    pub float: bool,
    #[command(flatten)]
    pub calibration: CalibrationArguments,
    #[command(flatten)]
    pub recipe: RecipeArguments,
}

/// Trains a network from its weights.
pub fn run(arguments: &Finetune) -> anyhow::Result<Report> {
    let network = arguments.network.or(arguments.link.as_ref().map(|link| link.spec));
    let mut session =
        Session::open(&arguments.weights, network, &arguments.images, arguments.calibration.images)?;
    let initial = initial_grids(arguments, &mut session)?;
    let usual = Recipe::finetune();
    // A float network has nobody to learn from.
    let usual = if initial.is_some() { usual } else { Recipe { distillation: None, frozen: 0.0, ..usual } };
    train(&mut session, initial.as_ref(), usual, &arguments.recipe)
}

/// The quantizers before training; `None` in real numbers.
fn initial_grids(arguments: &Finetune, session: &mut Session) -> anyhow::Result<Option<Grids>> {
    if arguments.float {
        return Ok(None);
    }
    let (images, _) = session.calibration_images()?;
    let calibration = session.calibrate(&images, arguments.calibration.settings())?;
    let graph = &session.model.graph;
    let policy = match &arguments.link {
        Some(link) => {
            ensure!(
                link.spec == session.model.spec,
                "the link is for {}, the weights are {}",
                link.spec,
                session.model.spec
            );
            link.policy.clone()
        }
        None => {
            let mut policy = policy_of(&arguments.bits, &session.model)?;
            if let Some(width) = arguments.other_weights {
                others(graph, Bits::try_from(width)?, &mut policy);
            }
            policy
        }
    };
    Ok(Some(calibration.grids(&session.model, &policy)))
}

/// Sets the widths of the weights of all layers that are not pointwise.
fn others(graph: &Graph, bits: Bits, policy: &mut Policy) {
    for (id, layer) in graph.weighted_layers() {
        let pointwise = matches!(layer.op, Op::Conv(window, _) if window.kernel == 1);
        if !pointwise {
            policy.set(Slot::Weight(id), bits);
        }
    }
}
