//! How a command ends that cannot do what it was asked for.

use std::fmt;

/// An argument whose value is wrong, which the parser could not know: exit code 2 as for all wrong arguments.
#[derive(Debug)]
pub struct WrongArgument(String);

impl fmt::Display for WrongArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongArgument {}

/// The error of an argument with this message.
pub fn wrong(message: impl fmt::Display) -> anyhow::Error {
    WrongArgument(message.to_string()).into()
}

/// As `ensure!`, for what an argument must hold.
pub fn ensure_argument(holds: bool, message: impl FnOnce() -> String) -> anyhow::Result<()> {
    if holds { Ok(()) } else { Err(wrong(message())) }
}

/// Whether an argument was wrong.
pub fn is_wrong_argument(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<WrongArgument>())
}

/// What is wrong, from the outermost cause to the innermost. Causes that say what was said are left out: some errors
/// have the text of their cause in their own.
pub fn describe(error: &anyhow::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.iter().any(|before| before.contains(&cause)) {
            // An error may begin with what its context says, e.g. the name of the file.
            said.retain(|before| !cause.starts_with(before.as_str()));
            said.push(cause);
        }
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataError;
    use anyhow::Context;

    #[test]
    fn everything_is_said_once() {
        let io = || DataError::Io(std::io::Error::other("no disk"));
        let sentence = "cannot be read (no disk); check that it exists and may be read";
        let in_file = || io().in_file("photos.zip");
        let error = |error: DataError| anyhow::Error::from(error);
        for (found, expected) in [
            (describe(&error(io())), sentence.to_owned()),
            (describe(&error(in_file())), format!("photos.zip: {sentence}")),
            (describe(&error(in_file()).context("photos.zip")), format!("photos.zip: {sentence}")),
            (describe(&error(in_file()).context("images")), format!("images: photos.zip: {sentence}")),
            (describe(&wrong("--seed x").context("search")), "search: --seed x".to_owned()),
        ] {
            assert_eq!(found, expected);
        }
        let wrapped: anyhow::Result<()> = Err(wrong("--seed x")).context("search");
        assert!(wrapped.is_err_and(|error| is_wrong_argument(&error)));
        assert!(!is_wrong_argument(&error(io())));
    }
}
