//! Searches: policies are scored by the pool, and the state is stored so that it outlives the page.

use super::super::pool::Scorer;
use super::{Answer, End, Order, Runner, Set, digest, no_images, no_network, wire};
use crate::flow::{
    Event, NetworkSummary, SearchEnd, SearchFound, SearchRequest, SearchResult, SearchStart, Tally, Task,
};
use crate::quant::Policy;
use crate::search::{Allocator, Next, Sample, Score, Search};
use futures::future::try_join_all;
use gloo::timers::future::TimeoutFuture;
use js_sys::Array;
use serde::{Deserialize, Serialize};
use web_time::Instant;

/// Milliseconds between two looks at whether a search that is held goes on.
const LOOK: u32 = 50;
/// A state is stored after every episode, unless that would take more than this part of the time.
const SAVING: f64 = 0.05;
/// Memory for what policies have in common, in bytes, over all workers.
const MEMORY: usize = 128 << 20;

/// A search as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    network: NetworkSummary,
    /// Where the images came from.
    source: String,
    /// SHA-256 of the paths of all images that take part.
    images: [u8; 32],
    request: SearchRequest,
    /// See [`Search::checkpoint`].
    state: Vec<u8>,
    /// How it ended, if it has.
    end: Option<SearchEnd>,
}

impl Runner {
    /// Searches from the beginning.
    pub(super) async fn search(&mut self, mut request: SearchRequest) -> Result<(), End> {
        let _turn = self.searches.begin().await.map_err(End::Failed)?;
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let reward = listing.limited_reward(request.limit).len();
        request.settings.run_off = request.settings.run_off.min(listing.run_off(reward).len());
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        // An impossible budget is named before anything takes time.
        request.settings.problem(&model.graph)?;
        let float = self.prepare_search(&request).await?;
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let search = Search::new(&model.graph, request.settings.clone(), float)?;
        self.run_search(request, search).await
    }

    /// Says what is stored.
    pub(super) async fn find_search(&self) {
        let stored = match self.searches.read::<Stored>().await {
            Ok(Some(stored)) => stored,
            Ok(None) => return,
            Err(message) => return self.report(&Event::Failed { task: Task::Search, message }),
        };
        let Stored { network, source, request, state, end, .. } = stored;
        let search = match Search::resume(&network.spec.build(), &state) {
            Ok(search) => search,
            Err(error) => {
                let message = format!("a search is stored that cannot be read: {error}");
                return self.report(&Event::Failed { task: Task::Search, message });
            }
        };
        let start = start(request, &search);
        let elsewhere = self.searches.is_elsewhere().await;
        self.report(&Event::SearchFound(Box::new(SearchFound {
            network,
            images: source,
            start,
            end,
            elsewhere,
        })));
    }

    /// Goes on with what is stored.
    pub(super) async fn continue_search(&mut self) -> Result<(), End> {
        let _turn = self.searches.begin().await.map_err(End::Failed)?;
        let nothing = || End::Failed("no search is stored; start a new one".into());
        let stored = self.searches.read::<Stored>().await.map_err(End::Failed)?.ok_or_else(nothing)?;
        let Stored { request, network, source, images, state, .. } = stored;
        self.check_stored("search", &network, &source, self.images_digest(&request)? == images)?;
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let search = Search::resume(&model.graph, &state)?;
        let float = self.prepare_search(&request).await?;
        if float != search.float() {
            return Err(End::Failed("the stored search was made with other images; start a new one".into()));
        }
        self.run_search(request, search).await
    }

    /// Images, calibration and the float network's score: all that comes before the first policy.
    async fn prepare_search(&mut self, request: &SearchRequest) -> Result<Score, End> {
        // Evaluation images are not needed here, but are decoded unless they are there.
        let limit = self.prepared.as_ref().and_then(|prepared| prepared.limit);
        self.prepare(limit).await?;
        self.calibrate().await?;
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let reward = listing.limited_reward(request.limit);
        let part = listing.limited_reward(Some(Sample::Part.of(reward.len())));
        let mut rounds = listing.run_off(reward.len());
        rounds.truncate(request.settings.run_off);
        self.hold(Set::Reward, &reward).await?;
        self.hold(Set::Probe, &part).await?;
        for (round, images) in rounds.iter().enumerate() {
            self.hold(Set::RunOff(round), images).await?;
        }
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let float = Order::UseFloats(Box::new(model.clone()));
        let (float, stopped) = self.classify(Task::EvaluateFloat, Set::Reward, &float).await?;
        if stopped {
            return Err(End::Stopped);
        }
        self.use_scorer(Set::Reward, Sample::All, MEMORY).await?;
        self.use_scorer(Set::Probe, Sample::Part, MEMORY / 4).await?;
        for round in 0..rounds.len() {
            self.use_scorer(Set::RunOff(round), Sample::RunOff(round), 0).await?;
        }
        Ok(Score { correct: float.correct, images: float.images, loss: 0 })
    }

    /// Lets every worker of the pool score policies on its images of a set and on its share of the calibration images.
    async fn use_scorer(&self, set: Set, sample: Sample, memory: usize) -> Result<(), End> {
        let (model, _) = self.model.as_ref().ok_or_else(no_network)?;
        let calibration = self.calibration.as_ref().ok_or_else(no_images)?;
        let images = &self.prepared.as_ref().ok_or_else(no_images)?.calibration;
        let images = &images[..sample.of(images.len())];
        let workers = self.pool.len();
        let held = self.held.iter().find(|(held, _)| *held == set).map_or(0, |(_, count)| *count);
        // Of either kind a worker may hold one more than others.
        let counted = (images.len() + held).div_ceil(workers) + 1;
        let memory = memory / workers;
        let (model, calibration) = (model.clone(), calibration.clone());
        let order = Order::Scorer(Box::new(Scorer { model, calibration, set, sample, memory, counted }));
        let share = |part: usize| {
            let pixels = images.iter().skip(part).step_by(workers);
            pixels.map(|pixels| wire::buffer(pixels)).collect::<Array>()
        };
        let shares: Vec<Array> = (0..workers).map(share).collect();
        let asked = self.pool.iter().zip(&shares).map(|(member, share)| member.ask(&order, share));
        try_join_all(asked).await?;
        Ok(())
    }

    async fn run_search(&mut self, request: SearchRequest, mut search: Search) -> Result<(), End> {
        // From its first moment on: what the page shows as running is there after a reload.
        let mut took = self.save(&request, &search, None).await?;
        self.begun = true;
        self.signals.pause.set(false);
        self.report(&Event::SearchStarted(Box::new(start(request.clone(), &search))));
        let mut saved = Instant::now();
        let stopped = loop {
            let (done, total) = search.progress();
            self.progress(Task::Search, done, total, None);
            if self.signals.pause.get() {
                took = self.save(&request, &search, None).await?;
                saved = Instant::now();
                self.hold_search().await;
            }
            if self.signals.stop.get() {
                break true;
            }
            let episode = match search.ask() {
                Next::Finished => break false,
                Next::Known(episode) => {
                    // Messages come in while workers score; here nothing else lets them.
                    TimeoutFuture::new(0).await;
                    *episode
                }
                Next::Score(policy, sample) => {
                    let score = self.score(&policy, sample).await?;
                    let Some(episode) = search.scored(score) else { continue };
                    episode.clone()
                }
            };
            self.report(&Event::Episode(Box::new(episode)));
            if took <= SAVING * saved.elapsed().as_secs_f64() {
                took = self.save(&request, &search, None).await?;
                saved = Instant::now();
            }
        };
        // Before the test images are measured, which takes a while.
        self.save(&request, &search, None).await?;
        let mut results = results(&search);
        if !stopped {
            match self.test(&mut results).await {
                // What was found counts all the same.
                Err(End::Stopped) => {}
                tested => tested?,
            }
        }
        let end = SearchEnd { results, stopped };
        self.save(&request, &search, Some(end.clone())).await?;
        self.report(&Event::SearchEnded(end));
        Ok(())
    }

    /// Waits until the search shall go on or end.
    async fn hold_search(&self) {
        self.report(&Event::Paused(Task::Search));
        while self.signals.pause.get() && !self.signals.stop.get() {
            TimeoutFuture::new(LOOK).await;
        }
        self.signals.pause.set(false);
        if !self.signals.stop.get() {
            self.report(&Event::Resumed(Task::Search));
        }
    }

    /// The score of a policy, from all workers of the pool.
    async fn score(&self, policy: &Policy, sample: Sample) -> Result<Score, End> {
        let order = Order::Score(policy.clone(), sample);
        let none = Array::new();
        let asked = self.pool.iter().map(|member| member.ask(&order, &none));
        let answers = try_join_all(asked).await?;
        let scores = answers.into_iter().map(|(answer, _)| match answer {
            Answer::Scored(score) => Ok(score),
            _ => Err(End::Failed(wire::VERSIONS.into())),
        });
        scores.sum()
    }

    /// Measures what was found on the test images.
    async fn test(&mut self, results: &mut [SearchResult]) -> Result<(), End> {
        let test = self.images.as_ref().map(|images| images.listing.test.clone()).unwrap_or_default();
        if test.is_empty() {
            return Ok(());
        }
        self.hold(Set::Test, &test).await?;
        self.use_scorer(Set::Test, Sample::All, 0).await?;
        let mut measured: Vec<(Policy, Tally)> = Vec::new();
        for result in results {
            if self.signals.stop.get() {
                return Err(End::Stopped);
            }
            let policy = &result.best.policy;
            let known = measured.iter().find(|(known, _)| known == policy).map(|(_, tally)| *tally);
            let tally = match known {
                Some(tally) => tally,
                None => Tally::from(self.score(policy, Sample::All).await?),
            };
            measured.push((policy.clone(), tally));
            result.test = Some(tally);
        }
        Ok(())
    }

    /// Keeps the state; the seconds that took. A browser that cannot store it is no reason to end the search.
    async fn save(
        &mut self,
        request: &SearchRequest,
        search: &Search,
        end: Option<SearchEnd>,
    ) -> Result<f64, End> {
        let begun = Instant::now();
        let (_, network) = self.model.as_ref().ok_or_else(no_network)?;
        let source = self.images.as_ref().ok_or_else(no_images)?.listing.source.clone();
        let (network, request) = (network.clone(), request.clone());
        let (images, state) = (self.images_digest(&request)?, search.checkpoint());
        let stored = self.searches.write(&Stored { network, source, images, request, state, end }).await;
        self.report_stored(Task::Search, stored).await;
        Ok(begun.elapsed().as_secs_f64())
    }

    fn images_digest(&self, request: &SearchRequest) -> Result<[u8; 32], End> {
        let listing = &self.images.as_ref().ok_or_else(no_images)?.listing;
        let reward = listing.limited_reward(request.limit);
        Ok(digest(listing.calibration.iter().chain(&reward)))
    }
}

/// What the page is told of a search that begins, or goes on.
fn start(request: SearchRequest, search: &Search) -> SearchStart {
    let episodes = search.log().episodes().to_vec();
    SearchStart { request, float: Tally::from(search.float()), episodes }
}

/// The best of each allocator.
fn results(search: &Search) -> Vec<SearchResult> {
    let best = |&allocator: &Allocator| {
        let best = search.log().best(Some(allocator))?.clone();
        Some(SearchResult { allocator, episodes: search.log().count(allocator), best, test: None })
    };
    search.settings().allocators.iter().filter_map(best).collect()
}
