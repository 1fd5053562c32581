//! `bitsmith train`: training of a float network from random weights.

use super::Report;
use super::arguments::{ImageArguments, Network};
use super::session;
use super::training::{RecipeArguments, train};
use crate::net::Normalization;
use crate::train::{Recipe, Trained, fresh};
use clap::Args;

/// Arguments of `train`.
#[derive(Args)]
pub struct Train {
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    images: ImageArguments,
    /// Round the trained weights to float16: measured as rounded, written in half the bytes.
    #[arg(long)]
    half: bool,
    #[command(flatten)]
    recipe: RecipeArguments,
}

/// Trains a network from random weights.
pub fn run(arguments: &Train) -> anyhow::Result<Report> {
    let usual = Recipe::from_scratch();
    let mut model = fresh(arguments.network.spec()?, Normalization::SIGNED, arguments.recipe.seed(&usual));
    let mut session = session::with_model(&mut model, &arguments.images)?;
    let start = Trained { model, grids: None };
    train(&mut session, &start, usual, &arguments.recipe, arguments.half)
}
