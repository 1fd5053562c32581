//! Compiles C programs for the host and for the emulated boards, and runs them.
//!
//! Included by tests and benches with `#[path = "board/toolchain.rs"] mod toolchain;`. Programs for a board
//! are linked with the start-up code beside this file; `board.h` says what it offers.

#![allow(dead_code, reason = "each test and benchmark that includes this file uses a part of it")]

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
    /// arm-none-eabi-gcc for Armv6-M. QEMU has no Cortex-M0+ with enough memory; its mps2-an385 runs the code on a
    /// Cortex-M3, with unaligned accesses trapped as a Cortex-M0+ does.
    CortexM0Plus,
    /// arm-none-eabi-gcc, QEMU's mps2-an385.
    CortexM3,
    /// arm-none-eabi-gcc, QEMU's mps2-an386.
    CortexM4,
    /// arm-none-eabi-gcc, QEMU's mps2-an500.
    CortexM7,
    /// arm-none-eabi-gcc, QEMU's mps2-an505.
    CortexM33,
    /// riscv64-unknown-elf-gcc for RV32IMAC, QEMU's virt.
    RiscV32,
    /// riscv64-unknown-elf-gcc for RV64GC; only linked.
    RiscV64,
}

/// Targets on which all tests of computing run: every compiler, every kind of kernel.
pub const TARGETS: [Target; 9] = [
    Target::Gcc,
    Target::Clang,
    Target::GccSanitized,
    Target::ClangSanitized,
    Target::CortexM0Plus,
    Target::CortexM4,
    Target::CortexM7,
    Target::CortexM33,
    Target::RiscV32,
];

/// An emulated board: what is linked, and what runs it.
struct Board {
    emulator: &'static str,
    machine: &'static str,
    startup: &'static str,
    link: &'static [&'static str],
}

/// Flags for the linker on Cortex-M.
const ARM: &[&str] = &["-specs=nano.specs"];

/// Flags under which the runtime and all that is generated must compile without a warning.
pub const STRICT: [&str; 8] =
    ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-fno-common"];

/// Headers for compilers without a C library.
const FREESTANDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/board/freestanding");

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
        self.board().is_some()
    }

    /// Name of the compiler.
    pub fn compiler(self) -> &'static str {
        match self {
            Self::Gcc | Self::GccSanitized => "gcc",
            Self::Clang | Self::ClangSanitized => "clang",
            Self::CortexM0Plus | Self::CortexM3 | Self::CortexM4 | Self::CortexM7 | Self::CortexM33 => {
                "arm-none-eabi-gcc"
            }
            Self::RiscV32 | Self::RiscV64 => "riscv64-unknown-elf-gcc",
        }
    }

    /// Flags that choose the core, optimization and checks.
    pub fn flags(self) -> Vec<&'static str> {
        match self {
            Self::Gcc | Self::Clang => vec!["-O2"],
            Self::GccSanitized | Self::ClangSanitized => [&["-O1"], &SANITIZE[..]].concat(),
            Self::CortexM0Plus => vec!["-O2", "-mcpu=cortex-m0plus", "-mthumb", "-mfloat-abi=soft"],
            Self::CortexM3 => vec!["-O2", "-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft"],
            Self::CortexM4 => {
                vec!["-O2", "-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]
            }
            Self::CortexM7 => vec!["-O2", "-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"],
            Self::CortexM33 => {
                vec!["-O2", "-mcpu=cortex-m33", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"]
            }
            Self::RiscV32 => {
                // With a newer version of the base the linker takes the 64-bit libgcc.
                let core =
                    ["-O2", "-march=rv32imac", "-mabi=ilp32", "-misa-spec=2.2", "-msmall-data-limit=0"];
                [&core[..], &["-ffreestanding", "-isystem", FREESTANDING]].concat()
            }
            Self::RiscV64 => {
                let core = ["-O2", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany", "-msmall-data-limit=0"];
                [&core[..], &["-ffreestanding", "-isystem", FREESTANDING]].concat()
            }
        }
    }

    /// Whether it is a RISC-V, whose compiler comes without a C library.
    pub fn is_risc_v(self) -> bool {
        matches!(self, Self::RiscV32 | Self::RiscV64)
    }

    /// The board that it runs on; `None` for the host and what is only linked.
    fn board(self) -> Option<Board> {
        let cortex =
            |machine| Board { emulator: "qemu-system-arm", machine, startup: "startup.c", link: ARM };
        Some(match self {
            Self::Gcc | Self::Clang | Self::GccSanitized | Self::ClangSanitized | Self::RiscV64 => {
                return None;
            }
            Self::CortexM0Plus | Self::CortexM3 => cortex("mps2-an385"),
            Self::CortexM4 => cortex("mps2-an386"),
            Self::CortexM7 => cortex("mps2-an500"),
            Self::CortexM33 => Board {
                link: &[
                    "-specs=nano.specs",
                    "-Wl,--defsym=FLASH_START=0x10000000",
                    "-Wl,--defsym=RAM_START=0x38000000",
                ],
                ..cortex("mps2-an505")
            },
            Self::RiscV32 => Board {
                emulator: "qemu-system-riscv32",
                machine: "virt",
                startup: "startup_riscv.c",
                link: &[
                    "-nostdlib",
                    "-lgcc",
                    "-Wl,--no-relax",
                    "-Wl,--defsym=FLASH_START=0x80000000",
                    "-Wl,--defsym=RAM_START=0x80800000",
                ],
            },
        })
    }

    /// Compiles and links a program under [`STRICT`] flags.
    ///
    /// # Panics
    /// If the compiler is missing or refuses the program.
    pub fn compile(self, program: &Program, output: &Path) {
        let mut command = Command::new(self.compiler());
        command.args(STRICT).args(self.flags()).args(["-ffunction-sections", "-fdata-sections"]);
        let board = self.board();
        if let Some(board) = &board {
            let folder = folder();
            command.arg("-I").arg(&folder).args(["-nostartfiles", "-Wl,--gc-sections", "-T"]);
            command.args(["mps2.ld", board.startup, "board.c"].map(|file| folder.join(file)));
        }
        for folder in program.includes {
            command.arg("-I").arg(folder);
        }
        command.args(program.flags).args(program.sources);
        command.args(board.iter().flat_map(|board| board.link));
        checked(command.arg("-o").arg(output));
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
        self.run_with(program, arguments, &[])
    }

    /// Runs a program with arguments so that `board_instructions` counts exactly, which takes longer.
    ///
    /// # Panics
    /// If the emulator is missing.
    pub fn run_counted(self, program: &Path, arguments: &[&str]) -> Output {
        self.run_with(program, arguments, &["-icount", "shift=6,sleep=off"])
    }

    /// Runs a program with arguments and further flags of the emulator.
    ///
    /// # Panics
    /// If the emulator is missing.
    pub fn run_with(self, program: &Path, arguments: &[&str], flags: &[&str]) -> Output {
        let Some(board) = self.board() else {
            return output(Command::new(program).args(arguments));
        };
        let mut semihosting = String::from("enable=on,target=native");
        for argument in arguments {
            semihosting += &format!(",arg={argument}");
        }
        let mut command = Command::new(board.emulator);
        command.args(["-machine", board.machine, "-display", "none", "-monitor", "none", "-serial", "none"]);
        if self == Self::RiscV32 {
            command.args(["-bios", "none"]);
        }
        command.args(flags).args(["-semihosting-config", &semihosting, "-kernel"]);
        output(command.arg(program))
    }
}

/// Compiles a plugin for the emulator.
///
/// # Panics
/// If the compiler is missing or refuses the source.
pub fn compile_plugin(source: &Path, output: &Path) {
    let mut command = Command::new(Target::Gcc.compiler());
    checked(command.args(STRICT).args(["-O2", "-shared", "-fPIC"]).arg(source).arg("-o").arg(output));
}

/// Folder of the board's sources.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/board")
}

/// Folder of the runtime's sources.
pub fn runtime() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime")
}

/// Flags for ARM and Thumb state of the ARM1176 and of a core of the A profile, and the core's name in QEMU.
pub const ARM_STATE: [(&[&str], &str); 4] = [
    (&["-marm", "-mcpu=arm1176jzf-s"], "arm1176"),
    (&["-mthumb", "-mcpu=arm1176jzf-s"], "arm1176"),
    (&["-marm", "-mcpu=cortex-a7"], "cortex-a7"),
    (&["-mthumb", "-mcpu=cortex-a7"], "cortex-a7"),
];

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
        "qemu-system-riscv32" => "qemu-system-misc",
        "riscv64-unknown-elf-gcc" => "gcc-riscv64-unknown-elf",
        _ if tool.starts_with("arm-none-eabi-") => "gcc-arm-none-eabi libnewlib-arm-none-eabi",
        _ => return None,
    })
}
