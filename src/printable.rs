//! Names from files as text that a terminal shows and does not obey.

use std::borrow::Cow;
use std::fmt::Write;

/// A name with its control characters as `\u001b`: those of ASCII and Latin-1, and those that turn the direction of
/// writing, with which a name can look like another.
pub fn printable(name: &str) -> Cow<'_, str> {
    escaped(name, |c| c.is_control() || turns(c))
}

/// Text of many lines, whose line breaks and tabs stay. Escapes are those of JSON, so that JSON keeps its meaning.
#[cfg(feature = "cli")]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.is_control() && c != '\n' && c != '\t' || turns(c))
}

/// Marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9), and line breaks of its own.
fn turns(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, is_control: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_control) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 6);
    for c in text.chars() {
        if is_control(c) {
            // All of them have four digits at most.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown() {
        for (name, shown) in [
            ("val/cat/1.jpg", "val/cat/1.jpg"),
            ("\u{732b} caf\u{e9}", "\u{732b} caf\u{e9}"),
            ("\x1b[2J\x1b]0;owned\x07", "\\u001b[2J\\u001b]0;owned\\u0007"),
            ("a\nerror: b\r\t", "a\\u000aerror: b\\u000d\\u0009"),
            ("\u{9b}31m\x7f", "\\u009b31m\\u007f"),
            ("cat\u{202e}gpj.exe", "cat\\u202egpj.exe"),
        ] {
            assert_eq!(printable(name), shown);
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn lines_stay_and_json_keeps_its_meaning() {
        assert_eq!(printable_lines("a\tb\n\x1b[1m\n"), "a\tb\n\\u001b[1m\n");
        let value = serde_json::json!({ "name": "\x1b\u{9b}\u{202e}" });
        let text = format!("{value:#}");
        let again: serde_json::Value = serde_json::from_str(&printable_lines(&text)).expect("still JSON");
        assert_eq!(again, value);
    }
}
