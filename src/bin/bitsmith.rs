//! The command line.

fn main() -> std::process::ExitCode {
    bitsmith::cli::main()
}
