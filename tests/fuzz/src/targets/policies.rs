//! Files with policies: our JSON and HAQ's list.

use super::networks::{NETWORKS, network, policy};
use super::{KIB, MIB, Target, nothing};
use crate::input::Input;
use bitsmith::export::policy::{haq, read, write, write_haq};

pub const TARGET: Target = Target {
    name: "policies",
    longest: 16 * KIB,
    memory: |bytes| MIB + 64 * bytes,
    prepare: nothing,
    run,
    seeds,
    words: "\"layers\": [|\"name\": |\"weight_bits\": |\"output_bits\": |\"network\": |\"format\": |\
        \"bitsmith-policy\"|\"version\": |[8, -1], |[2, 4], |null|{|}|[|]",
};

/// The first byte chooses the network, the rest is the file.
fn run(data: &[u8]) {
    let mut input = Input(data);
    let network = network(input.below(NETWORKS.len()));
    let graph = network.graph();
    let text = String::from_utf8_lossy(input.rest());
    match read(&text, &network) {
        Ok(policy) => {
            assert_eq!(read(&write(&network, &policy), &network).as_ref(), Ok(&policy));
            let again = read(&write_haq(graph, &policy), &network).expect("a list of this network");
            assert_eq!(haq(graph, &again), haq(graph, &policy));
        }
        Err(error) => drop(error.to_string()),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for number in 0..NETWORKS.len() {
        let network = network(number);
        let graph = network.graph();
        let policy = policy(graph, &mut Input(&[1, 2, 0, 1, 2]));
        for text in [write(&network, &policy), write_haq(graph, &policy)] {
            seeds.push([&[number as u8][..], text.as_bytes()].concat());
        }
    }
    seeds
}
