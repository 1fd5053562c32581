//! Names of packages: what functions, files and targets begin with.

use super::ExportError;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The name of a package: small letters, digits and underscores, a letter first, and not the name of a header, a target or
/// the runtime.
///
/// ```
/// use bitsmith::export::PackageName;
///
/// let name: PackageName = "cats_and_dogs".parse()?;
/// assert_eq!(name.to_string(), "cats_and_dogs");
/// assert!("cats-and-dogs".parse::<PackageName>().is_err());
/// assert!("string".parse::<PackageName>().is_err());
/// # Ok::<(), bitsmith::export::ExportError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageName(String);

impl FromStr for PackageName {
    type Err = ExportError;

    fn from_str(name: &str) -> Result<Self, ExportError> {
        check_name(name)?;
        Ok(Self(name.to_owned()))
    }
}

impl TryFrom<String> for PackageName {
    type Error = ExportError;

    fn try_from(name: String) -> Result<Self, ExportError> {
        name.parse()
    }
}

impl From<PackageName> for String {
    fn from(PackageName(name): PackageName) -> Self {
        name
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name for C out of a network's or any other name: small letters, digits and underscores.
///
/// ```
/// assert_eq!(bitsmith::export::identifier("mobilenet-v1-0.25-128"), "mobilenet_v1_0_25_128");
/// assert_eq!(bitsmith::export::identifier("3 cats!"), "network_3_cats_");
/// ```
pub fn identifier(name: &str) -> String {
    let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let folded: String = name.chars().map(fold).collect();
    if check_name(&folded).is_ok() {
        return folded;
    }
    let mut named = format!("network_{folded}");
    named.truncate(LONGEST_NAME);
    if check_name(&named).is_ok() { named } else { "network".into() }
}

/// Letters of the longest name: linkers and file systems take far more, people do not.
const LONGEST_NAME: usize = 48;

/// Names that are taken: headers of C, targets of CMake and Make, libraries of toolchains.
const TAKEN: &str = "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign \
    stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype \
    all clean depend edit_cache help install list_install_components package package_source rebuild_cache test \
    app arduino c gcc gcov m nosys runtime zephyr zephyr_interface";

/// Whether names in C, files and targets of a package can begin with this: small letters, digits and underscores, a letter
/// first, and no name that something else has.
///
/// # Errors
/// [`ExportError::Name`] or [`ExportError::NameTaken`].
pub fn check_name(name: &str) -> Result<(), ExportError> {
    let mut chars = name.chars();
    let is_name = chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.len() <= LONGEST_NAME;
    if !is_name {
        return Err(ExportError::Name(name.into()));
    }
    // NAME_weights.h is a file of the package NAME.
    let is_taken = TAKEN.split_whitespace().any(|taken| taken == name)
        || ["bs_", "bitsmith"].iter().any(|ours| name.starts_with(ours))
        || name.ends_with("_weights");
    if is_taken { Err(ExportError::NameTaken(name.into())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_name() {
        for text in
            ["", "Cats & Dogs", "string", "bs_conv", "bitsmith_runtime", "my_weights", &"x".repeat(300)]
        {
            let name = identifier(text);
            assert_eq!(check_name(&name), Ok(()), "{text} became {name}");
        }
        assert_eq!(identifier("cats"), "cats");
    }

    #[test]
    fn names_that_would_collide_are_told_from_those_that_are_none() {
        for taken in ["stdint", "test", "bitsmith", "bitsmith_runtime", "bs_net", "cats_weights", "m"] {
            assert_eq!(check_name(taken), Err(ExportError::NameTaken(taken.into())));
        }
        let long = "a".repeat(49);
        for wrong in ["", "9net", "Net", "my-net", "a b", "../net", "net;", "\u{e9}t\u{e9}", &long] {
            assert_eq!(check_name(wrong), Err(ExportError::Name(wrong.into())));
        }
    }
}
