//! What files cost while they are read, and images once they are held: allocated bytes, counted.

#[path = "memory/checkpoints.rs"]
mod checkpoints;
#[path = "memory/shares.rs"]
mod shares;

use bitsmith::data::{Decode, PureRust, decoding_bytes};
use bitsmith::flow::session::TrainingPlan;
use bitsmith::flow::{
    Course, End, Executor, Key, Part, Pixels, SearchRequest, Session, Subset, Tally, TrainNews, TrainTask,
    TrainingBackend, Wish,
};
use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::search::Settings;
use bitsmith::train::{DeviceChoice, Recipe, Trained};
use peak_alloc::PeakAlloc;
use pollster::block_on;
use shares::{Shares, jpeg, jpeg_in_scans, session};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

/// Tests of one process take turns, since bytes are counted for all of them.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a step gives, the bytes it takes at its peak and those that stay.
fn counted<T>(step: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let result = step();
    let grown = |bytes: usize| bytes.saturating_sub(before);
    (result, grown(ALLOCATED.peak_usage()), grown(ALLOCATED.current_usage()))
}

fn measure(session: &mut Session<Shares>, subset: Subset) -> Tally {
    block_on(session.measure_float(subset, None)).expect("images").tally
}

/// What is planned with is what decoders take; a JPEG of several scans counted as one of a single scan.
#[test]
fn decoding_takes_what_the_headers_say() {
    let _alone = alone();
    let golden = |name: &str| {
        std::fs::read(format!("{}/tests/golden/images/{name}", env!("CARGO_MANIFEST_DIR")))
            .expect("a golden image")
    };
    let pixels = 2048 * 2048;
    for (bytes, expected) in [
        (jpeg(2048, 200_000), 3 * pixels),
        (jpeg_in_scans(2048), 3 * pixels + 2 * 3 * pixels),
        // 45 x 37 pixels are 6 x 5 blocks.
        (golden("photo_progressive.jpg"), 3 * 45 * 37 + 2 * 64 * (6 * 6 + 2 * 3 * 3)),
        (golden("rgb8_interlaced.png"), (3 + 4) * 45 * 37),
        (golden("rgb8.png"), 3 * 45 * 37),
        (b"GIF89a".to_vec(), 0),
    ] {
        let estimate = decoding_bytes(&bytes) as usize;
        assert_eq!(estimate, expected);
        let (image, peak, _) = counted(|| PureRust.decode(&bytes));
        drop(image);
        assert!(peak < estimate * 11 / 10 + MIB, "{peak} bytes, not {estimate}");
        assert!(estimate < MIB || peak > estimate * 9 / 10, "{peak} bytes, not {estimate}");
    }
    assert_eq!(decoding_bytes(&jpeg(8192, 0)), 192 << 20);
    let error = PureRust.decode(&jpeg_in_scans(8192)).expect_err("576 MiB").to_string();
    assert!(error.contains("bytes to decode one image"), "{error}");
}

/// 64 megapixels are 192 MiB of RGB. Four at once, as 16 threads would decode them, were 768 MiB.
#[test]
fn pictures_of_64_megapixels_are_decoded_one_at_a_time() {
    let _alone = alone();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(16).build().expect("threads");
    let (tally, peak, _) = threads.install(|| {
        let mut session = session(Shares::new(1), 32, jpeg(8192, 0), [2, 4]);
        counted(|| measure(&mut session, Subset::Validation))
    });
    assert_eq!(tally.images, 4);
    assert!((192 * MIB..240 * MIB).contains(&peak), "{} MiB", peak / MIB);
}

/// The memory of a page's worker never shrinks: costly pictures are all decoded by the first, and are shared out.
#[test]
fn costly_pictures_are_decoded_by_few_shares_and_held_by_all() {
    let _alone = alone();
    // 48 MiB each, of which five fit into 256 MiB.
    let mut session = session(Shares::new(16), 32, jpeg(4096, 0), [2, 16]);
    assert_eq!(measure(&mut session, Subset::Validation).images, 16);
    let asked = session.executor.asked.borrow();
    let rounds: Vec<&[usize]> = asked.iter().map(Vec::as_slice).collect();
    assert_eq!(rounds, [&[1; 5][..], &[1; 5], &[1; 5], &[1; 1]]);
    let mut held = Vec::new();
    block_on(session.send_set(bitsmith::flow::Set::Validation, |image| held.push(image))).expect("shares");
    assert_eq!(held.len(), 16);
}

#[test]
fn files_are_let_go_once_they_are_decoded() {
    let _alone = alone();
    // 400 files of 600 KB are 240 MB.
    let mut session = session(Shares::new(4), 32, jpeg(64, 600_000), [2, 400]);
    session.executor.decoding = 16 << 20;
    let (tally, peak, stays) = counted(|| measure(&mut session, Subset::Validation));
    assert_eq!(tally.images, 400);
    assert!(peak < 24 * MIB, "{} MiB", peak / MIB);
    // 1.2 MB of pixels, and the network four times.
    assert!(stays < 8 * MIB, "{} KiB", stays >> 10);
}

#[test]
fn an_image_is_held_once_whatever_it_serves() {
    let _alone = alone();
    let mut session = session(Shares::new(3), 64, jpeg(64, 0), [40, 2400]);
    let (_, _, all) = counted(|| measure(&mut session, Subset::Validation));
    let pixels = 2400 * 64 * 64 * 3;
    assert!((pixels..pixels * 5 / 4).contains(&all), "{all} bytes for {pixels}");
    let (tallies, peak, more) =
        counted(|| [Subset::Reward, Subset::Test].map(|subset| measure(&mut session, subset).images));
    assert_eq!(tallies.iter().sum::<usize>(), 2400);
    assert!(peak < pixels / 4, "{peak} bytes while they are measured again");
    assert!(more < pixels / 10, "{more} bytes more");
}

#[test]
fn what_does_not_fit_is_measured_part_by_part() {
    let _alone = alone();
    let [mut whole, mut parts] = [(); 2].map(|()| session(Shares::new(3), 64, jpeg(64, 0), [2, 2400]));
    let pixels = 2400 * 64 * 64 * 3;
    parts.executor.images = pixels as u64 / 4;
    let expected = block_on(whole.measure_float(Subset::Validation, None)).expect("images");
    let (found, peak, stays) = counted(|| block_on(parts.measure_float(Subset::Validation, None)));
    assert_eq!(found.expect("images"), expected, "the same images and the same answers");
    assert!(
        stays < pixels / 2 && peak < pixels * 2 / 3,
        "{stays} of {pixels} bytes stay, {peak} at the peak"
    );
    // Known without being decoded again.
    let rounds = parts.executor.asked.borrow().len();
    assert_eq!(block_on(parts.measure_float(Subset::Validation, None)).expect("known"), expected);
    assert_eq!(parts.executor.asked.borrow().len(), rounds);
}

#[test]
fn what_is_held_all_the_time_and_does_not_fit_is_refused_before_it_is_decoded() {
    let _alone = alone();
    let mut session = session(Shares::new(2), 64, jpeg(64, 0), [400, 1200]);
    // 255 images.
    session.executor.images = 3 * MIB as u64;
    let budget = Budget { flash: 1 << 20, ram: 1 << 20 };
    let settings = Settings::new(budget, MemoryModel::default());
    let request = |limit| SearchRequest { settings: settings.clone(), limit, test: false };
    let sentence = |result: Result<(), End>| match result {
        Err(End::Failed(sentence)) => sentence,
        other => panic!("{other:?}"),
    };
    let refused = sentence(block_on(session.search("search", request(None))));
    assert!(refused.contains("of 64x64 pixels take") && refused.contains("at most 3 MiB"), "{refused}");
    let fit = refused.split("into which ").nth(1).and_then(|rest| rest.split(' ').next());
    let fit: usize = fit.and_then(|fit| fit.parse().ok()).expect("how many fit");
    // With a limit of so many it goes on; of one more it does not.
    assert!(block_on(session.prepare_search(&request(Some(fit)))).is_ok(), "{fit}");
    sentence(block_on(session.prepare_search(&request(Some(fit + 1)))).map(drop));

    let images = session.executor.asked.borrow().len();
    let refused = sentence(train(&mut session, None).map(drop));
    assert!(refused.contains("400 training images of 64x64 pixels"), "{refused}");
    assert_eq!(session.executor.asked.borrow().len(), images, "nothing was decoded");
}

#[test]
fn training_shares_its_images_with_what_decodes_and_measures_them() {
    let _alone = alone();
    let mut session = session(Shares::new(1), 64, jpeg(64, 0), [600, 1200]);
    measure(&mut session, Subset::Reward);
    let pixels = 600 * 64 * 64 * 3;
    let (given, peak, _) = counted(|| train(&mut session, Some(600)).expect("given"));
    assert_eq!(given, [600, 300]);
    assert!((pixels..pixels * 5 / 4).contains(&peak), "{peak} bytes for {pixels}");
}

/// Gives a backend its images, which it holds; how many of either kind.
fn train(session: &mut Session<Shares>, images: Option<usize>) -> Result<[usize; 2], End> {
    let model = (*session.weights()?.model).clone();
    let start = Trained { model, grids: None };
    let recipe = Recipe { distillation: None, ..Recipe::finetune() };
    let plan = TrainingPlan { start, recipe, device: DeviceChoice::Cpu, images, stored: 64 };
    let mut holder = Holder::default();
    match block_on(session.train(plan, &mut holder)) {
        Err(End::Failed(reason)) if reason == HELD => {
            Ok([Part::Train, Part::Reward].map(|part| holder.0.iter().filter(|(of, _)| *of == part).count()))
        }
        Err(end) => Err(end),
        Ok(_) => panic!("nothing was trained"),
    }
}

const HELD: &str = "all images are here";

/// Holds images and trains nothing.
#[derive(Default)]
struct Holder(Vec<(Part, Pixels)>);

impl<E: Executor> TrainingBackend<E> for Holder {
    async fn open(&mut self, _: &Session<E>) -> Result<(), End> {
        Ok(())
    }

    fn give(&mut self, part: Part, side: usize, pixels: Pixels, _: usize) -> Result<(), End> {
        assert_eq!(pixels.len(), 3 * side * side);
        self.0.push((part, pixels));
        Ok(())
    }

    async fn kept(&mut self, _: Key) -> Result<Option<Vec<u8>>, End> {
        Ok(None)
    }

    async fn start(&mut self, _: TrainTask) -> Result<(), End> {
        Err(End::Failed(HELD.into()))
    }

    async fn next(&mut self, _: Wish) -> Result<Option<TrainNews>, End> {
        Ok(None)
    }

    async fn began(&mut self, _: &Session<E>, _: &Course) -> Result<(), End> {
        Ok(())
    }

    async fn keep(&mut self, _: &Session<E>, _: &Course) -> Result<(), End> {
        Ok(())
    }

    fn close(&mut self) {}
}
