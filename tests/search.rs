//! A search gives the same log for any number of evaluators, and wherever it is interrupted.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/joined.rs"]
mod joined;
#[path = "common/quantized.rs"]
mod quantized;
#[path = "common/searched.rs"]
mod searched;

use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::quant::{Bits, Policy};
use bitsmith::sealed;
use bitsmith::search::{
    AgentSettings, Allocator, Episode, Log, Next, Purpose, Sample, Score, Search, SearchError, Settings,
};
use searched::{DIGEST, Subject, digest, search};

#[test]
fn the_log_is_the_recorded_one() {
    searched::the_log_is_the_recorded_one();
}

#[test]
fn neither_workers_nor_breaks_change_the_log() {
    let subject = Subject::new("mobilenet-v2-0.35-32");
    // Breaks in every part: among probes, in the agent's warm-up, between its updates, in its run-off.
    for (parts, pause) in [(3, 200), (2, 366), (1, 385), (2, 418)] {
        let log = search(&subject, parts, Some(pause));
        assert_eq!(digest(&log), DIGEST, "{parts} evaluators, a break after {pause} policies");
    }
}

/// A network with functions, products and concatenations, whose last layer has no weights, is searched as any other.
#[test]
fn networks_that_end_in_a_pool_are_searched() {
    let model = quantized::filled(joined::network());
    let graph = model.graph().clone();
    let usage = |bits| MemoryModel::DEVICE.usage(&graph, &Policy::uniform(&graph, bits, bits));
    let (least, most) = (usage(Bits::B2), usage(Bits::B8));
    let budget = Budget { flash: least.flash.midpoint(most.flash), ram: least.ram.midpoint(most.ram) };
    let log = search(&Subject::of(model, budget), 2, Some(20));
    for allocator in Allocator::ALL {
        let own = |line: &&str| line.starts_with(allocator.name()) && line.contains(",candidate,");
        assert!(log.lines().any(|line| own(&line)), "{}", allocator.name());
    }
}

/// A search of the agent that has begun to learn, and the checkpoints of some others.
fn checkpoints() -> Vec<Vec<u8>> {
    let subject = Subject::new("mobilenet-v1-0.25-32");
    let model = quantized::model("mobilenet-v1-0.25-32");
    let graph = model.graph();
    let agent = AgentSettings { hidden: 8, replay: 2, warm_up: 1, ..AgentSettings::default() };
    let stopped = |allocator, warm_start, scores| {
        let settings =
            Settings { allocators: vec![allocator], agent, episodes: 200, warm_start, ..subject.settings() };
        let mut search = Search::new(graph, settings, Score::default()).expect("feasible");
        for number in 0..scores {
            if let Next::Score(policy, _) = search.ask() {
                let correct = policy.mean_weight_bits(graph) as usize;
                search.scored(Score { correct, images: 8, divergence: number, squares: 0 });
            }
        }
        search.ask();
        search.checkpoint()
    };
    vec![
        stopped(Allocator::Agent, false, 4),
        stopped(Allocator::Agent, true, 70),
        stopped(Allocator::Evolution, true, 40),
        stopped(Allocator::Greedy, true, 9),
    ]
}

/// Of 16 flipped bits in a checkpoint of 0.1.0, 6 gave another log without a word.
#[test]
fn no_flipped_bit_of_a_checkpoint_is_taken() {
    let model = quantized::model("mobilenet-v1-0.25-32");
    let graph = model.graph();
    for bytes in checkpoints() {
        assert!(Search::resume(graph, &bytes).is_ok());
        for bit in (0..bytes.len() * 8).step_by(4099) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Search::resume(graph, &damaged), Err(SearchError::Checkpoint(_))), "bit {bit}");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whoever changes a state and seals it again gets an error or a search that runs, never a panic.
    #[test]
    fn a_state_that_was_changed_on_purpose_is_an_error_or_runs(
        flips in proptest::collection::vec((0.0..1.0, 1_u8..), 1..4),
        early in proptest::prelude::any::<bool>(),
    ) {
        let model = quantized::model("mobilenet-v1-0.25-32");
    let graph = model.graph();
        for bytes in checkpoints() {
            let mut body = sealed::open(sealed::Kind::Search, 6, &bytes).expect("whole").to_vec();
            // The settings and places are at the beginning, most of the rest is weights.
            let reach = if early { 200 } else { body.len() };
            for (place, mask) in &flips {
                body[(place * reach as f64) as usize] ^= mask;
            }
            if let Ok(mut search) = Search::resume(graph, &sealed::seal(sealed::Kind::Search, 6, &body)) {
                for _ in 0..4 {
                    if let Next::Score(..) = search.ask() {
                        search.scored(Score { correct: 1, images: 8, divergence: 3, squares: 0 });
                    }
                }
                let _ = (search.progress(), search.log().csv(graph), search.log().best(None));
            }
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let subject = Subject::new("mobilenet-v1-0.25-32");
    let model = quantized::model("mobilenet-v1-0.25-32");
    let graph = model.graph();
    let with = |change: fn(&mut Settings)| {
        let mut settings = subject.settings();
        change(&mut settings);
        match Search::new(graph, settings, Score::default()) {
            Ok(_) => panic!("taken"),
            Err(error) => error.to_string(),
        }
    };
    for (error, part) in [
        (with(|s| s.agent.hidden = 0), "neurons of a hidden layer of 0: expected 1 to 1,024"),
        (with(|s| s.agent.hidden = 1 << 40), "expected 1 to 1,024"),
        (with(|s| s.agent.proposals = usize::MAX), "proposals of"),
        (with(|s| s.agent.updates = f64::INFINITY), "updates for each decision of inf: expected 0 to 100"),
        (with(|s| s.agent.restart = f64::NAN), "chance of restarts of NaN: expected 0 to 1"),
        (with(|s| s.episodes = usize::MAX), "episodes of"),
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_checkpoint_is_known_by_its_beginning() {
    let subject = Subject::new("mobilenet-v1-0.25-32");
    let model = quantized::model("mobilenet-v1-0.25-32");
    let graph = model.graph();
    let settings = subject.settings();
    let search = Search::new(graph, settings, Default::default()).expect("feasible");
    let bytes = search.checkpoint();
    assert!(Search::resume(graph, &bytes).is_ok());
    for damaged in [&bytes[..bytes.len() - 1], &bytes[1..], b"bitsmith search 0\n", b""] {
        assert!(matches!(Search::resume(graph, damaged), Err(SearchError::Checkpoint(_))));
    }
}

/// Finalists meet again on other images, in rounds of half as many, and what they score there decides.
#[test]
fn the_run_off_decides_among_finalists() {
    let subject = Subject::new("mobilenet-v2-0.35-32");
    let model = quantized::model("mobilenet-v2-0.35-32");
    let graph = model.graph();
    let settings =
        Settings { allocators: vec![Allocator::Rule, Allocator::Random], episodes: 30, ..subject.settings() };
    let float = Score { correct: 90, images: 100, ..Score::default() };
    let mut search = Search::new(graph, settings, float).expect("feasible");
    let mut rewarded = 0;
    let mut rounds: [Vec<Policy>; 3] = Default::default();
    loop {
        let score = match search.ask() {
            Next::Finished => break,
            Next::Known(_) => continue,
            Next::Score(policy, Sample::RunOff(round)) => {
                // The rule is first. Of the eight others the luckiest come first; the fifth has the lowest divergence
                // in the first round, the seventh in all of them; that of the third is lower, but so is its accuracy.
                let images = [100, 100, 200][round];
                rounds[round].push(policy.clone());
                let number = rounds[0].iter().position(|known| *known == policy).expect("in the first round");
                let (percent, divergence) = match (number, round) {
                    (3, _) => (60, 1),
                    (5, 0) => (75, 10),
                    (7, 0) => (74, 11),
                    (7, _) => (74, 15),
                    _ => (75, 40 + number),
                };
                Score {
                    correct: percent * images / 100,
                    images,
                    divergence: (divergence * images) as i64,
                    squares: 0,
                }
            }
            Next::Score(..) => {
                rewarded += 1;
                Score { correct: 60 + rewarded % 20, images: 100, ..Score::default() }
            }
        };
        search.scored(score);
    }
    let log = search.log();
    assert_eq!((log.count(Allocator::Rule), log.count(Allocator::Random)), (1, 30));
    assert_eq!(
        rounds.each_ref().map(Vec::len),
        [1 + 8, 1 + 4, 1 + 2],
        "that of the rule, and the random ones"
    );
    let number = |policy| rounds[0].iter().position(|known| known == policy);
    assert_eq!(rounds[1].iter().filter_map(number).collect::<Vec<_>>(), [0, 5, 7, 1, 2], "the better half");
    let best = log.best(None).expect("a best");
    assert_eq!((best.allocator, &best.policy), (Allocator::Random, &rounds[0][7]));
    assert_eq!(
        log.run_off(best),
        Some(Score { correct: 4 * 74, images: 400, divergence: 1100 + 1500 + 3000, squares: 0 })
    );
    let lucky = log.episodes().iter().filter(|episode| episode.is_candidate()).map(|e| e.score.correct).max();
    assert!(lucky > Some(best.score.correct), "the luckiest has lost");
    let again = log.episodes().iter().filter(|e| e.policy == best.policy && e.purpose.is_run_off());
    assert!(again.map(|e| e.reward).eq([best.reward; 3]), "the reward stays the policy's");
    assert_eq!(log.front().len(), log.front().iter().filter(|e| e.is_candidate()).count());
    assert!(log.csv(graph).lines().last().is_some_and(|line| line.starts_with("random,44,run-off 3,")));
}

/// Too few episodes for the probes are refused with the number that would do; with that number all have found a policy.
#[test]
fn allocators_name_the_episodes_that_they_need() {
    let subject = Subject::new("mobilenet-v1-0.25-32");
    let model = quantized::model("mobilenet-v1-0.25-32");
    let graph = model.graph();
    let weights = graph.weighted_layers().count();
    let settings = Settings { budget: Budget { flash: 240_000, ram: usize::MAX }, ..subject.settings() };
    let probes = 1 + 2 * weights;
    for (allocator, warm_start, needed) in [
        (Allocator::Random, true, 1),
        (Allocator::Greedy, true, probes + 1),
        (Allocator::Exact, true, probes + 1),
        (Allocator::Agent, true, probes + 6),
        (Allocator::Agent, false, 1),
    ] {
        let settings = |episodes| Settings {
            allocators: vec![Allocator::Rule, allocator],
            episodes,
            warm_start,
            ..settings.clone()
        };
        if needed > 1 {
            let error = Search::new(graph, settings(needed - 1), Score::default()).err().expect("too few");
            assert_eq!(error, SearchError::Episodes { allocator, needed, episodes: needed - 1 });
            assert!(error.to_string().contains(&format!("allow at least {needed}")), "{error}");
        }
        let mut search = Search::new(graph, settings(needed), Score::default()).expect("enough");
        while search.ask() != Next::Finished {
            search.scored(Score { correct: 1, images: 2, ..Score::default() });
        }
        assert!(search.log().best(Some(allocator)).is_some(), "{allocator:?} has found a policy");
    }
    // Of several, what the neediest needs.
    let all = Settings { allocators: Allocator::ALL.to_vec(), episodes: 1, ..settings };
    let error = Search::new(graph, all, Score::default()).err().expect("too few");
    assert!(error.to_string().starts_with(&format!("agent needs {} episodes", probes + 6)), "{error}");
}

/// Wherever the agent is stopped, there is a policy that fits.
#[test]
fn the_agent_begins_with_policies_that_need_no_probes() {
    let subject = Subject::new("mobilenet-v1-0.25-32");
    let model = quantized::model("mobilenet-v1-0.25-32");
    let graph = model.graph();
    let settings = Settings { allocators: vec![Allocator::Agent], ..subject.settings() };
    let mut search = Search::new(graph, settings, Score::default()).expect("feasible");
    search.ask();
    let first =
        search.scored(Score { correct: 1, images: 2, ..Score::default() }).cloned().expect("an episode");
    assert_eq!(first.purpose, Purpose::Start(Allocator::Uniform));
    assert_eq!(search.log().best(None), Some(&first));
}

/// What the page draws of a log.
#[test]
fn a_log_knows_best_front_and_sensitivities() {
    let graph = quantized::model("mobilenet-v1-0.25-32").graph().clone();
    let slot = bitsmith::quant::Slot::all(&graph)[2];
    let policy =
        bitsmith::quant::Policy::uniform(&graph, bitsmith::quant::Bits::B8, bitsmith::quant::Bits::B8);
    let episode = |number, purpose, flash, ram, correct| Episode {
        allocator: if number > 4 { Allocator::Agent } else { Allocator::Greedy },
        number,
        purpose,
        policy: policy.clone(),
        usage: bitsmith::memory::Usage { flash, ram },
        score: bitsmith::search::Score { correct, images: 100, divergence: 100 << 20, squares: 100 << 26 },
        reward: 0.0,
    };
    let mut log = Log::default();
    let probe = Purpose::Probe(slot, bitsmith::quant::Bits::B2);
    log.push(episode(1, Purpose::Widest, 100, 100, 90));
    log.push(episode(2, probe, 90, 100, 95));
    log.push(episode(3, Purpose::Candidate, 50, 40, 70));
    log.push(episode(4, Purpose::Candidate, 50, 40, 70));
    log.push(episode(5, Purpose::Start(Allocator::Rule), 50, 30, 60));
    log.push(episode(6, Purpose::Candidate, 60, 30, 60));
    log.push(episode(7, Purpose::RunOff(0), 10, 10, 99));
    assert_eq!(log.best(None).map(|e| e.number), Some(3), "a probe does not win, the first of equals does");
    assert_eq!(log.best(Some(Allocator::Agent)).map(|e| e.number), Some(5));
    assert_eq!(log.best(Some(Allocator::Random)), None);
    assert!(log.comparable().map(|e| e.number).eq(1..=6), "the run-off is on other images");
    let front: Vec<usize> = log.front().iter().map(|e| e.number).collect();
    assert_eq!(front, [5, 3, 2], "neither beaten by another nor equal to an earlier one");
    let found = log.sensitivities();
    assert_eq!((found.len(), found[0].slot, found[0].score.correct, found[0].nats), (1, slot, 95, 0.0));
    let csv = log.csv(&graph);
    assert_eq!(csv.lines().count(), 8);
    assert!(
        csv.lines().nth(2).is_some_and(|l| l.starts_with("greedy,2,probe: dw1 weights at 2,95,100,95.0000,"))
    );
    assert_eq!(log.json(&graph)[4]["purpose"], "start: rule");
    let mut fewer = episode(8, probe, 10, 10, 50);
    fewer.score.images = 50;
    log.push(fewer);
    assert!(log.comparable().map(|e| e.number).eq(1..=6), "a probe on fewer images is not comparable");
}

/// There is nothing to choose among one.
#[test]
fn a_single_finalist_is_scored_again_only_to_be_compared_with_others() {
    let subject = Subject::new("mobilenet-v1-0.25-32");
    let model = quantized::model("mobilenet-v1-0.25-32");
    let graph = model.graph();
    for (allocators, run_offs) in [(vec![Allocator::Rule], 0), (vec![Allocator::Rule, Allocator::Uniform], 6)]
    {
        let settings = Settings { allocators, ..subject.settings() };
        let mut search = Search::new(graph, settings, Score::default()).expect("feasible");
        loop {
            match search.ask() {
                Next::Finished => break,
                Next::Known(_) => {}
                Next::Score(..) => drop(search.scored(Score { correct: 1, images: 2, ..Score::default() })),
            }
        }
        let log = search.log();
        assert_eq!(log.episodes().iter().filter(|e| e.purpose.is_run_off()).count(), run_offs);
        assert!(log.best(None).is_some());
    }
}
