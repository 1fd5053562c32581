//! `bitsmith` on the command line: the same flow as in the browser, without a screen.

mod arguments;
mod calibration;
mod devices;
mod eval;
mod failure;
#[cfg(feature = "train")]
mod finetune;
mod inspect;
mod interrupt;
mod link;
mod output;
mod policy;
mod progress;
mod search;
mod session;
#[cfg(feature = "train")]
mod train;
#[cfg(feature = "train")]
mod training;
mod weights;

use crate::printable::printable_lines;
use arguments::{Arguments, Command};
use clap::FromArgMatches;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Something the user asked for is impossible.
const FAILED: u8 = 1;
/// An argument is wrong; the parser's own code for that.
const WRONG_ARGUMENTS: u8 = 2;

/// Runs the program with the arguments it was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::from_arg_matches(&arguments::command().get_matches());
    let arguments = arguments.unwrap_or_else(|error| error.exit());
    if arguments.quiet {
        progress::be_quiet();
    }
    let result = match &arguments.command {
        Command::Inspect(inspect) => inspect::run(inspect),
        Command::Policy(policy) => policy::run(policy),
        Command::Search(search) => search::run(search),
        Command::Eval(eval) => eval::run(eval),
        Command::Export(export) => eval::export(export),
        #[cfg(feature = "train")]
        Command::Finetune(finetune) => finetune::run(finetune),
        #[cfg(feature = "train")]
        Command::Train(arguments) => train::run(arguments),
        Command::Link(link) => link::run(link),
        Command::Devices => Ok(devices::run()),
        Command::Completions(arguments) => Ok(completions(arguments.shell)),
    };
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{}", printable_lines(&format!("error: {}", failure::describe(&error))));
            if failure::is_wrong_argument(&error) {
                eprintln!("\nFor more information, try '--help'.");
                return ExitCode::from(WRONG_ARGUMENTS);
            }
            return ExitCode::from(if interrupt::stops() { interrupt::INTERRUPTED } else { FAILED });
        }
    };
    let text = if arguments.json { format!("{:#}\n", report.json) } else { report.text };
    match std::io::stdout().write_all(printable_lines(&text).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough, like `head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: standard output: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// The script that completes words in a shell.
fn completions(shell: clap_complete::Shell) -> Report {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut arguments::command(), "bitsmith", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    let json = serde_json::json!({ "shell": shell.to_string(), "script": text });
    Report { text, json }
}

/// What a command found out, for people and for programs.
struct Report {
    text: String,
    json: serde_json::Value,
}
