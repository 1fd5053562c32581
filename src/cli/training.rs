//! What `finetune` and `train` share: the recipe's arguments, training on the processor, the last measurement.

mod place;
mod processor;

use super::arguments::at_least;
use super::failure::wrong;
use super::session::{self, Session};
use super::{Report, output};
use crate::flow::session::{TrainingEnd, TrainingPlan};
use crate::flow::{Epochs, Executor, Figure, Subset};
use crate::import::{rounded_to_half, save};
use crate::net::Graph;
use crate::quant::Policy;
use crate::train::{
    Augmentation, DeviceChoice, Distillation, Optimizer, Recipe, Schedule, Trained, WeightScales,
};
use clap::{Args, Command, ValueEnum};
use processor::Processor;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Heading of what is seldom changed.
const INTERNALS: &str = "Internals of training";

/// What distillation is like where the recipe has none and some is asked for.
const NO_DISTILLATION: Distillation = Distillation { weight: 0.0, temperature: 2.0 };

/// How to train. What is not given is as the command usually has it.
#[derive(Args)]
#[command(next_help_heading = "Training")]
pub struct RecipeArguments {
    /// Passes over the training images.
    #[arg(long)]
    epochs: Option<u32>,
    /// Train on at most this many images [default: all].
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    limit: Option<usize>,
    /// Images in a step.
    #[arg(long)]
    batch: Option<usize>,
    /// Highest learning rate.
    #[arg(long)]
    rate: Option<f32>,
    /// How gradients become steps.
    #[arg(long, help_heading = INTERNALS)]
    optimizer: Option<OptimizerName>,
    /// How the rate falls: a cosine, or to a tenth after every third of the epochs.
    #[arg(long, help_heading = INTERNALS)]
    schedule: Option<ScheduleName>,
    /// Epochs in which the rate rises.
    #[arg(long, value_name = "EPOCHS", help_heading = INTERNALS)]
    warm_up: Option<f32>,
    /// Weight decay.
    #[arg(long, help_heading = INTERNALS)]
    decay: Option<f32>,
    /// Largest norm of all gradients together; 0 does not clip.
    #[arg(long, help_heading = INTERNALS)]
    clip: Option<f32>,
    /// Rate of scales and clips relative to that of weights.
    #[arg(long, help_heading = INTERNALS)]
    scale_rate: Option<f32>,
    /// Label smoothing.
    #[arg(long, help_heading = INTERNALS)]
    smoothing: Option<f32>,
    /// Part of the loss that asks for the float network's answers.
    #[arg(long, value_name = "PART", help_heading = INTERNALS)]
    distill: Option<f32>,
    /// Temperature of distillation.
    #[arg(long, help_heading = INTERNALS)]
    temperature: Option<f32>,
    /// Last epochs in which the statistics of batch normalization stand still.
    #[arg(long, value_name = "EPOCHS", help_heading = INTERNALS)]
    frozen: Option<f32>,
    /// How scales of weights are found.
    #[arg(long, help_heading = INTERNALS)]
    scales: Option<ScalesName>,
    /// Side of the stored training images in pixels, of which random crops are taken [default: 5/4 of the network's, or
    /// the network's own below 64].
    #[arg(long, value_name = "PIXELS", help_heading = INTERNALS)]
    stored: Option<usize>,
    /// Pixels that a crop may reach over the edges of the stored image [default: 0, or 1/16 of the side below 64].
    #[arg(long, value_name = "PIXELS", help_heading = INTERNALS)]
    overhang: Option<u16>,
    /// Do not mirror images.
    #[arg(long, help_heading = INTERNALS)]
    no_mirror: bool,
    /// Random change of colours, as a part of 1.
    #[arg(long, value_name = "PART", help_heading = INTERNALS)]
    colour: Option<f32>,
    /// Seed of everything random.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder where the state of training is kept after every epoch, so that it goes on when it was interrupted.
    #[arg(long, value_name = "FOLDER", help_heading = "Files")]
    checkpoint: Option<PathBuf>,
    /// Where to write the trained weights, and quantizers if there are any, in safetensors format.
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    out: Option<PathBuf>,
}

/// Names of the optimizers.
#[derive(Clone, Copy, ValueEnum)]
pub enum OptimizerName {
    Adam,
    Sgd,
}

/// Names of the schedules.
#[derive(Clone, Copy, ValueEnum)]
pub enum ScheduleName {
    Cosine,
    Step,
}

/// Names of the ways to scale weights.
#[derive(Clone, Copy, ValueEnum)]
pub enum ScalesName {
    Learned,
    Minmax,
}

/// A command with [`RecipeArguments`], with the values in its help that are usual for it.
pub fn with_defaults(mut command: Command, usual: &Recipe) -> Command {
    let Recipe { optimizer, schedule, scales, augmentation, .. } = usual;
    let distillation = usual.distillation.unwrap_or(NO_DISTILLATION);
    let defaults = [
        ("epochs", usual.epochs.to_string()),
        ("batch", usual.batch.to_string()),
        ("rate", usual.rate.to_string()),
        ("optimizer", if let Optimizer::Adam { .. } = optimizer { "adam" } else { "sgd" }.into()),
        ("schedule", if let Schedule::Cosine = schedule { "cosine" } else { "step" }.into()),
        ("warm_up", usual.warm_up.to_string()),
        ("decay", usual.decay.to_string()),
        ("clip", usual.clip.to_string()),
        ("scale_rate", usual.scale_rate.to_string()),
        ("smoothing", usual.label_smoothing.to_string()),
        ("distill", distillation.weight.to_string()),
        ("temperature", distillation.temperature.to_string()),
        ("frozen", usual.frozen.to_string()),
        ("scales", if let WeightScales::Learned = scales { "learned" } else { "minmax" }.into()),
        ("colour", augmentation.colour.to_string()),
        ("seed", usual.seed.to_string()),
    ];
    for (id, value) in defaults {
        command = command.mut_arg(id, |argument| {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            argument.help(format!("{help} [default: {value}]"))
        });
    }
    command
}

impl RecipeArguments {
    /// The recipe that is meant.
    fn recipe(&self, usual: Recipe) -> Recipe {
        let epochs = self.epochs.unwrap_or(usual.epochs);
        let usual_distillation = usual.distillation.unwrap_or(NO_DISTILLATION);
        let distillation = Distillation {
            weight: self.distill.unwrap_or(usual_distillation.weight),
            temperature: self.temperature.unwrap_or(usual_distillation.temperature),
        };
        Recipe {
            epochs,
            batch: self.batch.unwrap_or(usual.batch),
            optimizer: match self.optimizer {
                Some(OptimizerName::Adam) => Optimizer::ADAM,
                Some(OptimizerName::Sgd) => Optimizer::Sgd { momentum: 0.9 },
                None => usual.optimizer,
            },
            rate: self.rate.unwrap_or(usual.rate),
            schedule: match self.schedule {
                Some(ScheduleName::Cosine) => Schedule::Cosine,
                Some(ScheduleName::Step) => Schedule::Step { epochs: epochs as f32 / 3.0, factor: 0.1 },
                None => usual.schedule,
            },
            warm_up: self.warm_up.unwrap_or(usual.warm_up),
            scale_rate: self.scale_rate.unwrap_or(usual.scale_rate),
            decay: self.decay.unwrap_or(usual.decay),
            clip: self.clip.unwrap_or(usual.clip),
            label_smoothing: self.smoothing.unwrap_or(usual.label_smoothing),
            distillation: (distillation.weight > 0.0).then_some(distillation),
            scales: match self.scales {
                Some(ScalesName::Learned) => WeightScales::Learned,
                Some(ScalesName::Minmax) => WeightScales::MinMax,
                None => usual.scales,
            },
            norm_momentum: usual.norm_momentum,
            frozen: self.frozen.unwrap_or(usual.frozen),
            augmentation: Augmentation {
                overhang: self.overhang.unwrap_or(usual.augmentation.overhang),
                mirror: !self.no_mirror && usual.augmentation.mirror,
                colour: self.colour.unwrap_or(usual.augmentation.colour),
            },
            seed: self.seed.unwrap_or(usual.seed),
        }
    }

    /// The seed that is meant.
    pub fn seed(&self, usual: &Recipe) -> u64 {
        self.seed.unwrap_or(usual.seed)
    }
}

/// Trains what `start` holds, and measures what comes out, rounded to float16 if `half`. The session's model is the
/// teacher.
pub fn train(
    session: &mut Session,
    start: &Trained,
    usual: Recipe,
    arguments: &RecipeArguments,
    half: bool,
) -> anyhow::Result<Report> {
    let side = start.model.network.side();
    let (stored, augmentation) = Augmentation::usual(side);
    let recipe = arguments.recipe(Recipe { augmentation, ..usual });
    recipe.check().map_err(wrong)?;
    if arguments.out.is_none() {
        eprintln!("note: without --out the trained weights are measured and not written");
    }
    let stored = arguments.stored.unwrap_or(stored);
    Augmentation::check_stored(stored, side).map_err(wrong)?;
    let plan = TrainingPlan {
        start: start.clone(),
        recipe: recipe.clone(),
        device: DeviceChoice::Cpu,
        images: arguments.limit,
        stored,
    };
    let mut processor = Processor::new(arguments.checkpoint.as_deref(), &recipe);
    let mut end = session::run(session.train(plan, &mut processor))?;
    if half {
        match rounded_to_half(&end.trained.model) {
            Ok(rounded) => end.trained.model = rounded,
            // What was trained is worth more than half of the bytes.
            Err(error) => eprintln!("note: {error}, as is done now"),
        }
    }
    finish(arguments, session, end)
}

/// Writes the weights and measures them.
fn finish(arguments: &RecipeArguments, session: &mut Session, end: TrainingEnd) -> anyhow::Result<Report> {
    let TrainingEnd { trained, epochs, course, mut stopped } = end;
    let loaded = session::done(session.weights())?;
    let (network, graph) = (trained.model.network.clone(), loaded.model.graph());
    // First of all: whatever happens next, the weights are there.
    if let Some(path) = &arguments.out {
        output::write(path, &save(&trained.model, trained.grids.as_ref())?)?;
    }
    let policy = trained.grids.as_ref().map(|grids| grids.policy(graph));
    let mut found = [None; 3];
    if !stopped {
        found = match figures(session, trained, epochs) {
            // Training has ended; what was stopped is its measurement.
            Err(_) if session.executor.stops() => found,
            figures => figures?,
        };
        stopped = session.executor.stops();
    }
    let [reward, test, float] = found;
    let mut text = format!("{network}, {epochs}\n");
    if stopped {
        let _ = writeln!(text, "{}", how_to_go_on(arguments));
    }
    if let Some(path) = &arguments.out {
        let _ = writeln!(text, "{}", path.display());
    }
    for (name, figure) in [("reward", &reward), ("test", &test), ("float", &float)] {
        if let Some(Figure { tally, images, .. }) = figure {
            let _ = writeln!(
                text,
                "{name:<6} top-1 {}, {} of {}; {images}",
                tally.text(),
                tally.correct,
                tally.images
            );
        }
    }
    let bits = |bits: fn(&Policy, &Graph) -> Vec<usize>| policy.as_ref().map(|policy| bits(policy, graph));
    let top1 = |figure: Option<Figure>| figure.map(|figure| figure.tally.percent());
    let used = |figure: Option<Figure>| figure.map(|figure| figure.to_string());
    let json = json!({
        "network": network.name(),
        "weights_sha256": loaded.summary.sha256,
        "inputs": session.inputs(true).ok(),
        "weight_bits": bits(Policy::weight_bits),
        "activation_bits": bits(Policy::activation_bits),
        "mean_weight_bits": policy.as_ref().map(|policy| policy.mean_weight_bits(graph)),
        "epochs": epochs.kept,
        "epochs_run": epochs.run,
        "stopped": stopped,
        "curve": course.curve,
        "reward_top1": top1(reward),
        "reward_correct": reward.map(|figure| figure.tally.correct),
        "reward_images_used": used(reward),
        "float_test_top1": top1(float),
        "test_top1": top1(test),
        "test_correct": test.map(|figure| figure.tally.correct),
        "test_images": test.map(|figure| figure.tally.images),
        "test_images_used": used(test),
        "out": arguments.out.as_ref().map(|path| path.display().to_string()),
    });
    Ok(Report { text, json })
}

/// What to do after training was stopped.
fn how_to_go_on(arguments: &RecipeArguments) -> String {
    match &arguments.checkpoint {
        Some(path) if !path.exists() => {
            "stopped before the first measurement, so nothing is kept yet: the same command begins again"
                .into()
        }
        Some(path) => format!(
            "stopped; the end of the last epoch is kept in {}: the same command goes on, and measures what comes out",
            path.display()
        ),
        None => {
            "stopped; no checkpoint was kept: with --checkpoint FOLDER the same command could go on".into()
        }
    }
}

/// Accuracy of what was trained on the reward images, which chose the epoch, and on the test images; for integers, the
/// float network's on these, too.
fn figures(session: &mut Session, trained: Trained, epochs: Epochs) -> anyhow::Result<[Option<Figure>; 3]> {
    let listing = session::done(session.listing())?;
    let [has_reward, has_test] = [&listing.reward, &listing.test].map(|items| !items.is_empty());
    let mut float = None;
    let measure = |session: &mut Session, subset| -> anyhow::Result<Figure> {
        match &trained.grids {
            Some(grids) => {
                let policy = grids.policy(trained.model.graph());
                Ok(session::run(session.measure(&policy, subset, None))?.figure)
            }
            None => session::run(session.measure_float(subset, None)),
        }
    };
    if trained.grids.is_some() {
        if has_test {
            float = Some(session::run(session.measure_float(Subset::Test, None))?);
        }
        session::done(session.adopt_training(trained.clone(), epochs))?;
    } else {
        session::adopt_model(session, trained.model.clone())?;
    }
    let reward = has_reward.then(|| measure(session, Subset::Reward)).transpose()?;
    let test = has_test.then(|| measure(session, Subset::Test)).transpose()?;
    Ok([reward, test, float])
}
