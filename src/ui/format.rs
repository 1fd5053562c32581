//! Numbers as the page writes them.

use crate::flow::Tally;
use crate::proportion;

/// A whole number in groups of three digits: `13,570,048`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Multiply-accumulates with three significant digits: `13.6 M`.
pub fn macs(count: u64) -> String {
    let (value, unit) = match count {
        0..1_000 => return count.to_string(),
        1_000..1_000_000 => (count as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => (count as f64 / 1e6, "M"),
        _ => (count as f64 / 1e9, "G"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

/// A share in percent: `91.3 %`.
pub fn percent(value: f64) -> String {
    format!("{value:.1} %")
}

/// Accuracy with its 95 % confidence interval: `91.45 % (90.1 to 92.6 %)`.
pub fn accuracy(tally: Tally) -> String {
    if tally.images == 0 { "no image yet".into() } else { tally.text() }
}

/// Accuracy alone, where there is room for no more: `91.45 %`.
pub fn share(tally: Tally) -> String {
    proportion::text(tally.correct, tally.images)
}

/// What an accuracy was counted on: `1,826 of 2,000 images right`.
pub fn counts(tally: Tally) -> String {
    format!("{} of {} images right", grouped(tally.correct as u64), grouped(tally.images as u64))
}

/// A time to wait: `8 s`, `2 min 5 s`, `1 h 3 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).ceil() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// Steps per second: `640`, `9.5`.
pub fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.1}") } else { grouped(per_second.round() as u64) }
}

/// A count with its noun: `1 layer`, `12 layers`. `plural` is the noun's plural.
pub fn count(number: usize, singular: &str, plural: &str) -> String {
    format!("{} {}", grouped(number as u64), if number == 1 { singular } else { plural })
}

/// Things one after the other: `a`, `a and b`, `a, b and c`.
pub fn list<T: AsRef<str>>(things: &[T]) -> String {
    let things: Vec<&str> = things.iter().map(AsRef::as_ref).collect();
    match &things[..] {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A message as a sentence: with a full stop, and a capital letter unless it begins with a name.
pub fn sentence(message: &str) -> String {
    let message = message.trim();
    let first = message.split([' ', ':', ',']).next().unwrap_or_default();
    let is_word = first.chars().all(|c| c.is_ascii_lowercase());
    let (head, rest) = message.split_at(usize::from(is_word && !message.is_empty()));
    let stop = if message.ends_with(['.', '!', '?']) || message.is_empty() { "" } else { "." };
    format!("{}{rest}{stop}", head.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1_000, 13_570_048].map(grouped),
            ["0", "999", "1,000", "13,570,048"].map(String::from)
        );
        assert_eq!(
            [999, 13_570, 13_570_048, 569_000_000, 1_200_000_000].map(macs),
            ["999", "13.6 k", "13.6 M", "569 M", "1.20 G"].map(String::from)
        );
        assert_eq!([0.0, 7.2, 125.0, 3_780.0].map(duration), ["0 s", "8 s", "2 min 5 s", "1 h 3 min"]);
        assert_eq!([9.5, 640.4, 1_640.0].map(rate), ["9.5", "640", "1,640"]);
        assert_eq!([&["a"][..], &["a", "b"], &["a", "b", "c"]].map(list), ["a", "a and b", "a, b and c"]);
        assert_eq!(count(1, "layer", "layers"), "1 layer");
        assert_eq!(count(1_200, "layer", "layers"), "1,200 layers");
    }

    #[test]
    fn an_accuracy_comes_with_its_interval() {
        let tally = Tally { correct: 913, images: 1_000 };
        assert_eq!(accuracy(tally), "91.3 % (89.4 to 92.9 %)");
        assert_eq!(counts(tally), "913 of 1,000 images right");
        assert_eq!(accuracy(Tally::default()), "no image yet");
    }

    #[test]
    fn messages_become_sentences() {
        for (message, expected) in [
            ("the file is empty", "The file is empty."),
            ("cut.safetensors: the file is cut off", "cut.safetensors: the file is cut off."),
            ("'x' is no number", "'x' is no number."),
            ("Reload the page.", "Reload the page."),
            ("é is foreign", "é is foreign."),
            ("", ""),
        ] {
            assert_eq!(sentence(message), expected);
        }
    }
}
