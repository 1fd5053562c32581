//! Text of others - labels, names, addresses - where it stands: in C, in a comment, on a line, in Markdown.

/// A text as a literal of C.
pub fn literal(text: &str) -> String {
    // What C takes for a string ends at the first NUL.
    let text = text.replace('\0', "\u{fffd}");
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            // A question mark could begin a trigraph.
            b'"' | b'\\' | b'?' => literal.extend(['\\', char::from(byte)]),
            b' '..=b'~' => literal.push(char::from(byte)),
            _ => literal.push_str(&format!("\\{byte:03o}")),
        }
    }
    literal.push('"');
    literal
}

/// A text on one line: what ends lines, moves the cursor or turns the direction of writing is shown by its number.
pub fn line(text: &str) -> String {
    let shown = |c: char| if is_invisible(c) { format!("<U+{:04X}>", u32::from(c)) } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// A text inside a comment of C, which it neither ends nor begins anew.
pub fn comment(text: &str) -> String {
    // A trigraph could hide a backslash.
    line(text).replace("*/", "* /").replace("/*", "/ *").replace("??/", "?? /")
}

/// A text as it is in Markdown, in a paragraph or a cell of a table.
pub fn markdown(text: &str) -> String {
    let is_mark = |c: char| "\\`*_{}[]<>#|~&!".contains(c);
    let escaped = |c: char| if is_mark(c) { format!("\\{c}") } else { c.to_string() };
    line(text).chars().map(escaped).collect()
}

/// An address between `<` and `>` in Markdown.
pub fn address(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !"<>\"\\^`{|}".contains(c);
    let mut address = String::new();
    for c in text.chars() {
        if plain(c) {
            address.push(c);
        } else {
            let mut bytes = [0; 4];
            address.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    address
}

/// Control characters, separators of lines, and format characters of which text can look like another.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_hold_any_text() {
        assert_eq!(literal("golf ball"), "\"golf ball\"");
        assert_eq!(literal("a\"b\\c?\n9\u{e9}"), "\"a\\\"b\\\\c\\?\\0129\\303\\251\"");
        assert_eq!(literal("a\0b"), "\"a\\357\\277\\275b\"", "nothing is cut off");
    }

    #[test]
    fn comments_and_lines_stay_what_they_are() {
        assert_eq!(line("a\r\nb\u{202e}c\u{1b}[1m"), "a<U+000D><U+000A>b<U+202E>c<U+001B>[1m");
        assert_eq!(comment("x*/y/*z ??/"), "x* /y/ *z ?? /");
        for text in ["**//", "*/*/", "/*/", "???/"] {
            let comment = comment(text);
            assert!(
                !["*/", "/*", "??/"].iter().any(|mark| comment.contains(mark)),
                "{text} became {comment}"
            );
        }
    }

    #[test]
    fn markdown_shows_what_was_written() {
        assert_eq!(markdown("a|b<c>`d`\\"), "a\\|b\\<c\\>\\`d\\`\\\\");
        assert_eq!(markdown("two\nlines"), "two\\<U+000A\\>lines");
        assert_eq!(address("https://x/a b>c#1-\u{e9}"), "https://x/a%20b%3Ec#1-%C3%A9");
    }
}
