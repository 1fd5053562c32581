//! Sizes of objects, as the Arm toolchain's `size` tells them.

use crate::toolchain;
use std::ops::AddAssign;
use std::path::Path;
use std::process::Command;

/// Bytes by kind of section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    pub text: usize,
    pub rodata: usize,
    pub data: usize,
    pub bss: usize,
}

impl Sections {
    /// Of an object or an executable.
    pub fn of(object: &Path) -> Self {
        let mut command = Command::new("arm-none-eabi-size");
        let listing = toolchain::checked(command.args(["-A", "-d"]).arg(object));
        let mut sections = Self::default();
        for line in listing.lines() {
            let mut words = line.split_whitespace();
            let (Some(name), Some(Ok(bytes))) = (words.next(), words.next().map(str::parse::<usize>)) else {
                continue;
            };
            let kinds = [
                (".text", &mut sections.text),
                (".rodata", &mut sections.rodata),
                (".data", &mut sections.data),
                (".bss", &mut sections.bss),
            ];
            for (kind, sum) in kinds {
                if name.starts_with(kind) {
                    *sum += bytes;
                }
            }
        }
        sections
    }
}

impl AddAssign for Sections {
    fn add_assign(&mut self, other: Self) {
        self.text += other.text;
        self.rodata += other.rodata;
        self.data += other.data;
        self.bss += other.bss;
    }
}
