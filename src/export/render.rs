//! Descriptions to text, by the templates in `templates/`.

use super::{ExportError, escape};
use minijinja::{
    AutoEscape, Environment, UndefinedBehavior, context, syntax::SyntaxConfig, value::Serde, value::Value,
};
use serde::Serialize;

macro_rules! templates {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("templates/", $name)))),*]
    };
}

/// Templates by the name of their file.
const TEMPLATES: [(&str, &str); 20] = templates![
    "CMakeLists.txt"
    "Kconfig"
    "README.md"
    "classify.ino"
    "golden.S"
    "golden.c"
    "labels.c"
    "library.json"
    "library.properties"
    "main.c"
    "module.yml"
    "network.c"
    "network.h"
    "package.pdsc"
    "report.html"
    "runtime.cmake"
    "weights.S"
    "weights.c"
    "weights.h"
    "zephyr.cmake"
];

/// Templates and what they speak of.
pub struct Renderer {
    environment: Environment<'static>,
    subject: Value,
}

impl Renderer {
    /// Parses the templates.
    pub fn new(subject: &impl Serialize) -> Result<Self, ExportError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()
            .map_err(failure)?;
        environment.set_syntax(syntax);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| {
            if [".html", ".pdsc"].iter().any(|ending| name.ends_with(ending)) {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        environment.add_filter("grouped", grouped);
        environment.add_filter("literal", |text: String| escape::literal(&text));
        environment.add_filter("comment", |text: String| escape::comment(&text));
        environment.add_filter("line", |text: String| escape::line(&text));
        environment.add_filter("markdown", |text: String| escape::markdown(&text));
        environment.add_filter("address", |text: String| escape::address(&text));
        for (name, text) in TEMPLATES {
            environment.add_template(name, text).map_err(failure)?;
        }
        Ok(Self { environment, subject: Value::from(Serde(subject)) })
    }

    /// The text of a file.
    pub fn render(&self, name: &str) -> Result<String, ExportError> {
        self.render_with(name, "")
    }

    /// The same with a `table` of numbers, which would be slow to write by template.
    pub fn render_with(&self, name: &str, table: &str) -> Result<String, ExportError> {
        let template = self.environment.get_template(name).map_err(failure)?;
        template.render(context! { table => table, ..self.subject.clone() }).map_err(failure)
    }
}

fn failure(error: minijinja::Error) -> ExportError {
    ExportError::Assembly(error.to_string())
}

/// A number with a comma between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let separator = |left: usize| if left > 0 && left.is_multiple_of(3) { "," } else { "" };
    digits
        .chars()
        .enumerate()
        .map(|(i, digit)| format!("{digit}{}", separator(digits.len() - 1 - i)))
        .collect()
}

/// Bytes as rows of an array of `uint32_t`, little-endian; what is missing to a whole word is zero.
pub fn bytes_as_words(bytes: &[u8]) -> String {
    const WORDS_IN_A_ROW: usize = 8;
    let mut text = String::with_capacity(bytes.len() * 3 + 64);
    for row in bytes.chunks(4 * WORDS_IN_A_ROW) {
        text.push_str("   ");
        for word in row.chunks(4) {
            let mut padded = [0; 4];
            padded[..word.len()].copy_from_slice(word);
            push_word(&mut text, u32::from_le_bytes(padded));
        }
        text.push('\n');
    }
    text
}

/// Appends ` 0x01234567,`.
fn push_word(text: &mut String, word: u32) {
    text.push_str(" 0x");
    text.extend(
        (0..8).rev().map(|digit| char::from(b"0123456789abcdef"[(word >> (4 * digit) & 15) as usize])),
    );
    text.push(',');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_little_endian_and_padded() {
        assert_eq!(bytes_as_words(&[1, 2, 3, 4, 0xff]), "    0x04030201, 0x000000ff,\n");
        assert_eq!(bytes_as_words(&[0; 36]).lines().count(), 2);
        assert_eq!(bytes_as_words(&[]), "");
    }

    #[test]
    fn groups_of_three_digits() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
