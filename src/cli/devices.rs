//! `bitsmith devices`.

use super::Report;
use crate::memory::catalogue::{FlashMemory, MCUS, Mcu, RamBlock, RamUse};
use crate::memory::{Bytes, Reserve};
use serde_json::{Value, json};
use std::fmt::Write;

/// The catalogue of microcontrollers.
pub fn run() -> Report {
    let mut text = String::new();
    let mut line = |cells: [&str; 7]| {
        let [name, part, core, mhz, dsp, flash, ram] = cells;
        let line = format!("{name:<16} {part:<16} {core:<28} {mhz:>5} {dsp:<4} {flash:>9}  {ram}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    line(["name", "part", "core", "MHz", "DSP", "FLASH", "RAM: the arena's block, and others"]);
    for mcu in MCUS {
        let mhz = mcu.mhz.map_or_else(|| "-".into(), |mhz| mhz.to_string());
        let flash =
            mcu.flash.map_or_else(|| "-".into(), |FlashMemory { bytes, .. }| Bytes(bytes).to_string());
        let dsp = if mcu.dsp { "yes" } else { "no" };
        line([mcu.slug, mcu.name, mcu.core, &mhz, dsp, &flash, &blocks(mcu)]);
    }
    Report { text, json: json!({ "devices": MCUS.iter().map(json).collect::<Vec<_>>() }) }
}

/// The block of the arena first.
fn blocks(mcu: &Mcu) -> String {
    let arena = mcu.arena_block();
    let others = mcu.ram.iter().filter(|block| *block != arena);
    let text = |block: &RamBlock| format!("{} {}", block.name, Bytes(block.bytes));
    std::iter::once(arena).chain(others).map(text).collect::<Vec<_>>().join(", ")
}

fn json(mcu: &Mcu) -> Value {
    let block = |block: &RamBlock| {
        let holds = match block.holds {
            RamUse::Data => "data",
            RamUse::TightlyCoupled => "stack",
            RamUse::Other => "other",
        };
        json!({ "name": block.name, "bytes": block.bytes, "holds": holds })
    };
    json!({
        "name": mcu.slug,
        "part": mcu.name,
        "core": mcu.core,
        "mhz": mcu.mhz,
        "dsp": mcu.dsp,
        "flash_bytes": mcu.flash.map(|flash| flash.bytes),
        "flash_on_chip": mcu.flash.map(|flash| flash.on_chip),
        "budget_flash_bytes": mcu.budget(Reserve::default()).map(|budget| budget.flash),
        "budget_ram_bytes": mcu.arena_bytes(Reserve::default()),
        "ram": mcu.ram.iter().map(block).collect::<Vec<_>>(),
        "note": mcu.note,
        "source": mcu.source,
    })
}
