//! `bitsmith` on the command line: the same flow as in the browser, without a screen.

mod arguments;
mod calibration;
mod eval;
#[cfg(feature = "train")]
mod finetune;
mod inspect;
mod link;
mod policy;
mod search;
mod session;
#[cfg(feature = "train")]
mod train;
#[cfg(feature = "train")]
mod training;

use crate::printable::printable_lines;
use arguments::{Arguments, Command};
use clap::Parser;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Something the user asked for is wrong or impossible.
const FAILED: u8 = 1;

/// Runs the program with the arguments it was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
    };
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{}", printable_lines(&format!("error: {error:#}")));
            return ExitCode::from(FAILED);
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

/// What a command found out, for people and for programs.
struct Report {
    text: String,
    json: serde_json::Value,
}
