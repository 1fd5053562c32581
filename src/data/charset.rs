//! Names of files in archives that do not say how their names are encoded.
//!
//! A zip marks names in UTF-8 by a flag or an extra field; without either, APPNOTE asks for code page 437, and programs
//! write whatever code page their computer has. A tar says nothing. All unmarked names of an archive are decoded by one
//! [`Charset`]: UTF-8 if that fits all of them, else what the user says, else the most plausible one. A guess matters:
//! classes that are matched by position stand in the order of their names.

use super::files::Names;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GBK, IBM866, KOI8_U, SHIFT_JIS, UTF_8, WINDOWS_1250, WINDOWS_1251,
    WINDOWS_1252, WINDOWS_1253, WINDOWS_1254,
};

/// Names that a guess looks at.
const SAMPLE: usize = 4096;

/// Characters 128 to 255 of IBM's code page 437.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// How names are written as bytes. Serialized by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Charset {
    /// IBM's code page 437, the first of MS-DOS.
    Cp437,
    /// One of the WHATWG's encoding standard, UTF-8 among them.
    Whatwg(&'static Encoding),
}

impl Charset {
    /// UTF-8.
    pub const UTF_8: Self = Charset::Whatwg(UTF_8);

    /// What a guess may choose, the likelier first: code pages of archives made on Windows, then of other systems.
    const CANDIDATES: [Self; 14] = [
        Charset::Whatwg(GBK),
        Charset::Whatwg(SHIFT_JIS),
        Charset::Whatwg(BIG5),
        Charset::Whatwg(EUC_KR),
        Charset::Cp437,
        Charset::Whatwg(IBM866),
        Charset::Whatwg(WINDOWS_1252),
        Charset::Whatwg(WINDOWS_1251),
        Charset::Whatwg(WINDOWS_1250),
        Charset::Whatwg(WINDOWS_1253),
        Charset::Whatwg(WINDOWS_1254),
        Charset::Whatwg(KOI8_U),
        Charset::Whatwg(EUC_JP),
        Charset::Whatwg(UTF_8),
    ];

    /// The text that `bytes` stand for; bytes that stand for none become U+FFFD.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> String {
        match self {
            Charset::Cp437 => {
                let high = |byte: &u8| CP437.chars().nth(usize::from(byte & 127)).unwrap_or('\u{fffd}');
                bytes
                    .iter()
                    .map(|byte| if byte.is_ascii() { char::from(*byte) } else { high(byte) })
                    .collect()
            }
            Charset::Whatwg(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }

    /// The encoding of all of `names`, some of which are not ASCII and not UTF-8.
    #[must_use]
    pub fn guess<'a>(names: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        let mut sample: Vec<&[u8]> = Vec::new();
        for part in names.flat_map(|name| name.split(|&byte| byte == b'/')) {
            if !part.is_ascii() && sample.last() != Some(&part) && sample.len() < SAMPLE {
                detector.feed(part, false);
                detector.feed(b"\n", false);
                sample.push(part);
            }
        }
        detector.feed(b"", true);
        let detected = Charset::Whatwg(detector.guess(None, Utf8Detection::Deny));
        let score = |charset: Self| {
            let all: f64 = sample.iter().map(|name| charset.plausibility(name)).sum();
            let any_wrong = sample.iter().any(|name| charset.plausibility(name) < 0.0);
            // The detector is good at long texts, and knows more encodings; names of a few characters mislead it.
            let bonus = if charset == detected { 0.05 } else { 0.0 };
            if any_wrong { f64::MIN } else { all / sample.len().max(1) as f64 + bonus }
        };
        let best = Self::CANDIDATES.into_iter().chain([detected]).map(|charset| (score(charset), charset));
        // Of equals the first.
        let best = best.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.filter(|(score, _)| *score > 0.0).map_or(Charset::Cp437, |(_, charset)| charset)
    }

    /// How likely a name of a file is as this encoding reads it: from 0 to 1, negative if it cannot be.
    fn plausibility(self, name: &[u8]) -> f64 {
        const NEVER: f64 = -1.0;
        let text = self.decode(name);
        let marks = |c: char| "()[]（）【】・ー〜～、。’–—№ ".contains(c);
        if text.chars().any(|c| !c.is_ascii() && !marks(c) && (!c.is_alphabetic() || is_odd(c))) {
            return NEVER;
        }
        let wide = [GBK, SHIFT_JIS, BIG5, EUC_KR, EUC_JP].map(Charset::Whatwg);
        if wide.contains(&self) {
            let (mut common, mut all) = (0, 0);
            for c in text.chars().filter(|c| !c.is_ascii()) {
                all += 1;
                common += usize::from(self.is_common(c));
            }
            return f64::from(common as u32) / f64::from(all.max(1) as u32);
        }
        words(&text).map(|word| if is_word(word) { 1.0 } else { NEVER }).fold(1.0, f64::min)
            * if is_mostly_ascii_or_not_latin(&text) { 0.9 } else { 0.5 }
    }

    /// Whether a character is among those of its language that are used often: the first level of the standard for
    /// ideographs, kana, and syllables of a usual form.
    fn is_common(self, c: char) -> bool {
        let Charset::Whatwg(encoding) = self else { return true };
        let lead = encoding.encode(c.encode_utf8(&mut [0; 4])).0.first().copied().unwrap_or(0);
        match c {
            'ぁ'..='ん' | 'ァ'..='ヶ' | 'ー' => encoding == SHIFT_JIS || encoding == EUC_JP,
            '가'..='힣' => {
                let number = u32::from(c) - u32::from('가');
                let (vowel, last) = (number / 28 % 21, number % 28);
                // Without a last consonant, or with one of those on which most syllables end.
                let usual_last = matches!(last, 0 | 1 | 4 | 8 | 16 | 17 | 19 | 21);
                usual_last && !matches!(vowel, 3 | 7 | 10 | 15 | 19) && (0xb0..=0xc8).contains(&lead)
            }
            _ if encoding == GBK => (0xb0..=0xd7).contains(&lead),
            _ if encoding == SHIFT_JIS => (0x88..=0x97).contains(&lead),
            _ if encoding == BIG5 => (0xa4..=0xc6).contains(&lead),
            _ if encoding == EUC_JP => (0xb0..=0xcf).contains(&lead),
            _ => false,
        }
    }
}

/// Names as text, and how, where that was a question: ASCII as it is, else as `given`, else UTF-8 if all of them are,
/// else as a guess.
pub(super) fn decode_names(raw: &[&[u8]], given: Option<Charset>) -> (Vec<String>, Option<Names>) {
    let given = given.filter(|_| !raw.iter().all(|name| name.is_ascii()));
    if given.is_none()
        && let Some(texts) = raw.iter().map(|name| std::str::from_utf8(name).ok()).collect::<Option<Vec<_>>>()
    {
        return (texts.into_iter().map(str::to_owned).collect(), None);
    }
    let names = match given {
        Some(charset) => Names::Given(charset),
        None => Names::Guessed(Charset::guess(raw.iter().copied())),
    };
    let (Names::Given(charset) | Names::Guessed(charset)) = names;
    (raw.iter().map(|name| charset.decode(name)).collect(), Some(names))
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || ('\u{c0}'..='\u{24f}').contains(&c)
}

/// Letters that no name has: superscripts, ordinals, half-width kana, private ones.
fn is_odd(c: char) -> bool {
    matches!(c, 'ª' | 'º' | 'ˆ' | 'ƒ' | 'µ' | '\u{2070}'..='\u{209f}' | '\u{ff61}'..='\u{ff9f}' | '\u{e000}'..='\u{f8ff}')
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_ascii())
}

/// Whether letters can stand together: of one alphabet, capitals before small ones.
fn is_word(word: &str) -> bool {
    let one_alphabet = word.chars().all(is_latin) || !word.chars().any(is_latin);
    let letters: Vec<char> = word.chars().collect();
    let rises = letters.windows(2).any(|pair| pair[0].is_lowercase() && pair[1].is_uppercase());
    one_alphabet && !rises
}

/// Latin text has more plain letters than accented ones.
fn is_mostly_ascii_or_not_latin(text: &str) -> bool {
    let accented = text.chars().filter(|&c| is_latin(c) && !c.is_ascii()).count();
    accented <= text.chars().filter(char::is_ascii_alphabetic).count()
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Charset::Cp437 => "CP437",
            Charset::Whatwg(encoding) => encoding.name(),
        })
    }
}

impl From<Charset> for String {
    fn from(charset: Charset) -> Self {
        charset.to_string()
    }
}

impl TryFrom<String> for Charset {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl FromStr for Charset {
    type Err = String;

    /// Names as the WHATWG has them and as code pages are called: `gbk`, `shift_jis`, `windows-1251`, `cp932`.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        let name = match name.as_str() {
            "cp437" | "ibm437" | "437" => return Ok(Charset::Cp437),
            "cp932" | "932" => "shift_jis",
            "cp936" | "936" => "gbk",
            "cp949" | "949" => "euc-kr",
            "cp950" | "950" => "big5",
            "cp65001" => "utf-8",
            other => other,
        };
        Encoding::for_label(name.as_bytes()).map(Charset::Whatwg).ok_or_else(|| {
            format!("expected an encoding such as gbk, cp932, windows-1251, cp437 or utf-8, found '{text}'")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(names: &[&[u8]]) -> Charset {
        Charset::guess(names.iter().copied())
    }

    /// Folder names as short as people have them.
    #[test]
    fn short_names_are_guessed() {
        for (charset, names) in [
            ("gbk", &["狗", "花", "鸟"][..]),
            ("gbk", &["猫", "狗"]),
            ("gbk", &["汽车", "飞机", "自行车"]),
            ("cp932", &["犬", "猫"]),
            ("cp932", &["いぬ", "ねこ"]),
            ("cp932", &["自動車", "飛行機", "photo ラーメン"]),
            ("big5", &["貓", "狗"]),
            ("big5", &["汽車", "飛機"]),
            ("cp949", &["개", "고양이"]),
            ("windows-1251", &["кошка", "собака"]),
            ("cp866", &["кошка", "собака"]),
            ("koi8-u", &["кошка", "собака"]),
            ("windows-1252", &["Küche", "Tür"]),
        ] {
            let Ok(expected @ Charset::Whatwg(encoding)) = charset.parse() else { panic!("{charset}") };
            let bytes: Vec<_> = names.iter().map(|name| encoding.encode(name).0.into_owned()).collect();
            let slices: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
            assert_eq!(guess(&slices), expected, "{names:?}");
            assert!(slices.iter().zip(names).all(|(bytes, name)| expected.decode(bytes) == *name));
        }
        for (bytes, names) in [
            (&[&b"K\x81che"[..], b"T\x81r"][..], &["Küche", "Tür"][..]),
            (&[b"caf\x82", b"th\x82"], &["café", "thé"]),
            (&[b"ni\xa4o", b"\xa0rbol"], &["niño", "árbol"]),
        ] {
            assert_eq!(guess(bytes), Charset::Cp437, "{names:?}");
            let found: Vec<_> = bytes.iter().map(|name| Charset::Cp437.decode(name)).collect();
            assert_eq!(found, names);
        }
    }

    /// A folder's name is repeated by every file in it, whose own name is plain.
    #[test]
    fn parts_of_paths_are_looked_at_one_by_one() {
        let names: Vec<Vec<u8>> =
            (0..100).map(|i| [b"set/\xb9\xb7/IMG_", format!("{i}.jpg").as_bytes()].concat()).collect();
        assert_eq!(Charset::guess(names.iter().map(Vec::as_slice)).to_string(), "GBK");
    }

    #[test]
    fn an_encoding_that_is_not_known_is_refused() {
        assert_eq!(CP437.chars().count(), 128);
        let error = "klingon".parse::<Charset>().expect_err("no encoding");
        assert!(error.contains("such as gbk") && error.contains("'klingon'"), "{error}");
    }
}
