//! Searches: policies are scored by all shares, and the state is kept so that it outlives the program.

use super::{End, Event, Executor, Key, Session, Set};
use crate::flow::{
    Answer, Figure, ImagesUsed, NetworkSummary, Order, Scorer, SearchEnd, SearchFound, SearchRequest,
    SearchResult, SearchStart, Subset, Tally, Task,
};
use crate::quant::{Policy, QuantizedNetwork};
use crate::search::{Allocator, Episode, Next, Sample, Score, Search};
use serde::{Deserialize, Serialize};
use web_time::Instant;

/// A state is stored after every episode, unless that would take more than this part of the time.
const SAVING: f64 = 0.05;

/// A search as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    network: NetworkSummary,
    /// Where the images came from.
    source: String,
    /// See [`Subject::key`].
    of: Key,
    float: Figure,
    request: SearchRequest,
    /// See [`Search::checkpoint`].
    state: Vec<u8>,
    /// How it ended, if it has.
    end: Option<SearchEnd>,
}

/// What policies are scored with: images, calibration and the float network's score.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Of weights, calibration and all images by which the search chooses.
    pub key: Key,
    /// Of weights and calibration alone.
    calibrated: Key,
    /// The float network on the reward images.
    pub float: Figure,
    /// Rounds of the run-off for which there are images.
    pub rounds: usize,
}

impl Subject {
    /// What rewards are taken against.
    pub fn score(&self) -> Score {
        let Tally { correct, images } = self.float.tally;
        Score { correct, images, ..Score::default() }
    }
}

/// Who gives scores of policies.
#[expect(
    async_fn_in_trait,
    reason = "whoever awaits knows the executor, and none of them moves between threads"
)]
pub trait Scoring<E> {
    /// The score of a policy on the images of a set.
    async fn score(&mut self, session: &mut Session<E>, policy: &Policy, set: Set) -> Result<Score, End>;

    /// The network of a policy that was found, as it is exported.
    async fn network(&mut self, session: &mut Session<E>, policy: &Policy) -> Result<QuantizedNetwork, End>;

    /// The search has taken a step; `episode` is what came of it.
    fn took(&mut self, _search: &Search, _episode: Option<&Episode>) {}
}

/// Scores of calibrated networks.
#[derive(Debug)]
pub struct Calibrated;

impl<E: Executor> Scoring<E> for Calibrated {
    async fn score(&mut self, session: &mut Session<E>, policy: &Policy, set: Set) -> Result<Score, End> {
        session.score(policy, set).await
    }

    async fn network(&mut self, session: &mut Session<E>, policy: &Policy) -> Result<QuantizedNetwork, End> {
        Ok(session.quantize(policy).await?.network.clone())
    }
}

impl<E: Executor> Session<E> {
    /// Searches from the beginning, and stores the state under a name.
    ///
    /// # Errors
    /// If nothing is loaded, no policy fits, or it was stopped before the first policy.
    pub async fn search(&mut self, name: &str, mut request: SearchRequest) -> Result<(), End> {
        let listing = self.listing()?;
        // With the rounds that were asked for: of fewer reward images there may be more of them than of all.
        self.check_search_room(&request, &listing)?;
        let reward = listing.limited_reward(request.limit).len();
        request.settings.run_off = request.settings.run_off.min(listing.run_off(reward).len());
        let weights = self.weights()?;
        // An impossible budget is named before anything takes time.
        request.settings.problem(weights.model.graph())?;
        let subject = self.prepare_search(&request).await?;
        let search = Search::new(weights.model.graph(), request.settings.clone(), subject.score())?;
        self.run_search(name, request, &subject, search, &mut Calibrated).await.map(drop)
    }

    /// Says what is stored under a name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn find_search(&self, name: &str) -> Result<(), End> {
        let Some(stored) = self.stored_search(name).await? else { return Ok(()) };
        let Stored { network, source: images, float, request, state, end, .. } = stored;
        let search = Search::resume(network.network.graph(), &state)
            .map_err(|error| End::Failed(format!("a search is stored that cannot be read: {error}")))?;
        let start = SearchStart { request, float, episodes: search.log().episodes().to_vec() };
        let elsewhere = self.executor.is_elsewhere(name).await;
        let found = SearchFound { network, images, start, end, elsewhere };
        self.executor.report(&Event::SearchFound(Box::new(found)));
        Ok(())
    }

    /// Goes on with what is stored under a name.
    ///
    /// # Errors
    /// If nothing is, or it is of other weights or images.
    pub async fn continue_search(&mut self, name: &str) -> Result<(), End> {
        let nothing = || End::Failed("no search is stored; start a new one".into());
        let stored = self.stored_search(name).await?.ok_or_else(nothing)?;
        self.check_stored("search", &stored.network, &stored.source)?;
        let subject = self.prepare_search(&stored.request).await?;
        let search = self.resume_search(&stored, &subject)?;
        let request = stored.request;
        self.run_search(name, request, &subject, search, &mut Calibrated).await.map(drop)
    }

    /// What is stored under a name for a search of these settings, else a new search.
    ///
    /// # Errors
    /// If what is stored is of something else, or no policy fits.
    pub async fn open_search(
        &mut self,
        name: &str,
        request: &SearchRequest,
        subject: &Subject,
    ) -> Result<Search, End> {
        match self.stored_search(name).await? {
            Some(stored) if stored.request.settings == request.settings => {
                self.resume_search(&stored, subject)
            }
            Some(_) => Err(End::Failed(
                "what is stored is of a search with other settings; remove it or choose another folder"
                    .into(),
            )),
            None => {
                let model = &self.weights()?.model;
                Ok(Search::new(model.graph(), request.settings.clone(), subject.score())?)
            }
        }
    }

    async fn stored_search(&self, name: &str) -> Result<Option<Stored>, End> {
        let Some(bytes) = self.executor.kept(name).await.map_err(End::Failed)? else { return Ok(None) };
        let unread =
            |_| End::Failed("the stored search is damaged or of another version; start a new one".into());
        postcard::from_bytes(&bytes).map(Some).map_err(unread)
    }

    fn resume_search(&self, stored: &Stored, subject: &Subject) -> Result<Search, End> {
        let search = Search::resume(self.weights()?.model.graph(), &stored.state)?;
        if (stored.of, search.float()) != (subject.key, subject.score()) {
            let Stored { network, source, .. } = stored;
            return Err(End::Failed(format!(
                "the stored search is of {} from {} with other images or another way to quantize ({source}); start a \
                 new one",
                network.network, network.source
            )));
        }
        Ok(search)
    }

    /// Whether what was stored, a search or training, is of the network and the images that are loaded, as far as their
    /// names tell.
    ///
    /// # Errors
    /// Which it is of, if it is not.
    pub fn check_stored(&self, what: &str, network: &NetworkSummary, images: &str) -> Result<(), End> {
        let NetworkSummary { network, source, key, .. } = network;
        if self.weights()?.summary.key != *key {
            return Err(End::Failed(format!(
                "the stored {what} is of {network} from {source}; open that first"
            )));
        }
        let found = &self.listing()?.source;
        if found != images {
            return Err(End::Failed(format!(
                "the stored {what} is on the images of {images}, not of {found}"
            )));
        }
        Ok(())
    }

    /// Images, calibration and the float network's score: all that comes before the first policy.
    ///
    /// # Errors
    /// If nothing is loaded, or it was stopped.
    pub async fn prepare_search(&mut self, request: &SearchRequest) -> Result<Subject, End> {
        let listing = self.listing()?;
        self.check_search_room(request, &listing)?;
        let (calibrated, _) = self.calibrate().await?;
        let reward = listing.limited_reward(request.limit);
        let part = listing.limited_reward(Some(Sample::Part.of(reward.len())));
        let mut rounds = listing.run_off(reward.len());
        rounds.truncate(request.settings.run_off);
        self.hold_calibration().await?;
        let mut keys = vec![calibrated];
        keys.push(self.hold(Set::Reward, &reward).await?.key);
        keys.push(self.hold(Set::Probe, &part).await?.key);
        for (round, images) in rounds.iter().enumerate() {
            keys.push(self.hold(Set::RunOff(round), images).await?.key);
        }
        let float = self.float_figure(Subset::Reward, request.limit).await?;
        if float.stopped {
            return Err(End::Stopped);
        }
        for round in 0..rounds.len() {
            self.answer(Set::RunOff(round)).await?;
        }
        let memory = self.executor.memory();
        self.use_scorer(Sample::All, Set::Reward, memory).await?;
        self.use_scorer(Sample::Part, Set::Probe, memory / 4).await?;
        for round in 0..rounds.len() {
            self.use_scorer(Sample::RunOff(round), Set::RunOff(round), 0).await?;
        }
        Ok(Subject { key: Key::of(&keys), calibrated, float, rounds: rounds.len() })
    }

    /// What the float network says to the images of a set; policies are scored against it.
    async fn answer(&mut self, set: Set) -> Result<(), End> {
        let weights = self.weights()?;
        let Some(held) = self.holding.get(set).copied().filter(|held| held.count > 0) else { return Ok(()) };
        let of = Key::of(&(weights.summary.key, held.key));
        if self.holding.is_answered(set, of) {
            return Ok(());
        }
        self.all(&weights.use_floats()).await?;
        let none = Tally::default();
        let (_, stopped) = self.classify(Task::EvaluateFloat, set, none, held.count, held.count).await?;
        if stopped {
            return Err(End::Stopped);
        }
        self.holding.note_answered(set, of);
        Ok(())
    }

    /// Lets every share score policies on its images of a set and on its part of the calibration images.
    async fn use_scorer(&mut self, sample: Sample, set: Set, memory: usize) -> Result<(), End> {
        let calibration = self.calibrate_for_scores().await?;
        let (weights, prepared) = (self.weights()?, self.prepare().await?);
        let shares = self.executor.shares();
        let images = self.holding.by_share(set, shares);
        // Every share has its images of a set in the order of the set.
        let sample = prepared.files.iter().take(sample.of(prepared.files.len()));
        let calibrating = self.holding.among(sample.map(|(file, _)| *file), shares);
        let counted = images.iter().zip(&calibrating).map(|(a, b)| a + b).max().unwrap_or(0) + 1;
        let memory = memory / shares;
        let (model, calibration) = ((*weights.model).clone(), (*calibration).clone());
        let scorer =
            Scorer { model, weights: weights.summary.key, calibration, calibrating: 0, set, memory, counted };
        let orders = calibrating.into_iter().map(|calibrating| {
            let scorer = Scorer { calibrating, ..scorer.clone() };
            (Order::Scorer(Box::new(scorer)), Vec::new())
        });
        self.executor.ask(orders.collect()).await?;
        Ok(())
    }

    /// What a score on a set is of: weights, calibration, and the images.
    pub fn score_key(&self, subject: &Subject, set: Set) -> Key {
        Key::of(&(subject.calibrated, set, self.holding.get(set).map(|held| held.key)))
    }

    /// The score of a calibrated network, from all shares.
    ///
    /// # Errors
    /// If nothing was prepared, or the network has no integer form.
    pub async fn score(&self, policy: &Policy, set: Set) -> Result<Score, End> {
        let answers = self.all(&Order::Score(policy.clone(), set)).await?;
        let scores = answers.into_iter().map(|answer| match answer {
            Answer::Scored(score) => Ok(score),
            _ => Err(End::Failed("no score came back; start the search again".into())),
        });
        scores.sum()
    }

    /// Searches until the end or until it is stopped, and tests what was found.
    ///
    /// # Errors
    /// If a policy cannot be scored.
    pub async fn run_search(
        &mut self,
        name: &str,
        request: SearchRequest,
        subject: &Subject,
        mut search: Search,
        scoring: &mut impl Scoring<E>,
    ) -> Result<(Search, SearchEnd), End> {
        // From its first moment on: what is shown as running is there after a crash.
        let mut took = self.keep_search(name, &request, subject, &search, None).await?;
        self.executor.resume();
        let episodes = search.log().episodes().to_vec();
        self.executor.report(&Event::SearchStarted(Box::new(SearchStart {
            request: request.clone(),
            float: subject.float,
            episodes,
        })));
        let mut saved = Instant::now();
        let mut stopped = loop {
            let (done, total) = search.progress();
            self.progress(Task::Search, done, total, None);
            if self.executor.pauses() {
                took = self.keep_search(name, &request, subject, &search, None).await?;
                saved = Instant::now();
                self.wait(Task::Search).await;
            }
            if self.executor.stops() {
                break true;
            }
            let episode = match search.ask() {
                Next::Finished => break false,
                Next::Known(episode) => {
                    // Messages come in while shares score; here nothing else lets them.
                    self.executor.breathe().await;
                    Some(*episode)
                }
                Next::Score(policy, sample) => {
                    let score = scoring.score(self, &policy, Set::of(sample)).await?;
                    search.scored(score).cloned()
                }
            };
            scoring.took(&search, episode.as_ref());
            let Some(episode) = episode else { continue };
            self.executor.report(&Event::Episode(Box::new(episode)));
            if took <= SAVING * saved.elapsed().as_secs_f64() {
                took = self.keep_search(name, &request, subject, &search, None).await?;
                saved = Instant::now();
            }
        };
        // Before the test images are measured, which takes a while.
        self.keep_search(name, &request, subject, &search, None).await?;
        let mut results = results(&search);
        let mut images = None;
        if !stopped && request.test {
            match self.test(&mut results, scoring).await {
                Ok(found) => images = found,
                // What was found counts all the same; gone on with, it is tested.
                Err(End::Stopped) => stopped = true,
                Err(failed) => return Err(failed),
            }
        }
        let end = SearchEnd { results, stopped, images };
        self.keep_search(name, &request, subject, &search, Some(end.clone())).await?;
        self.executor.report(&Event::SearchEnded(end.clone()));
        Ok((search, end))
    }

    /// Waits until what is held shall go on or end.
    pub(super) async fn wait(&self, task: Task) {
        self.executor.report(&Event::Paused(task));
        while self.executor.pauses() && !self.executor.stops() {
            self.executor.rest().await;
        }
        self.executor.resume();
        if !self.executor.stops() {
            self.executor.report(&Event::Resumed(task));
        }
    }

    /// Measures what was found on the test images; the images, if there are any.
    async fn test(
        &mut self,
        results: &mut [SearchResult],
        scoring: &mut impl Scoring<E>,
    ) -> Result<Option<ImagesUsed>, End> {
        let test = self.listing()?.test.clone();
        if test.is_empty() {
            return Ok(None);
        }
        // As they are exported: scores are of codes that can be combined freely.
        let mut found: Vec<(Policy, QuantizedNetwork, Tally)> = Vec::new();
        for SearchResult { best, .. } in &*results {
            if found.iter().all(|(policy, ..)| *policy != best.policy) {
                self.check_stop()?;
                let network = scoring.network(self, &best.policy).await?;
                found.push((best.policy.clone(), network, Tally::default()));
            }
        }
        let size = self.at_a_time(Set::Test, &test).await?;
        let (mut count, mut reward, mut keys) = (0, 0, Vec::new());
        for part in test.chunks(size) {
            let held = self.hold(Set::Test, part).await?;
            (count, reward) = (count + held.count, reward + held.reward);
            keys.extend(self.holding.keys(Set::Test));
            for (_, network, tally) in found.iter_mut().filter(|_| held.count > 0) {
                self.check_stop()?;
                self.all(&Order::UseIntegers(Box::new(network.clone()))).await?;
                let (sum, stopped) =
                    self.classify(Task::Evaluate, Set::Test, *tally, held.count, test.len()).await?;
                if stopped {
                    return Err(End::Stopped);
                }
                *tally = sum;
            }
        }
        for result in results.iter_mut() {
            let known = found.iter().find(|(policy, ..)| *policy == result.best.policy);
            result.test = known.map(|(.., tally)| *tally).filter(|tally| tally.images > 0);
        }
        Ok(Some(self.images_used(Subset::Test, count, reward, Key::of(&keys))?))
    }

    /// Stores the state; the seconds that took.
    async fn keep_search(
        &self,
        name: &str,
        request: &SearchRequest,
        subject: &Subject,
        search: &Search,
        end: Option<SearchEnd>,
    ) -> Result<f64, End> {
        let begun = Instant::now();
        let (network, source) = (self.weights()?.summary.clone(), self.listing()?.source.clone());
        let (of, float, state) = (subject.key, subject.float, search.checkpoint());
        let stored = Stored { network, source, of, float, request: request.clone(), state, end };
        self.executor.keep(name, &postcard::to_stdvec(&stored)?).await.map_err(End::Failed)?;
        Ok(begun.elapsed().as_secs_f64())
    }
}

/// The best of each allocator.
fn results(search: &Search) -> Vec<SearchResult> {
    let best = |&allocator: &Allocator| {
        let best = search.log().best(Some(allocator))?.clone();
        Some(SearchResult { allocator, episodes: search.log().count(allocator), best, test: None })
    };
    search.settings().allocators.iter().filter_map(best).collect()
}
