//! The training loop: it learns, repeats itself, and goes on where it was interrupted.

#[path = "common/built_in.rs"]
mod built_in;
#[path = "common/curve.rs"]
mod curve;

use bitsmith::calibrate::{self, Observer, Settings};
use bitsmith::import::{ImportOptions, import, save};
use bitsmith::infer::{Engine, Workspace};
use bitsmith::net::Model;
use bitsmith::quant::{Bits, Grids, Policy};
use bitsmith::train::{
    Augmentation, Checkpoint, CpuStepper, Distillation, Images, Plan, Point, Recipe, Report, State,
    TrainError, Trained, Trainer, WeightScales, tune,
};
use built_in::{blank, images, network};
use curve::LONG;
use pollster::block_on;
use std::sync::Arc;

/// The smallest of the built-in networks.
const NAME: &str = "mobilenet-v1-0.25-32";

const MEASURED: usize = 200;

fn recipe() -> Recipe {
    Recipe {
        epochs: 3,
        batch: 16,
        rate: 1e-3,
        warm_up: 0.2,
        distillation: None,
        augmentation: Augmentation { overhang: 2, mirror: true, colour: 0.0 },
        ..Recipe::finetune()
    }
}

fn initial(model: &Model, bits: Bits) -> Grids {
    let mut observer = Observer::new(model, Settings::default()).expect("complete");
    let pixels = images(40, true).batch(0..40, 32).pixels;
    observer.add(&pixels.chunks(32 * 32 * 3).map(<[u8]>::to_vec).collect::<Vec<_>>()).expect("images fit");
    let policy = Policy::uniform(&model.graph, bits, bits);
    observer.finish().expect("images").grids(model, &policy)
}

fn trainer(model: &Model, grids: Option<&Grids>, recipe: Recipe) -> Trainer<CpuStepper> {
    let plan = Plan::new(model, grids, recipe.scales);
    let state = State::new(&plan, model, grids).expect("complete");
    let teacher = recipe.distillation.map(|_| {
        let plan = Plan::new(model, None, recipe.scales);
        let state = State::new(&plan, model, None).expect("complete");
        (plan, state)
    });
    let stepper = CpuStepper::new(plan, recipe.clone(), &state, teacher).expect("fits");
    Trainer::new(stepper, recipe, 32, images(320, true).into(), vec![images(MEASURED, false)])
        .expect("images")
}

/// Runs to the end, or until a number of steps is done.
fn run(trainer: &mut Trainer<CpuStepper>, until: Option<u64>) -> Vec<Point> {
    loop {
        match block_on(trainer.turn(3)).expect("a turn") {
            Report::Progress(progress) if until.is_some_and(|until| progress.step >= until) => break,
            Report::Finished => break,
            _ => {}
        }
    }
    trainer.curve().to_vec()
}

#[test]
fn a_float_network_learns_and_repeats_itself() {
    let recipe = Recipe { frozen: 0.0, ..recipe() };
    let curve = run(&mut trainer(&blank(NAME), None, recipe.clone()), None);
    let last = curve.last().expect("epochs");
    assert_eq!((curve.len(), last.epoch), (3, 3));
    assert!(last.measured[0] > 50.0 && last.loss < curve[0].loss, "{curve:?}");
    assert_eq!(run(&mut trainer(&blank(NAME), None, recipe), None), curve);
}

#[test]
fn an_interrupted_run_goes_on_as_if_it_had_not_been() {
    let model = network(NAME);
    let initial = initial(&model, Bits::B4);
    let expected = run(&mut trainer(&model, Some(&initial), recipe()), None);
    // Twenty steps an epoch; the last epoch is frozen.
    for until in [4, 20, 42] {
        let mut first = trainer(&model, Some(&initial), recipe());
        run(&mut first, Some(until));
        let bytes = block_on(first.checkpoint()).expect("a state").to_bytes().expect("bytes");
        let mut second = trainer(&model, Some(&initial), recipe());
        second.resume(Checkpoint::from_bytes(&bytes).expect("intact")).expect("the same network");
        assert_eq!(run(&mut second, None), expected, "from {until}");
    }
}

#[test]
fn a_checkpoint_of_another_network_or_version_is_refused() {
    let model = network(NAME);
    let mut float = trainer(&model, None, recipe());
    let checkpoint = block_on(float.checkpoint()).expect("a state");
    let mut four = trainer(&model, Some(&initial(&model, Bits::B4)), recipe());
    assert!(matches!(four.resume(checkpoint.clone()), Err(TrainError::State { what: "parameters", .. })));
    let mut bytes = checkpoint.to_bytes().expect("bytes");
    bytes[0] = 99;
    assert!(matches!(Checkpoint::from_bytes(&bytes), Err(TrainError::Checkpoint(_))));
    assert!(matches!(Checkpoint::from_bytes(&[]), Err(TrainError::Checkpoint(_))));
}

/// What was trained is what is saved, read and run in integers.
#[test]
fn trained_integers_reach_what_training_measured() {
    let model = network(NAME);
    let initial = initial(&model, Bits::B4);
    let teacher = Distillation { weight: 0.3, temperature: 2.0 };
    for recipe in [
        recipe(),
        Recipe { scales: WeightScales::MinMax, distillation: Some(teacher), clip: 1.0, ..recipe() },
    ] {
        let mut trainer = trainer(&model, Some(&initial), recipe.clone());
        run(&mut trainer, None);
        let (state, accuracy) = trainer.best().expect("epochs");
        let plan = Plan::new(&model, Some(&initial), recipe.scales);
        let trained = Trained::new(&plan, state, &model, Some(&initial));
        let bytes = save(&trained.model, trained.grids.as_ref()).expect("complete");
        let read = import(&bytes, &ImportOptions::default()).expect("our own file");
        assert!(read.model == trained.model, "the model changed on its way through a file");
        assert!(read.grids == trained.grids, "the quantizers changed on their way through a file");
        assert!(read.notes.is_empty(), "{:?}", read.notes);

        let grids = trained.grids.expect("quantized");
        let network = calibrate::trained(&trained.model, &grids).expect("integers exist");
        let engine = Engine::new(&network).expect("no overflow");
        let batch = images(MEASURED, false).batch(0..MEASURED, 32);
        let answers = batch
            .pixels
            .chunks_exact(32 * 32 * 3)
            .map(|image| engine.predict(&mut Workspace::default(), image).expect("fits"));
        let correct = answers.zip(&batch.targets).filter(|(a, t)| *a == usize::from(**t)).count();
        let found = 100.0 * correct as f32 / MEASURED as f32;
        assert!((found - accuracy).abs() <= 0.51, "{recipe:?}: integers {found}, in training {accuracy}");
        assert!(found > 75.0, "{recipe:?}: {found}");
    }
}

#[test]
fn a_little_training_inside_a_search_repeats_itself() {
    let model = network(NAME);
    let initial = initial(&model, Bits::B4);
    let plan = Plan::new(&model, Some(&initial), WeightScales::Learned);
    let start = State::new(&plan, &model, Some(&initial)).expect("complete");
    let images = Arc::new(images(40, true));
    let tuned = || {
        let stepper = CpuStepper::new(plan.clone(), recipe(), &start, None).expect("fits");
        block_on(tune(stepper, &recipe(), 32, images.clone(), 7)).expect("seven steps")
    };
    let state = tuned();
    assert_eq!(state.steps, 7);
    assert!(state.parameters != start.parameters, "nothing was trained");
    assert!(tuned() == state, "the same steps gave another state");
}

#[test]
fn divergence_and_wrong_data_are_named() {
    let model = network(NAME);
    let mut wild = trainer(&model, None, Recipe { rate: 1e30, warm_up: 0.0, ..recipe() });
    let error = loop {
        match block_on(wild.turn(3)) {
            Ok(Report::Finished) => panic!("a rate of 1e30 must diverge"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    let none = Trainer::new(
        CpuStepper::new(
            Plan::new(&model, None, WeightScales::Learned),
            recipe(),
            &State::new(&Plan::new(&model, None, WeightScales::Learned), &model, None).expect("complete"),
            None,
        )
        .expect("fits"),
        recipe(),
        32,
        Images::new(32).into(),
        Vec::new(),
    );
    assert!(matches!(none, Err(TrainError::NoImages)));
}

/// Fine-tuning at 2/8 takes the recorded course, which `tests/webgpu.rs` compares with in a browser.
#[test]
fn the_course_is_as_recorded() {
    let (plan, state) = LONG.start();
    let stepper = CpuStepper::new(plan, LONG.recipe(), &state, None).expect("fits");
    LONG.check(&block_on(LONG.train(stepper)), "native");
}
