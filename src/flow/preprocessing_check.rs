//! Whether weights that do not say how they were trained were trained as is assumed.
//!
//! Wrong preprocessing gives no error, only worse answers. The labels of the calibration images are known, so the
//! float network's accuracy tells: some of these images are classified under each usual normalization and padding that
//! nobody has stated. Another choice is clearly better than the assumed one if the images that only one of the two
//! gets right speak for it: by the exact one-sided sign test (McNemar's test) with an error below
//! [`PreprocessingCheck::ERROR`], divided by the number of choices compared (Bonferroni).

use crate::float::{FloatError, FloatNetwork};
use crate::flow::Tally;
use crate::import::{Setting, SettingKind};
use crate::net::{Model, Normalization, Padding};
use serde::{Deserialize, Serialize};

/// Multiply-accumulates that a check may take.
const WORK: u64 = 60_000_000_000;
/// Fewest and most images of a check.
const IMAGES: (u64, u64) = (32, 200);

/// A choice of what nobody has stated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Normalization of the image.
    pub normalization: Normalization,
    /// Where the zeros go at stride 2; `None` where the network itself says it.
    pub padding: Option<Padding>,
}

/// A network under the assumed choice and all others.
pub struct PreprocessingCheck {
    /// The assumed choice first.
    choices: Vec<Choice>,
    networks: Vec<FloatNetwork>,
    images: usize,
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreprocessingVerdict {
    /// Each choice with the images that it gets right, the assumed one first.
    pub choices: Vec<(Choice, Tally)>,
    /// The choice that is clearly better than the assumed one, as an index of `choices`, if there is any.
    pub better: Option<usize>,
    /// What was assumed: the normalization, the padding.
    pub assumed: (bool, bool),
}

impl PreprocessingCheck {
    /// The largest probability that another choice is called better although it is not.
    pub const ERROR: f64 = 0.01;

    /// A check of what `settings` say was assumed of `model`; `None` if nothing was.
    ///
    /// # Errors
    /// If the model has not all weights.
    pub fn new(model: &Model, settings: &[Setting]) -> Result<Option<Self>, FloatError> {
        let assumed = |kind| settings.iter().any(|setting| setting.kind == kind && setting.is_assumed());
        let own = Choice {
            normalization: model.normalization,
            padding: model.network.zoo().map(|spec| spec.padding),
        };
        let mut normalizations = vec![own.normalization];
        if assumed(SettingKind::Normalization) {
            normalizations
                .extend(Normalization::USUAL.into_iter().filter(|other| *other != own.normalization));
        }
        let mut paddings = vec![own.padding];
        if assumed(SettingKind::Padding) {
            paddings.extend(own.padding.map(|padding| Some(padding.other())));
        }
        let choices: Vec<Choice> = paddings
            .into_iter()
            .flat_map(|padding| {
                normalizations.iter().map(move |&normalization| Choice { normalization, padding })
            })
            .collect();
        if choices.len() == 1 {
            return Ok(None);
        }
        let networks = choices.iter().map(|choice| FloatNetwork::new(&choice.of(model)));
        let networks = networks.collect::<Result<_, _>>()?;
        let work = model.graph().macs().max(1) * choices.len() as u64;
        let images = (WORK / work).clamp(IMAGES.0, IMAGES.1) as usize;
        Ok(Some(Self { choices, networks, images }))
    }

    /// Which of `available` images the check takes, at equal distances.
    pub fn sample(&self, available: usize) -> Vec<usize> {
        let taken = self.images.min(available);
        (0..taken).map(|i| i * available / taken).collect()
    }

    /// Whether each choice gets an image right.
    ///
    /// # Errors
    /// If the image has another size than the network's input.
    pub fn judge(&self, image: &[u8], target: usize) -> Result<Vec<bool>, FloatError> {
        self.networks.iter().map(|network| Ok(network.predict(image)? == target)).collect()
    }

    /// What the judgements of all images say.
    pub fn verdict(&self, judged: &[Vec<bool>]) -> PreprocessingVerdict {
        let right = |choice: usize| judged.iter().filter(|row| row.get(choice) == Some(&true)).count();
        let tally = |choice| Tally { correct: right(choice), images: judged.len() };
        let others = self.choices.len() - 1;
        let clearly_better = |choice: usize| {
            let only = |one: usize, other: usize| judged.iter().filter(|row| row[one] && !row[other]).count();
            sign_test(only(choice, 0), only(0, choice)) * (others as f64) < Self::ERROR
        };
        let better = (1..=others).filter(|&choice| clearly_better(choice));
        // Of equals the first: it differs least from what is assumed.
        let better = better.reduce(|best, next| if right(next) > right(best) { next } else { best });
        let own = self.choices[0];
        PreprocessingVerdict {
            choices: self.choices.iter().copied().enumerate().map(|(i, choice)| (choice, tally(i))).collect(),
            better,
            assumed: (
                self.choices.iter().any(|choice| choice.normalization != own.normalization),
                self.choices.iter().any(|choice| choice.padding != own.padding),
            ),
        }
    }
}

impl Choice {
    /// A model with this choice.
    #[must_use]
    pub fn of(&self, model: &Model) -> Model {
        let network = match (model.network.zoo(), self.padding) {
            (Some(spec), Some(padding)) => spec.with_padding(padding).into(),
            _ => model.network.clone(),
        };
        Model { network, normalization: self.normalization, ..model.clone() }
    }
}

impl PreprocessingVerdict {
    /// The better choice, if there is one.
    pub fn better(&self) -> Option<Choice> {
        Some(self.choices.get(self.better?)?.0)
    }

    /// What was found, in a sentence or two.
    pub fn sentence(&self) -> String {
        let Some((own, assumed)) = self.choices.first() else { return String::new() };
        let named = |choice: &Choice| {
            let mut parts = Vec::new();
            if self.assumed.0 {
                parts.push(choice.normalization.to_string());
            }
            if self.assumed.1 {
                parts.push(format!("{} padding", choice.padding.map_or("", |padding| padding.title())));
            }
            parts.join(" and ")
        };
        let Tally { correct, images } = assumed;
        match self.better.and_then(|better| self.choices.get(better)) {
            Some((choice, tally)) => format!(
                "with {}, {} of {images} calibration images are right, and {correct} with {}, which is assumed: the \
                 weights were probably trained with the former",
                named(choice),
                tally.correct,
                named(own),
            ),
            None => format!(
                "{correct} of {images} calibration images are right with {}, which is assumed; no usual \
                 preprocessing is clearly better",
                named(own)
            ),
        }
    }
}

/// Probability that of `wins + losses` throws of a coin at least `wins` are heads.
fn sign_test(wins: usize, losses: usize) -> f64 {
    let n = wins + losses;
    // Binomial coefficients over 2^n, one from the other; n is at most a few hundred.
    let mut term = 0.5_f64.powi(n as i32);
    let mut tail = 0.0;
    for heads in 0..=n {
        if heads >= wins {
            tail += term;
        }
        term *= (n - heads) as f64 / (heads + 1) as f64;
    }
    tail.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_test_is_the_binomial_tail() {
        // Exact: 1, 1/2, 1/1024, 11/1024, 176/1024.
        for (wins, losses, expected) in
            [(0, 0, 1.0), (1, 0, 0.5), (10, 0, 1.0 / 1024.0), (9, 1, 11.0 / 1024.0), (7, 3, 176.0 / 1024.0)]
        {
            let found = sign_test(wins, losses);
            assert!((found - expected).abs() < 1e-12, "{wins} {losses}: {found}");
        }
        assert!(sign_test(150, 50) < 1e-12);
    }
}
