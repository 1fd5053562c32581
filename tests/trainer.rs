//! The training loop: it learns, repeats itself, and goes on where it was interrupted.

#[path = "common/built_in.rs"]
mod built_in;
#[path = "common/curve.rs"]
mod curve;
#[path = "common/folded.rs"]
mod folded;
#[path = "common/gated.rs"]
mod gated;

use bitsmith::calibrate::{self, Observer, Quantization, Rounding, Settings};
use bitsmith::import::{ImportOptions, import, save};
use bitsmith::infer::{Engine, Workspace, argmax};
use bitsmith::net::Model;
use bitsmith::quant::{Bits, Grids, Policy, QuantizedNetwork};
use bitsmith::train::{
    Augmentation, Batch, Checkpoint, CpuStepper, Distillation, Images, Job, Metrics, Plan, Point, Recipe,
    Report, State, Stepper, TrainError, Trained, Trainer, WeightScales, fresh, tune,
};
use built_in::{blank, images, network};
use curve::LONG;
use folded::{folded, of_bytes};
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
        frozen: 1.0,
        augmentation: Augmentation { overhang: 2, mirror: true, colour: 0.0 },
        ..Recipe::finetune()
    }
}

/// A network in integers, and what training begins with.
fn calibrated(model: &Model, weights: Bits, activations: Bits) -> (QuantizedNetwork, Model, Grids) {
    calibrated_as(model, weights, activations, Settings::default())
}

fn calibrated_as(
    model: &Model,
    weights: Bits,
    activations: Bits,
    settings: Settings,
) -> (QuantizedNetwork, Model, Grids) {
    let mut observer = Observer::new(model, settings).expect("complete");
    let pixels = images(40, true).batch(0..40, 32).pixels;
    let pixels: Vec<_> = pixels.chunks(32 * 32 * 3).map(<[u8]>::to_vec).collect();
    observer.add(&pixels).expect("images fit");
    let calibration = observer.finish().expect("images");
    let policy = Policy::uniform(model.graph(), weights, activations);
    let mut quantization = Quantization::new(model, &calibration, &policy, &pixels).expect("images fit");
    loop {
        if let Some(network) = quantization.step().expect("integers exist") {
            let (model, grids) = quantization.settled();
            return (network, model, grids);
        }
    }
}

fn initial(model: &Model, bits: Bits) -> Grids {
    calibrated(model, bits, bits).2
}

fn trainer(model: &Model, grids: Option<&Grids>, recipe: Recipe) -> Trainer<CpuStepper> {
    let (job, state) = Job::new(model, grids, model, recipe.clone()).expect("complete");
    let stepper = job.on_cpu(&state).expect("fits");
    Trainer::new(stepper, recipe, 32, images(320, true).into(), vec![images(MEASURED, false)])
        .expect("images")
}

/// The network's answers to the images that are measured, or to others.
fn answers(network: &QuantizedNetwork, batch: &Batch) -> Vec<usize> {
    let engine = Engine::new(network).expect("no overflow");
    let mut workspace = Workspace::default();
    let images = batch.pixels.chunks_exact(32 * 32 * 3);
    images.map(|image| engine.predict(&mut workspace, image).expect("fits")).collect()
}

fn right(answers: &[usize], batch: &Batch) -> usize {
    answers.iter().zip(&batch.targets).filter(|(a, t)| **a == usize::from(**t)).count()
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
    assert_eq!(curve.iter().map(|point| point.epoch).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!((curve[0].loss, curve[0].accuracy), (None, None));
    assert!(curve[0].measured[0] < 20.0 && last.measured[0] > 50.0 && last.loss < curve[1].loss, "{curve:?}");
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
    let bytes = checkpoint.to_bytes().expect("bytes");
    for bit in (0..bytes.len() * 8).step_by(80_021) {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(Checkpoint::from_bytes(&damaged), Err(TrainError::Checkpoint(_))), "bit {bit}");
    }
    // What is whole but has no meaning: it would be copied into a network of another size, or stop at once.
    let mut best = checkpoint.state.clone();
    best.parameters.pop();
    let lost = Point { epoch: 1, loss: Some(f32::NAN), accuracy: None, measured: vec![50.0] };
    for changed in [
        Checkpoint { best: Some((best, 50.0)), ..checkpoint.clone() },
        Checkpoint { epoch: u32::MAX, ..checkpoint.clone() },
        Checkpoint { recipe: Recipe { batch: 0, ..recipe() }, ..checkpoint.clone() },
        Checkpoint { curve: vec![lost], ..checkpoint.clone() },
        Checkpoint { sums: Metrics { loss: 1e39, correct: 0, images: 1 }, ..checkpoint.clone() },
    ] {
        let bytes = changed.to_bytes().expect("bytes");
        assert!(matches!(Checkpoint::from_bytes(&bytes), Err(TrainError::Checkpoint(_))));
    }
    let later = Checkpoint { step: u32::MAX, ..checkpoint.clone() };
    assert!(matches!(float.resume(later), Err(TrainError::State { what: "steps in an epoch", .. })));
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
        Recipe { frozen: 0.0, ..recipe() },
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
        let batch = images(MEASURED, false).batch(0..MEASURED, 32);
        let found = 100.0 * right(&answers(&network, &batch), &batch) as f32 / MEASURED as f32;
        assert!((found - accuracy).abs() <= 0.51, "{recipe:?}: integers {found}, in training {accuracy}");
        assert!(found > 75.0, "{recipe:?}: {found}");
    }
}

/// Functions, products, concatenations and a pool as the last layer: trained from random weights, quantized, interrupted,
/// saved, read and run in integers.
#[test]
fn networks_of_all_operators_are_trained() {
    let model = fresh(gated::network(), network(NAME).normalization, 1);
    let float = Recipe { frozen: 0.0, rate: 3e-3, ..recipe() };
    let mut trainer_of_float = trainer(&model, None, float.clone());
    let curve = run(&mut trainer_of_float, None);
    assert!(curve[3].measured[0] > 25.0 && curve[3].loss < curve[1].loss, "{curve:?}");
    let (state, _) = trainer_of_float.best().expect("epochs");
    let plan = Plan::new(&model, None, float.scales);
    let model = Trained::new(&plan, state, &model, None).model;

    let (_, model, grids) = calibrated(&model, Bits::B4, Bits::B8);
    let mut uninterrupted = trainer(&model, Some(&grids), recipe());
    let expected = run(&mut uninterrupted, None);
    let mut first = trainer(&model, Some(&grids), recipe());
    run(&mut first, Some(22));
    let bytes = block_on(first.checkpoint()).expect("a state").to_bytes().expect("bytes");
    let mut second = trainer(&model, Some(&grids), recipe());
    second.resume(Checkpoint::from_bytes(&bytes).expect("intact")).expect("the same network");
    assert_eq!(run(&mut second, None), expected);

    let (state, accuracy) = second.best().expect("epochs");
    let plan = Plan::new(&model, Some(&grids), recipe().scales);
    let trained = Trained::new(&plan, state, &model, Some(&grids));
    let bytes = save(&trained.model, trained.grids.as_ref()).expect("complete");
    let read = import(&bytes, &ImportOptions::default()).expect("our own file");
    assert!(read.model == trained.model && read.grids == trained.grids);
    let integers = calibrate::trained(&read.model, &read.grids.expect("quantized")).expect("integers exist");
    let batch = images(MEASURED, false).batch(0..MEASURED, 32);
    let found = 100.0 * right(&answers(&integers, &batch), &batch) as f32 / MEASURED as f32;
    assert!((found - accuracy).abs() <= 1.01, "integers {found}, in training {accuracy}");
    assert!(found > 30.0, "{found}");
}

/// On a thousand images the integers give the answers that training saw: as many are right to 0.2 points, and of 99.5 %
/// the very same.
#[test]
fn integers_answer_as_training_did() {
    const IMAGES: usize = 1000;
    let original = network(NAME);
    for (weights, activations) in [(Bits::B8, Bits::B8), (Bits::B4, Bits::B4), (Bits::B2, Bits::B8)] {
        let (_, model, grids) = calibrated(&original, weights, activations);
        let mut trainer = trainer(&model, Some(&grids), recipe());
        run(&mut trainer, None);
        let state = block_on(trainer.checkpoint()).expect("a state").state;
        let (job, _) = Job::new(&model, Some(&grids), &original, recipe()).expect("complete");
        let mut stepper = job.on_cpu(&state).expect("fits");
        let batch = images(IMAGES, false).batch(0..IMAGES, 32);
        let logits = block_on(stepper.logits(&batch)).expect("logits");
        let trained: Vec<usize> = logits.chunks_exact(10).map(argmax).collect();

        let Trained { model, grids } = Trained::new(&job.plan, &state, &model, Some(&grids));
        let integers = calibrate::trained(&model, &grids.expect("quantized")).expect("integers exist");
        let found = answers(&integers, &batch);
        let same = found.iter().zip(&trained).filter(|(found, trained)| found == trained).count();
        let counts = [right(&found, &batch), right(&trained, &batch)];
        assert!(same * 1000 >= IMAGES * 995, "{weights}/{activations}: {same} of {IMAGES} the same");
        assert!(counts[0].abs_diff(counts[1]) * 1000 <= IMAGES * 2, "{weights}/{activations}: {counts:?}");
    }
}

/// Training begins with what calibration gave: its integers are those, but for single precision.
#[test]
fn training_begins_with_the_calibrated_network() {
    let whole = [NAME, "mobilenet-v2-0.35-32", "mnasnet-0.35-32"].map(|name| (name, network(name)));
    let folded = [NAME, "mobilenet-v2-0.35-32"].map(|name| (name, folded(&network(name))));
    for (name, original) in whole.into_iter().chain(folded) {
        let name = format!("{} {name}", original.network);
        let batch = images(MEASURED, false).batch(0..MEASURED, 32);
        for (weights, activations, rounding) in [
            (Bits::B8, Bits::B8, Rounding::Nearest),
            (Bits::B4, Bits::B4, Rounding::Nearest),
            (Bits::B2, Bits::B8, Rounding::Nearest),
            (Bits::B4, Bits::B4, Rounding::Output),
            (Bits::B2, Bits::B8, Rounding::Output),
        ] {
            let settings = Settings { rounding, ..Settings::default() };
            let (expected, model, grids) = calibrated_as(&original, weights, activations, settings);
            let found = answers(&calibrate::trained(&model, &grids).expect("integers exist"), &batch);
            let expected = answers(&expected, &batch);
            let same = found.iter().zip(&expected).filter(|(found, expected)| found == expected).count();
            assert!(
                same * 100 >= MEASURED * 99,
                "{name} {weights}/{activations} {rounding:?}: {same} the same"
            );
        }
    }
}

/// A network whose file has batch normalization folded is trained as well as the same network unfolded, whatever the colours
/// that its first layer's weights were made for; what comes out is saved and read again.
#[test]
fn what_was_folded_is_trained_like_the_rest() {
    let whole = network(NAME);
    let bytes = of_bytes(folded(&whole));
    let recipe = Recipe { epochs: 2, frozen: 0.0, ..recipe() };
    let trained = |model: &Model, reestimate| {
        let settings = Settings { reestimate, ..Settings::default() };
        let (_, start, grids) = calibrated_as(model, Bits::B4, Bits::B4, settings);
        let (job, state) = Job::new(&start, Some(&grids), model, recipe.clone()).expect("complete");
        let stepper = job.on_cpu(&state).expect("fits");
        let measured = vec![images(MEASURED, false)];
        let mut trainer =
            Trainer::new(stepper, recipe.clone(), 32, images(320, true).into(), measured).expect("images");
        let curve = run(&mut trainer, None);
        let (state, _) = trainer.best().expect("epochs");
        let trained = Trained::new(&job.plan, state, &start, Some(&grids));
        let read = import(
            &save(&trained.model, trained.grids.as_ref()).expect("complete"),
            &ImportOptions::default(),
        );
        let read = read.expect("our own file");
        assert!(
            read.model == trained.model && read.grids == trained.grids,
            "changed on its way through a file"
        );
        curve.iter().map(|point| point.measured[0]).collect::<Vec<_>>()
    };
    let folded = folded(&whole);
    for (reestimate, subjects) in [(true, vec![&folded, &bytes]), (false, vec![&bytes])] {
        let expected = trained(&whole, reestimate);
        for model in subjects {
            let found = trained(model, reestimate);
            let best = |curve: &[f32]| curve[1].max(curve[2]);
            assert!(best(&found) > best(&expected) - 4.0, "{reestimate}: {found:?}, {expected:?}");
        }
    }
    assert_eq!(trained(&bytes, true), trained(&bytes, true));
}

#[test]
fn training_never_makes_a_network_worse() {
    let (_, model, grids) = calibrated(&network(NAME), Bits::B8, Bits::B8);
    let mut harmed =
        trainer(&model, Some(&grids), Recipe { epochs: 1, rate: 0.1, warm_up: 0.0, frozen: 0.0, ..recipe() });
    let start = block_on(harmed.checkpoint()).expect("a state").state;
    let curve = run(&mut harmed, None);
    assert!(curve[1].measured[0] < curve[0].measured[0] - 5.0, "the rate does no harm: {curve:?}");
    let (best, accuracy) = harmed.best().expect("measured");
    assert_eq!(*accuracy, curve[0].measured[0]);
    assert!(*best == start, "the best is not what training began with");
}

/// A network in which batch normalization moves is measured with the statistics of its weights, not with those of
/// weights that it had.
#[test]
fn measurements_do_not_depend_on_the_moving_average() {
    let model = network(NAME);
    let grids = initial(&model, Bits::B2);
    let curve = |norm_momentum| {
        let recipe = Recipe { norm_momentum, epochs: 2, frozen: 0.0, ..recipe() };
        run(&mut trainer(&model, Some(&grids), recipe), None)
    };
    assert_eq!(curve(0.1), curve(1e-3));
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
