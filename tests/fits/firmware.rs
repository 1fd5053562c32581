//! The least firmware that runs a network, compiled for a core and linked into the memories of a microcontroller.

use crate::toolchain::{self, Target, checked};
use crate::unpacked::{NAME, Unpacked};
use bitsmith::memory::{
    Core, Mcu,
    catalogue::{RamBlock, RamUse},
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of FLASH that the firmware's own start-up code may take at most; a part of the reserve.
pub const STARTUP: usize = 256;

/// Start-up code and a program that classifies for ever. What it needs beside the network - vector table, stack pointer -
/// stands in sections of its own.
const SOURCE: &str = r#"
#include "net.h"

extern uint32_t stack_top;
extern uint8_t arena[];
__attribute__((section(".bss.arena"), aligned(8))) uint8_t arena[NET_ARENA_BYTES];
static volatile int32_t found __attribute__((section(".startup_ram")));
void reset_handler(void);

__attribute__((section(".startup"), used)) void reset_handler(void)
{
    for (;;) {
        found = net_classify(arena);
    }
}

__attribute__((section(".vectors"), used)) const uintptr_t vectors[2] = {
    (uintptr_t)&stack_top, (uintptr_t)reset_handler
};
"#;

/// A compiler for a core: the target whose flags it takes; `None` where no compiler is at hand.
pub fn target_of(core: Core) -> Option<Target> {
    Some(match core {
        Core::CortexM0 => Target::CortexM0Plus,
        Core::CortexM3 => Target::CortexM3,
        Core::CortexM4 => Target::CortexM4,
        Core::CortexM33 => Target::CortexM33,
        Core::RiscV32 => Target::RiscV32,
        Core::RiscV64 => Target::RiscV64,
        Core::Xtensa => return None,
    })
}

/// A network's firmware for a core, linked but for the addresses.
pub struct Firmware {
    target: Target,
    object: PathBuf,
    folder: PathBuf,
}

impl Firmware {
    /// Compiles a package; `runtime` are objects of the runtime for the same target.
    pub fn new(target: Target, package: &Unpacked, runtime: &[PathBuf]) -> Self {
        let folder = package.file(&format!("firmware-{target:?}"));
        fs::create_dir_all(&folder).expect("space for firmware");
        let main = folder.join("main.c");
        fs::write(&main, SOURCE).expect("space for a source");
        let mut sources = vec![main];
        sources.extend(["src/network.c", "src/weights.S"].map(|file| package.file(file)));
        if target.is_risc_v() {
            sources.push(toolchain::folder().join("memory.c"));
        }
        let object = folder.join("firmware.o");
        let mut command = Command::new(target.compiler());
        command.args(target.flags()).args(["-ffunction-sections", "-fdata-sections", "-std=gnu11"]);
        command.arg("-I").arg(package.file("src")).args(&sources).args(runtime);
        // All that can be reached from the reset handler, with what it needs of the compiler's and the C library.
        command.args(["-r", "-nostdlib", "-Wl,--gc-sections", "-Wl,-e,reset_handler", "-Wl,-u,vectors"]);
        command.args(if target.is_risc_v() { &["-lgcc"][..] } else { &["-lc_nano", "-lgcc"] });
        checked(command.arg("-o").arg(&object));
        Self { target, object, folder }
    }

    /// Bytes of code and constants of the network and its runtime, linked.
    pub fn bytes(&self) -> usize {
        let regions = Regions {
            flash: 64 << 20,
            reserve_flash: STARTUP,
            ram: vec![64 << 20],
            reserve_ram: 64,
            stack_bytes: 1024,
            arena: 0,
            stack: 0,
            reserve: 0,
        };
        let program = self.link(&regions).expect("memory for anything");
        let mut command = Command::new(self.target.compiler().replace("gcc", "size"));
        let listing = checked(command.args(["-A", "-d"]).arg(program));
        let sections = listing.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == ".network").then(|| words.next()?.parse::<usize>().ok())?
        });
        sections.sum()
    }

    /// Links into some memories; the linker's complaint if it does not fit.
    pub fn link(&self, regions: &Regions) -> Result<PathBuf, String> {
        let script = self.folder.join(format!("{:?}.ld", std::thread::current().id()));
        let program = script.with_extension("elf");
        fs::write(&script, regions.script()).expect("space for a linker script");
        let mut command = Command::new(self.target.compiler());
        command.args(self.target.flags()).args(["-nostdlib", "-T"]).arg(&script).arg(&self.object);
        if self.target.is_risc_v() {
            command.arg("-Wl,--no-warn-rwx-segments");
        }
        let output = command.arg("-o").arg(&program).output().expect("a linker");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok(program);
        }
        // Nothing but a lack of room may be the reason.
        assert!(text.contains("overflowed by") || text.contains("will not fit in region"), "{text}");
        Err(text)
    }
}

/// Memories of a microcontroller, and what lies where.
#[derive(Clone, Debug)]
pub struct Regions {
    pub flash: usize,
    pub reserve_flash: usize,
    /// Bytes of the blocks of RAM.
    pub ram: Vec<usize>,
    pub reserve_ram: usize,
    pub stack_bytes: usize,
    /// Blocks by number.
    pub arena: usize,
    pub stack: usize,
    pub reserve: usize,
}

impl Regions {
    /// A GNU linker script. Blocks of RAM lie apart, as no section may reach from one into the next.
    fn script(&self) -> String {
        let Self { flash, reserve_flash, ram, reserve_ram, stack_bytes, arena, stack, reserve } = self;
        let blocks: String = ram
            .iter()
            .enumerate()
            .map(|(i, bytes)| {
                format!("    RAM{i} (rw) : ORIGIN = 0x{:x}, LENGTH = {bytes}\n", 0x2000_0000 + i * 0x800_0000)
            })
            .collect();
        format!(
            "ENTRY(reset_handler)\n\
             MEMORY\n{{\n    FLASH (rx) : ORIGIN = 0x08000000, LENGTH = {flash}\n{blocks}}}\n\
             SECTIONS\n{{\n\
             .reserve_flash : {{ KEEP(*(.vectors)) *(.startup)\n\
             ASSERT(. <= {reserve_flash}, \"start-up code\"); . = {reserve_flash}; }} > FLASH\n\
             .network : {{ *(.text*) *(.rodata*) *(.srodata*) }} > FLASH\n\
             .stack (NOLOAD) : {{ . = ALIGN(8); . += {stack_bytes}; stack_top = .; }} > RAM{stack}\n\
             .reserve_ram (NOLOAD) : {{ . = ALIGN(8); *(.startup_ram) . = MAX(., {reserve_ram}); }} > RAM{reserve}\n\
             .arena (NOLOAD) : {{ *(.bss.arena) }} > RAM{arena}\n\
             /DISCARD/ : {{ *(.comment) *(.debug*) *(.note*) *(.ARM.attributes) *(.ARM.exidx*) *(.riscv.attributes) *(.eh_frame) }}\n\
             .other : {{ *(*) }}\n\
             ASSERT(SIZEOF(.other) == 0, \"nothing else is in the firmware\")\n}}\n"
        )
    }
}

/// Every way to spread arena, stack and reserve over the blocks of a microcontroller that the catalogue allows: arena and
/// reserve where DMA reaches, the stack there or in tightly coupled memory. Of blocks of the same size one stands for all.
pub fn spreads(mcu: &Mcu) -> Vec<[usize; 3]> {
    let may = |i: &usize, uses: &[RamUse]| uses.contains(&mcu.ram[*i].holds);
    let blocks = |uses: &'static [RamUse]| (0..mcu.ram.len()).filter(move |i| may(i, uses));
    let data: &[RamUse] = &[RamUse::Data];
    let mut spreads = Vec::new();
    for arena in blocks(data) {
        for stack in blocks(&[RamUse::Data, RamUse::TightlyCoupled]) {
            for reserve in blocks(data) {
                let spread = [arena, stack, reserve];
                let same = |a: &RamBlock, b: &RamBlock| (a.bytes, a.holds) == (b.bytes, b.holds);
                let earlier =
                    |i: usize| (0..i).find(|&j| same(&mcu.ram[j], &mcu.ram[i]) && !spread.contains(&j));
                if spread.into_iter().all(|i| earlier(i).is_none()) {
                    spreads.push(spread);
                }
            }
        }
    }
    spreads
}

/// A folder for a test.
pub fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fits").join(test);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

/// Exports a network into a folder.
pub fn export(network: &bitsmith::quant::QuantizedNetwork, image: &[u8], folder: &Path) -> Unpacked {
    let package = Unpacked::new(network, &[image], folder);
    assert_eq!(package.0.file_name().and_then(|name| name.to_str()), Some(NAME));
    package
}
