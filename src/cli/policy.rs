//! `bitsmith policy`.

use super::Report;
use super::arguments::{BudgetArguments, MemoryName, Policy as Arguments};
use super::failure::{ensure_argument, wrong};
use crate::export;
use crate::link::Link;
use crate::memory::{Budget, Bytes, Mcu, MemoryModel, Reserve};
use crate::net::{Graph, Network};
use crate::quant::Slot;
use crate::search::{Allocator, Problem};
use serde_json::{Value, json};
use std::fmt::Write;

/// Chooses a policy and says what it takes.
pub fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let network = Network::from(arguments.network.spec()?);
    let graph = network.graph();
    let (budget, memory) = budget(&arguments.budget)?;
    let problem = Problem::new(graph, budget, memory, &[])?;
    let policy = match arguments.allocator {
        Allocator::Uniform => problem.uniform(),
        Allocator::NotchDown => problem.notch_down(),
        _ => problem.rule(),
    };
    let origin = arguments.allocator.into();
    let (device, reserve) = (arguments.budget.on.slug(), arguments.budget.on.reserve_of_device());
    let link = Link { device, reserve, origin, ..Link::new(network.clone(), policy, budget, memory) };
    let mut report = report(&link);
    if let Some(device) = arguments.budget.on.device {
        add_device(&mut report, device, arguments.budget.on.reserve());
    }
    Ok(report)
}

/// Says what of a microcontroller is not for the network, and where the parts of its RAM lie.
fn add_device(report: &mut Report, device: &Mcu, reserve: Reserve) {
    let Some(placement) = device.placement(reserve) else { return };
    let stack = device.core().stack_bytes();
    let blocks = [placement.arena, placement.stack, placement.reserve].map(|block| block.name);
    let _ = writeln!(
        report.text,
        "device {}: beside the network {} of FLASH and {} of RAM in reserve, {} of stack; arena in {}, stack in {}, \
         reserve in {}",
        device.name,
        Bytes(reserve.flash),
        Bytes(reserve.ram),
        Bytes(stack),
        blocks[0],
        blocks[1],
        blocks[2]
    );
    if let Some(fields) = report.json.as_object_mut() {
        let of = json!({
            "slug": device.slug,
            "name": device.name,
            "core": device.core().name(),
            "reserve_flash": reserve.flash,
            "reserve_ram": reserve.ram,
            "stack": stack,
            "arena_in": blocks[0],
            "stack_in": blocks[1],
            "reserve_in": blocks[2],
        });
        fields.insert("device".into(), of);
    }
}

/// The budget that the arguments mean.
pub fn budget(arguments: &BudgetArguments) -> anyhow::Result<(Budget, MemoryModel)> {
    if let Some(device) = arguments.on.device {
        return device_budget(device, arguments.on.reserve(), arguments.memory);
    }
    match (arguments.flash, arguments.ram) {
        (Some(Bytes(flash)), Some(Bytes(ram))) => Ok((Budget { flash, ram }, arguments.memory.on(None))),
        _ => Err(wrong("no budget: give --flash and --ram, or --device")),
    }
}

/// What a microcontroller leaves a network, and how that is counted.
pub fn device_budget(
    device: &'static Mcu,
    reserve: Reserve,
    memory: MemoryName,
) -> anyhow::Result<(Budget, MemoryModel)> {
    let budget = device.budget(reserve).unwrap_or(Budget { flash: 0, ram: 0 });
    ensure_argument(budget.flash > 0 && budget.ram > 0, || {
        format!(
            "a reserve of {} of FLASH and {} of RAM leaves nothing of the {}: give less to --reserve-flash or \
             --reserve-ram",
            Bytes(reserve.flash),
            Bytes(reserve.ram),
            device.name
        )
    })?;
    Ok((budget, memory.on(Some(device.core()))))
}

/// What a policy says and takes.
pub fn report(link: &Link) -> Report {
    let Link { network, policy, budget, memory, .. } = link;
    let graph = network.graph();
    let usage = memory.usage(graph, policy);
    let mut text = format!("{link}\n\n");
    for (id, layer) in graph.layers.iter().enumerate() {
        let is_choice = |slot| Slot::all(graph).contains(&slot);
        let width = |slot| if is_choice(slot) { policy.get(slot).to_string() } else { "-".into() };
        let (w, a) = (width(Slot::Weight(id)), width(Slot::Activation(layer.output)));
        let _ = writeln!(text, "{:<14} weights {w}  output {a}", layer.name);
    }
    let share = |used: usize, of: usize| 100.0 * used as f64 / of as f64;
    let _ = writeln!(
        text,
        "\nFLASH  {:>9} of {:>9} bytes ({:.1} %)",
        usage.flash,
        budget.flash,
        share(usage.flash, budget.flash)
    );
    let _ = writeln!(
        text,
        "RAM    {:>9} of {:>9} bytes ({:.1} %)",
        usage.ram,
        budget.ram,
        share(usage.ram, budget.ram)
    );
    let _ = writeln!(text, "link   {}", link.encode());
    Report { text, json: json(link) }
}

/// The same for programs.
fn json(link: &Link) -> Value {
    let Link { network, policy, budget, memory, .. } = link;
    let graph = network.graph();
    let usage = memory.usage(graph, policy);
    json!({
        "network": network.name(),
        "classes": network.classes(),
        "memory": match memory { MemoryModel::Paper => "paper", MemoryModel::Device(_) => "device" },
        "device": device_json(link),
        "weights_sha256": link.weights.map(|hash| hash.to_string()),
        "images_sha256": link.images.map(|hash| hash.to_string()),
        "flash_budget": budget.flash,
        "ram_budget": budget.ram,
        "flash_bytes": usage.flash,
        "ram_bytes": usage.ram,
        "fits": budget.fits(usage),
        "weight_bits": policy.weight_bits(graph),
        "activation_bits": policy.activation_bits(graph),
        "weight_names": graph.weighted_layers().map(|(_, l)| l.name.as_str()).collect::<Vec<_>>(),
        "activation_names": activation_names(graph),
        "mean_weight_bits": policy.mean_weight_bits(graph),
        "layers": export::policy::layers(graph, policy),
        "link": link.encode(),
    })
}

/// Names that belong to `activation_bits`: the image, then the layers whose outputs are a choice.
fn activation_names(graph: &Graph) -> Vec<&str> {
    let chosen = Slot::all(graph).into_iter().filter_map(|slot| match slot {
        Slot::Activation(tensor) => Some(graph.tensors[tensor].name.as_str()),
        Slot::Weight(_) => None,
    });
    std::iter::once("image").chain(chosen).collect()
}

/// The microcontroller that a link names, and what of it is in reserve.
pub fn device_json(link: &Link) -> Value {
    let reserve = link.reserve;
    link.device.as_ref().map_or(Value::Null, |slug| {
        json!({
            "slug": slug,
            "reserve_flash": reserve.map(|reserve| reserve.flash),
            "reserve_ram": reserve.map(|reserve| reserve.ram),
        })
    })
}
