//! What `finetune` and `train` share: the recipe's arguments, the loop with its progress bar, the last measurement.

use super::Report;
use super::failure::wrong;
use super::progress::Progress;
use super::session::{self, Labelled, Session, measure};
use crate::calibrate;
use crate::flow::Tally;
use crate::import::{rounded_to_half, save};
use crate::quant::QuantizedNetwork;
use crate::train::{
    Augmentation, Checkpoint, CpuStepper, Distillation, Images, Job, Optimizer, Point, Recipe,
    Report as Turn, Schedule, Trained, Trainer, WeightScales,
};
use anyhow::Context;
use clap::{Args, Command, ValueEnum};
use pollster::block_on;
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// Steps between two looks at the loss.
const STEPS: u32 = 10;

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
    /// Where to keep a checkpoint after every epoch. If the file is there, training goes on from it.
    #[arg(long, value_name = "FILE", help_heading = "Files")]
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
    let side = usize::from(session.model.spec.side);
    let (stored, augmentation) = Augmentation::usual(side);
    let recipe = arguments.recipe(Recipe { augmentation, ..usual });
    recipe.check().map_err(wrong)?;
    let stored = arguments.stored.unwrap_or(stored);
    Augmentation::check_stored(stored, side).map_err(wrong)?;
    let train = session.training_images(stored, None)?;
    let reward = session.reward_images(None)?;
    let test = session.test_images()?;

    let Trained { model, grids } = start;
    let (job, state) = Job::new(model, grids.as_ref(), &session.model, recipe.clone())?;
    let (train, splits) = (collect(&train, stored)?.into(), vec![collect(&reward, side)?]);
    let mut trainer = Trainer::new(job.on_cpu(&state)?, recipe, side, train, splits)?.with_clock(seconds);
    if let Some(path) = &arguments.checkpoint
        && let Ok(bytes) = fs::read(path)
    {
        trainer.resume(Checkpoint::from_bytes(&bytes)?)?;
    }
    run(arguments, &mut trainer)?;
    let state = match trainer.best() {
        Some((state, _)) => state.clone(),
        None => block_on(trainer.checkpoint())?.state,
    };
    let mut trained = Trained::new(&job.plan, &state, model, grids.as_ref());
    if half {
        match rounded_to_half(&trained.model) {
            Ok(rounded) => trained.model = rounded,
            // What was trained is worth more than half of the bytes.
            Err(error) => eprintln!("note: {error}, as is done now"),
        }
    }
    finish(arguments, session, &trained, trainer.curve(), &reward, &test)
}

/// Runs all epochs with a progress bar.
fn run(arguments: &RecipeArguments, trainer: &mut Trainer<CpuStepper>) -> anyhow::Result<()> {
    let bar = Progress::new("training", trainer.steps() as usize);
    loop {
        match block_on(trainer.turn(STEPS))? {
            Turn::Progress(progress) => {
                bar.set_position(progress.step);
                bar.set_message(format!("loss {:.3}, {:.0} images/s", progress.loss, progress.speed));
            }
            Turn::Measuring { .. } => {}
            Turn::Epoch(point) => {
                let measured: Vec<_> =
                    point.measured.iter().map(|accuracy| format!("{accuracy:.2}")).collect();
                let learned = point.loss.zip(point.accuracy).map_or(String::new(), |(loss, accuracy)| {
                    format!("loss {loss:.4}, training top-1 {accuracy:.2} %, ")
                });
                let (epoch, measured) = (point.epoch, measured.join(", "));
                bar.print(&format!("epoch {epoch}: {learned}reward top-1 {measured} %"));
                if let Some(path) = &arguments.checkpoint {
                    let bytes = block_on(trainer.checkpoint())?.to_bytes()?;
                    fs::write(path, bytes).with_context(|| format!("{}", path.display()))?;
                }
            }
            Turn::Finished => break,
        }
    }
    bar.finish();
    Ok(())
}

fn collect(images: &[Labelled], side: usize) -> anyhow::Result<Images> {
    let mut collected = Images::new(side);
    for (pixels, target) in images {
        collected.push(pixels, *target)?;
    }
    Ok(collected)
}

/// Measures the integers and writes the weights.
fn finish(
    arguments: &RecipeArguments,
    session: &Session,
    trained: &Trained,
    curve: &[Point],
    reward: &[Labelled],
    test: &[Labelled],
) -> anyhow::Result<Report> {
    let network = match &trained.grids {
        Some(grids) => Some(calibrate::trained(&trained.model, grids)?),
        None => None,
    };
    let accuracy = |images: &[Labelled]| -> anyhow::Result<Option<Tally>> {
        if images.is_empty() {
            return Ok(None);
        }
        Ok(Some(match &network {
            Some(network) => measure(network, images)?,
            None => session::measure_float(&trained.model, images)?,
        }))
    };
    let float = match &network {
        Some(_) if !test.is_empty() => Some(session::measure_float(&session.model, test)?),
        _ => None,
    };
    let (reward, test) = (accuracy(reward)?, accuracy(test)?);
    let epochs = curve.last().map_or(0, |point| point.epoch);
    let mut text = format!("{}, {epochs} epochs\n", trained.model.spec);
    for (name, tally) in [("reward", &reward), ("test", &test), ("float, test", &float)] {
        if let Some(tally) = tally {
            let _ = writeln!(
                text,
                "{name:<11} top-1 {:.2} % ({} of {}, 95 % within {:.2})",
                tally.percent(),
                tally.correct,
                tally.images,
                tally.margin()
            );
        }
    }
    if let Some(path) = &arguments.out {
        let bytes = save(&trained.model, trained.grids.as_ref())?;
        fs::write(path, bytes).with_context(|| format!("{}", path.display()))?;
        let _ = writeln!(text, "{}", path.display());
    }
    let bits = |bits: fn(&QuantizedNetwork) -> Vec<usize>| network.as_ref().map(bits);
    let json = json!({
        "network": trained.model.spec.to_string(),
        "weights_sha256": session.sha256,
        "inputs": session.taken(),
        "weight_bits": bits(|network| network.policy.weight_bits(&network.graph)),
        "activation_bits": bits(|network| network.policy.activation_bits(&network.graph)),
        "mean_weight_bits": network.as_ref().map(|network| network.policy.mean_weight_bits(&network.graph)),
        "curve": curve,
        "reward_top1": reward.map(|tally| tally.percent()),
        "reward_correct": reward.map(|tally| tally.correct),
        "float_test_top1": float.map(|tally| tally.percent()),
        "test_top1": test.map(|tally| tally.percent()),
        "test_correct": test.map(|tally| tally.correct),
        "test_images": test.map(|tally| tally.images),
        "out": arguments.out.as_ref().map(|path| path.display().to_string()),
    });
    Ok(Report { text, json })
}

/// Seconds since the first call.
fn seconds() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}
