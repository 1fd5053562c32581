//! Normalizations as people and tools write them down: a formula among words, mean and deviation with their numbers,
//! or a name.
//!
//! A text is split at semicolons, line breaks and commas outside of brackets. A part may be a formula, a mean or a
//! deviation; an arrow leads from one formula to the next. The other parts are remarks, and must hold no word that
//! could mean a step of the normalization: a text is understood whole or refused.

use super::formula::{self, Affine, Constants, Fault, is_deviation, is_mean};
use super::{ColourRange, Normalization, NormalizationError};
use std::str::FromStr;

/// Names of whole normalizations, in lower case without spaces.
const NAMES: [(&str, Normalization); 19] = [
    ("raw", Normalization::RAW),
    ("rawpixels", Normalization::RAW),
    ("rawcodes", Normalization::RAW),
    ("none", Normalization::RAW),
    ("raw0..255", Normalization::RAW),
    ("raw[0,255]", Normalization::RAW),
    ("0..255", Normalization::RAW),
    ("0to255", Normalization::RAW),
    ("[0,255]", Normalization::RAW),
    ("0..1", Normalization::UNIT),
    ("0to1", Normalization::UNIT),
    ("[0,1]", Normalization::UNIT),
    ("totensor", Normalization::UNIT),
    ("totensor()", Normalization::UNIT),
    ("-1..1", Normalization::SIGNED),
    ("-1to1", Normalization::SIGNED),
    ("[-1,1]", Normalization::SIGNED),
    ("imagenet", Normalization::IMAGENET),
    ("torchvision", Normalization::IMAGENET),
];

/// Beginnings of words that may mean a step which nobody would compute if the word were passed over.
const STEPS: [&str; 24] = [
    "mean",
    "std",
    "deviation",
    "variance",
    "normali",
    "standardi",
    "subtract",
    "divi",
    "minus",
    "times",
    "multipl",
    "scaled",
    "rescal",
    "bgr",
    "caffe",
    "imagenet",
    "whiten",
    "log",
    "gamma",
    "yuv",
    "ycbcr",
    "hsv",
    "invert",
    "then",
];

impl FromStr for Normalization {
    type Err = NormalizationError;

    fn from_str(text: &str) -> Result<Self, NormalizationError> {
        understand(text).map_err(|reason| NormalizationError::Text { text: text.trim().into(), reason })
    }
}

/// Bytes of the longest text: what is longer is a file, and words are looked for in all of it again and again.
const LONGEST: usize = 4096;

/// What a text means.
fn understand(text: &str) -> Result<Normalization, String> {
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes, where at most {LONGEST} are read", text.len()));
    }
    let text = plain(text);
    let squeezed: String = text.split_whitespace().collect();
    if let Some((_, normalization)) = NAMES.iter().find(|(name, _)| *name == squeezed) {
        return Ok(*normalization);
    }
    if only_imagenet(&text) {
        return Ok(Normalization::IMAGENET);
    }
    let mut parts = Parts::default();
    let (before, arguments, after) = arguments(&text);
    parts.take_all(before)?;
    if let Some(arguments) = arguments {
        parts.take_arguments(arguments)?;
    }
    parts.take_all(after)?;
    parts.meaning()
}

/// Lower case, with the signs that formulas are read with.
fn plain(text: &str) -> String {
    let signs = |c: char| match c {
        '\u{2212}' | '\u{2013}' => "-".into(),
        '\u{00d7}' | '\u{00b7}' => "*".into(),
        '\u{00f7}' => "/".into(),
        '\u{2192}' => "->".into(),
        c => c.to_lowercase().collect::<String>(),
    };
    text.trim().chars().map(signs).collect()
}

/// Whether a text says no more than that mean and deviation are ImageNet's.
fn only_imagenet(text: &str) -> bool {
    const REST: [&str; 12] = [
        "imagenet",
        "s",
        "mean",
        "means",
        "and",
        "std",
        "stddev",
        "deviation",
        "deviations",
        "the",
        "of",
        "standard",
    ];
    let mut words = words(text).peekable();
    let first = text.contains("imagenet") && words.peek().is_some();
    first && words.all(|word| REST.contains(&word)) && !text.contains(|c: char| c.is_ascii_digit())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Splits at torchvision's `Normalize(...)`: what is before it, its arguments, what is after it.
fn arguments(text: &str) -> (&str, Option<&str>, &str) {
    const NAME: &str = "normalize(";
    let Some(at) = text.find(NAME) else { return (text, None, "") };
    let open = at + NAME.len();
    let mut depth = 1;
    for (i, c) in text[open..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            // What Normalize is a part of, such as `transforms.`, goes with it.
            let before =
                text[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || ".,_".contains(c));
            return (before, Some(&text[open..open + i]), &text[open + i + 1..]);
        }
    }
    (text, None, "")
}

/// Parts of a text at signs outside of brackets.
fn split<'a>(text: &'a str, signs: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            c if depth <= 0 && signs.contains(c) => {
                parts.push(&text[start..i]);
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// What the parts of a text say.
#[derive(Default)]
struct Parts {
    constants: Constants,
    formulas: Vec<String>,
    remarks: Vec<String>,
}

impl Parts {
    fn take_all(&mut self, text: &str) -> Result<(), String> {
        for part in split(text, ";,\n") {
            self.take(part)?;
        }
        Ok(())
    }

    /// A part of the text: `mean=...`, a formula, or a remark.
    fn take(&mut self, part: &str) -> Result<(), String> {
        if matches!(part, "totensor" | "totensor()" | "transforms.totensor()") {
            self.formulas.push("x/255".into());
            return Ok(());
        }
        let rest = self.take_constants(part)?;
        let rest = rest.trim();
        if rest.is_empty() {
            return Ok(());
        }
        // `y = x/255`, `preprocessing: x/255`
        let formula = match rest.rsplit_once([':', '=']) {
            Some((name, formula)) if words(name).count() == 1 && !name.contains(['/', '*', '+']) => formula,
            _ => rest,
        };
        let steps: Vec<&str> = formula.split("->").map(str::trim).collect();
        let looks = |step: &&str| match formula::read(
            step,
            Constants { mean: Some([1.0; 3]), deviation: Some([1.0; 3]) },
        ) {
            Ok(function) => !function.is_constant(),
            Err(fault) => fault != Fault::NoFormula,
        };
        if steps.iter().any(looks) {
            self.formulas.push(formula.trim().into());
        } else {
            self.remarks.push(rest.into());
        }
        Ok(())
    }

    /// Takes `mean=NUMBERS` and `std=NUMBERS` out of a part; gives back what is left of it.
    fn take_constants(&mut self, part: &str) -> Result<String, String> {
        let mut rest = part.to_owned();
        while let Some((start, end, word, value)) = assignment(&rest) {
            let numbers =
                formula::numbers(&value).map_err(|_| format!("'{value}' are no numbers of {word}"))?;
            let place = if is_mean(&word) { &mut self.constants.mean } else { &mut self.constants.deviation };
            if place.replace(numbers).is_some_and(|former| former != numbers) {
                return Err(format!("it has two sets of numbers for {word}"));
            }
            rest.replace_range(start..end, " ");
            // Words that join what was taken out.
            let joined: Vec<&str> = rest.split_whitespace().collect();
            let ends =
                joined.len() - joined.iter().rev().take_while(|w| matches!(**w, "and" | "with")).count();
            rest = joined[..ends].join(" ");
        }
        Ok(rest)
    }

    /// Arguments of `Normalize(mean, std)`.
    fn take_arguments(&mut self, text: &str) -> Result<(), String> {
        let mut unnamed = ["mean", "std"].into_iter();
        for part in split(text, ",") {
            if assignment(part).is_some() {
                self.take_constants(part)?;
            } else if let (Some(name), false) = (unnamed.next(), part.contains('=')) {
                self.take_constants(&format!("{name}={part}"))?;
            }
        }
        Ok(())
    }

    fn meaning(self) -> Result<Normalization, String> {
        let Self { mut constants, formulas, remarks } = self;
        let stated = constants.mean.is_some() || constants.deviation.is_some();
        let named = formulas.iter().any(|text| words(text).any(|word| is_mean(word) || is_deviation(word)));
        let mut imagenet = false;
        for remark in &remarks {
            for word in words(remark) {
                let ours = word == "imagenet" && named && !stated;
                imagenet |= ours;
                if !ours && STEPS.iter().any(|step| word.starts_with(step)) {
                    return Err(format!("'{word}' may be a step beside the formula"));
                }
            }
            let mut after = remark.split('/').skip(1).map(str::trim_start);
            let divides =
                after.any(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || "([".contains(c)));
            if divides || remark.contains(['*', '+', '[']) {
                return Err(format!("'{remark}' is no formula"));
            }
        }
        if imagenet {
            let parts = |values: [f32; 3]| Some(values.map(|value| f64::from(value) / 255.0));
            constants.mean = parts(Normalization::IMAGENET.mean);
            constants.deviation = parts(Normalization::IMAGENET.deviation);
        }
        // `RGB` beside a formula says what x is.
        let bare = |text: &str| {
            words(text).count() == 1
                && !text.contains("->")
                && formula::read(text, constants) == Ok(Affine::X)
        };
        let beside = formulas.iter().any(|text| !bare(text));
        let mut found: Option<Affine> = None;
        for text in formulas.iter().filter(|text| !beside || !bare(text)) {
            let function = chain(text, constants)?;
            if found.replace(function).is_some_and(|former| former != function) {
                return Err("it has two formulas".into());
            }
        }
        let unit = Affine { factor: [1.0 / 255.0; 3], offset: [0.0; 3] };
        match found {
            Some(function) if named || !stated => function.normalization(),
            // Mean and deviation follow x/255, as in torchvision.
            Some(function) if function == unit => from_constants(constants),
            Some(_) => Err("it has two normalizations, a formula and numbers of mean and deviation".into()),
            None if stated => from_constants(constants),
            None => Err("it has no formula of x".into()),
        }
    }
}

/// (x/255 - mean) / deviation.
fn from_constants(constants: Constants) -> Result<Normalization, String> {
    let mean = constants.mean.ok_or("it has a deviation but no mean")?;
    let deviation = constants.deviation.ok_or("it has a mean but no deviation")?;
    Normalization::new(mean, deviation, ColourRange::One).map_err(|error| error.to_string())
}

/// Formulas with arrows between them, one after the other; words before the first arrow are remarks.
fn chain(text: &str, constants: Constants) -> Result<Affine, String> {
    let mut all: Option<Affine> = None;
    for step in text.split("->").map(str::trim).filter(|step| !step.is_empty()) {
        match formula::read(step, constants) {
            Ok(function) if function.is_constant() => return Err(format!("'{step}' has no x")),
            Ok(function) => all = Some(function.after(&all.unwrap_or(Affine::X))),
            Err(Fault::Wrong(reason)) => return Err(reason),
            Err(Fault::NoFormula) => {
                let word = words(step).find(|word| STEPS.iter().any(|step| word.starts_with(step)));
                if word.is_some() || step.contains(['/', '*', '+', '(']) {
                    return Err(format!("'{step}' is no formula"));
                }
            }
        }
    }
    all.ok_or_else(|| "it has no formula of x".into())
}

/// The first `mean=NUMBERS` or `std=NUMBERS` in a text: where it begins and ends, the word and the numbers.
fn assignment(text: &str) -> Option<(usize, usize, String, String)> {
    for (equals, _) in text.match_indices(['=', ':']) {
        let word = text[..equals].trim_end();
        let before = word.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        let (start, word) = (before.len(), &word[before.len()..]);
        if !is_mean(word) && !is_deviation(word) {
            continue;
        }
        let value = text[equals + 1..].trim_start();
        let from = text.len() - value.len();
        let length = match value.chars().next() {
            Some('[' | '(') => value.find([']', ')']).map_or(value.len(), |i| i + 1),
            _ => value.find(|c: char| c.is_whitespace()).unwrap_or(value.len()),
        };
        return Some((start, from + length, word.into(), value[..length].into()));
    }
    None
}
