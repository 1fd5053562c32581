//! Formulas of a code `x`: sums, products and quotients of numbers, lists of a number for each channel, and `x`.
//!
//! A formula is read as a function a x + b of each channel. What is no such function is refused.

use super::Normalization;

/// Brackets inside one another: more are nobody's formula, and the reader calls itself for each.
const DEEPEST: usize = 32;

/// Words for the code of a pixel.
const CODE: [&str; 9] = ["x", "image", "images", "img", "input", "inputs", "pixel", "pixels", "rgb"];

/// Mean and deviation that the words `mean` and `std` stand for, if the text has numbers for them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Constants {
    pub mean: Option<[f64; 3]>,
    pub deviation: Option<[f64; 3]>,
}

/// a x + b for each channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub factor: [f64; 3],
    pub offset: [f64; 3],
}

impl Affine {
    pub const X: Self = Self { factor: [1.0; 3], offset: [0.0; 3] };

    fn constant(offset: [f64; 3]) -> Self {
        Self { factor: [0.0; 3], offset }
    }

    pub fn is_constant(&self) -> bool {
        self.factor == [0.0; 3]
    }

    /// This function of what another gives.
    pub fn after(&self, inner: &Self) -> Self {
        Self {
            factor: zip(self.factor, inner.factor, |a, b| a * b),
            offset: zip(zip(self.factor, inner.offset, |a, b| a * b), self.offset, |a, b| a + b),
        }
    }

    /// The normalization with this function: (x - mean) / deviation.
    pub fn normalization(&self) -> Result<Normalization, String> {
        if !self.factor.iter().all(|&factor| factor > 0.0) {
            return Err(format!("the factor of x is {:?}, where it must be above 0", self.factor[0]));
        }
        let deviation = self.factor.map(|factor| (1.0 / factor) as f32);
        // Rounding may leave a little less than zero of a mean of zero.
        let mean = zip(self.offset, self.factor, |b, a| if b == 0.0 { 0.0 } else { -b / a });
        let mean = mean.map(|mean| if mean.abs() < 1e-9 { 0.0 } else { mean as f32 });
        if !deviation.iter().all(|deviation| deviation.is_normal()) {
            return Err("its deviation is out of range".into());
        }
        if !mean.iter().all(|mean| (0.0..=255.0).contains(mean)) {
            return Err(format!("its mean is {mean:?} in codes, where codes are from 0 to 255"));
        }
        Ok(Normalization { mean, deviation })
    }
}

fn zip(a: [f64; 3], b: [f64; 3], f: impl Fn(f64, f64) -> f64) -> [f64; 3] {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2])]
}

/// Why a text is no formula.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// It does not look like one: words that no formula has.
    NoFormula,
    /// It is one, with something wrong.
    Wrong(String),
}

fn wrong<T>(reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Wrong(reason.into()))
}

/// Reads a whole formula. `text` is lower case.
pub(super) fn read(text: &str, constants: Constants) -> Result<Affine, Fault> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0, depth: 0, constants };
    let value = reader.sum()?;
    match reader.peek() {
        None => Ok(value),
        Some(Token::Sign(')' | ']')) => wrong("a bracket is closed that was not opened"),
        Some(_) => Err(Fault::NoFormula),
    }
}

/// A number for all channels, or a list of one for each in square or round brackets.
pub(super) fn numbers(text: &str) -> Result<[f64; 3], Fault> {
    let text = text.trim();
    let list = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let value = match list {
        Some(list) if list.contains(',') => read(&format!("[{list}]"), Constants::default())?,
        _ => read(text, Constants::default())?,
    };
    if value.is_constant() { Ok(value.offset) } else { Err(Fault::NoFormula) }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Word(String),
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '0'..='9' | '.' => number_length(rest),
            'a'..='z' | '_' => {
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(match first {
            '0'..='9' | '.' => match token.parse::<f64>() {
                Ok(number) if number.is_finite() => Token::Number(number),
                Ok(_) => return wrong(format!("the number {token} is too large")),
                Err(_) => return Err(Fault::NoFormula),
            },
            'a'..='z' | '_' => Token::Word(token.into()),
            '+' | '-' | '*' | '/' | '(' | ')' | '[' | ']' | ',' => Token::Sign(first),
            _ => return Err(Fault::NoFormula),
        });
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// Bytes of the number at the beginning: digits, a point, an exponent.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if bytes.get(end) == Some(&b'e') {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
        }
    }
    end
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    constants: Constants,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn sum(&mut self) -> Result<Affine, Fault> {
        let mut value = self.product()?;
        loop {
            let sign = if self.take('+') {
                1.0
            } else if self.take('-') {
                -1.0
            } else {
                return Ok(value);
            };
            let other = self.product()?;
            value = Affine {
                factor: zip(value.factor, other.factor, |a, b| a + sign * b),
                offset: zip(value.offset, other.offset, |a, b| a + sign * b),
            };
        }
    }

    fn product(&mut self) -> Result<Affine, Fault> {
        let mut value = self.factor()?;
        loop {
            if self.take('*') {
                let other = self.factor()?;
                let (function, constant) = match (value.is_constant(), other.is_constant()) {
                    (_, true) => (value, other.offset),
                    (true, _) => (other, value.offset),
                    _ => return wrong("x times x is no preprocessing"),
                };
                value = scaled(function, constant);
            } else if self.take('/') {
                let other = self.factor()?;
                if !other.is_constant() {
                    return wrong("something is divided by x");
                }
                if other.offset.contains(&0.0) {
                    return wrong("something is divided by zero");
                }
                value = Affine {
                    factor: zip(value.factor, other.offset, |a, b| a / b),
                    offset: zip(value.offset, other.offset, |a, b| a / b),
                };
            } else {
                return Ok(value);
            }
        }
    }

    fn factor(&mut self) -> Result<Affine, Fault> {
        if self.take('-') {
            self.deeper()?;
            let value = scaled(self.factor()?, [-1.0; 3]);
            self.depth -= 1;
            return Ok(value);
        }
        if self.take('(') {
            self.deeper()?;
            let value = self.sum()?;
            self.depth -= 1;
            return if self.take(')') { Ok(value) } else { wrong("a bracket is not closed") };
        }
        if self.take('[') {
            return self.list();
        }
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Number(number)) => Ok(Affine::constant([number; 3])),
            Some(Token::Word(word)) if CODE.contains(&word.as_str()) => Ok(Affine::X),
            Some(Token::Word(word)) if is_mean(&word) => named("mean", self.constants.mean),
            Some(Token::Word(word)) if is_deviation(&word) => named("std", self.constants.deviation),
            _ => Err(Fault::NoFormula),
        }
    }

    fn list(&mut self) -> Result<Affine, Fault> {
        let mut values = Vec::new();
        loop {
            self.deeper()?;
            let value = self.sum()?;
            self.depth -= 1;
            if !value.is_constant() {
                return Err(Fault::NoFormula);
            }
            values.push(value.offset[0]);
            if self.take(']') {
                break;
            }
            if !self.take(',') {
                return wrong("a bracket is not closed");
            }
        }
        match values[..] {
            [one] => Ok(Affine::constant([one; 3])),
            [red, green, blue] => Ok(Affine::constant([red, green, blue])),
            _ => wrong(format!("a list has {} numbers, where an image has 3 channels", values.len())),
        }
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST { wrong("it has too many brackets inside one another") } else { Ok(()) }
    }
}

fn scaled(value: Affine, by: [f64; 3]) -> Affine {
    Affine { factor: zip(value.factor, by, |a, b| a * b), offset: zip(value.offset, by, |a, b| a * b) }
}

fn named(name: &str, numbers: Option<[f64; 3]>) -> Result<Affine, Fault> {
    match numbers {
        Some(numbers) => Ok(Affine::constant(numbers)),
        None => wrong(format!("it says {name} without its numbers")),
    }
}

/// Words for a mean.
pub(super) fn is_mean(word: &str) -> bool {
    matches!(word, "mean" | "means" | "mu")
}

/// Words for a standard deviation.
pub(super) fn is_deviation(word: &str) -> bool {
    matches!(word, "std" | "stds" | "stddev" | "deviation" | "sigma")
}
