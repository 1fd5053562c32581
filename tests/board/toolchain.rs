//! Compiles C programs for the host and for the emulated boards, and runs them.
//!
//! Included by tests and benches with `#[path = "board/toolchain.rs"] mod toolchain;`. Programs for a board
//! are linked with the start-up code beside this file; `board.h` says what it offers.

// Each test that includes this file uses a part of it.
#![allow(dead_code)]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a program is compiled with and runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// gcc on the host.
    Gcc,
    /// clang on the host.
    Clang,
    /// gcc with the address and undefined-behaviour sanitizers.
    GccSanitized,
    /// clang with the address and undefined-behaviour sanitizers.
    ClangSanitized,
    /// arm-none-eabi-gcc, QEMU's mps2-an386.
    CortexM4,
    /// arm-none-eabi-gcc, QEMU's mps2-an500.
    CortexM7,
}

/// All targets.
pub const TARGETS: [Target; 6] = [
    Target::Gcc,
    Target::Clang,
    Target::GccSanitized,
    Target::ClangSanitized,
    Target::CortexM4,
    Target::CortexM7,
];

/// Flags under which the runtime and all that is generated must compile without a warning.
pub const STRICT: [&str; 8] =
    ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-fno-common"];

const SANITIZE: [&str; 3] = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// One program.
#[derive(Clone, Debug, Default)]
pub struct Program<'a> {
    /// C sources; on a board the start-up code is added.
    pub sources: &'a [PathBuf],
    /// Folders of headers.
    pub includes: &'a [PathBuf],
    /// Further flags, e.g. `-DBS_CHECK=1` or `-Wl,--defsym=RAM_LEN=65536`.
    pub flags: &'a [&'a str],
}

impl Target {
    /// Whether programs run on an emulated board.
    pub fn is_board(self) -> bool {
        matches!(self, Target::CortexM4 | Target::CortexM7)
    }

    /// Name of the compiler.
    pub fn compiler(self) -> &'static str {
        match self {
            Target::Gcc | Target::GccSanitized => "gcc",
            Target::Clang | Target::ClangSanitized => "clang",
            Target::CortexM4 | Target::CortexM7 => "arm-none-eabi-gcc",
        }
    }

    /// Flags that choose the core, optimization and checks.
    pub fn flags(self) -> Vec<&'static str> {
        match self {
            Target::Gcc | Target::Clang => vec!["-O2"],
            Target::GccSanitized | Target::ClangSanitized => [&["-O1"], &SANITIZE[..]].concat(),
            Target::CortexM4 => {
                vec!["-O2", "-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]
            }
            Target::CortexM7 => {
                vec!["-O2", "-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"]
            }
        }
    }

    /// QEMU's name of the board.
    fn machine(self) -> Option<&'static str> {
        match self {
            Target::CortexM4 => Some("mps2-an386"),
            Target::CortexM7 => Some("mps2-an500"),
            _ => None,
        }
    }

    /// Compiles and links a program under [`STRICT`] flags.
    ///
    /// # Panics
    /// If the compiler is missing or refuses the program.
    pub fn compile(self, program: &Program, output: &Path) {
        let mut command = Command::new(self.compiler());
        command.args(STRICT).args(self.flags()).args(["-ffunction-sections", "-fdata-sections"]);
        if self.is_board() {
            let board = folder();
            command.arg("-DBOARD").arg("-I").arg(&board);
            command.args(["-nostartfiles", "-specs=nano.specs", "-Wl,--gc-sections", "-T"]);
            command.args(["mps2.ld", "startup.c", "board.c"].map(|file| board.join(file)));
        }
        for folder in program.includes {
            command.arg("-I").arg(folder);
        }
        checked(command.args(program.flags).args(program.sources).arg("-o").arg(output));
    }

    /// Compiles one source to an object under [`STRICT`] flags.
    ///
    /// # Panics
    /// If the compiler is missing or refuses the source.
    pub fn compile_object(self, program: &Program, output: &Path) {
        let mut command = Command::new(self.compiler());
        command.args(STRICT).args(self.flags()).args(["-ffunction-sections", "-fdata-sections", "-c"]);
        for folder in program.includes {
            command.arg("-I").arg(folder);
        }
        checked(command.args(program.flags).args(program.sources).arg("-o").arg(output));
    }

    /// Runs a program with arguments.
    ///
    /// # Panics
    /// If the emulator is missing.
    pub fn run(self, program: &Path, arguments: &[&str]) -> Output {
        let Some(machine) = self.machine() else {
            return output(Command::new(program).args(arguments));
        };
        let mut semihosting = String::from("enable=on,target=native");
        for argument in arguments {
            semihosting += &format!(",arg={argument}");
        }
        let mut command = Command::new("qemu-system-arm");
        command.args(["-machine", machine, "-display", "none", "-monitor", "none", "-serial", "none"]);
        command.args(["-icount", "shift=6,sleep=off", "-semihosting-config", &semihosting, "-kernel"]);
        output(command.arg(program))
    }
}

/// Folder of the board's sources.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/board")
}

/// Folder of the runtime's sources.
pub fn runtime() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime")
}

/// C sources of the runtime in alphabetical order.
pub fn runtime_sources() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(runtime()).expect("the runtime's folder");
    let mut sources: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder entry").path()).collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    sources.sort();
    sources
}

/// Runs a command that must succeed; returns what it printed.
///
/// # Panics
/// If the tool is missing or fails, with the way to get it or with its messages.
pub fn checked(command: &mut Command) -> String {
    let output = output(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Runs a command; a missing tool is named together with the command that gets it.
fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        let tool = command.get_program().to_string_lossy();
        match (error.kind(), package(&tool)) {
            (ErrorKind::NotFound, Some(package)) => {
                panic!("{tool} is missing; get it with: apt-get install {package}")
            }
            _ => panic!("{command:?}: {error}"),
        }
    })
}

/// Debian packages that hold a tool and what it needs.
fn package(tool: &str) -> Option<&'static str> {
    Some(match tool {
        "gcc" => "gcc libc6-dev",
        "clang" => "clang libclang-rt-dev",
        "cmake" => "cmake",
        "nm" | "size" => "binutils",
        "qemu-system-arm" => "qemu-system-arm",
        _ if tool.starts_with("arm-none-eabi-") => "gcc-arm-none-eabi libnewlib-arm-none-eabi",
        _ => return None,
    })
}
