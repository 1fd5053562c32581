//! Everything in a file's graph that cannot be taken.

use crate::printable::printable;
use std::collections::HashMap;
use std::fmt;

/// Reasons that a message shows, and names for each of them; the list itself has all.
const SHOWN_REASONS: usize = 40;
const SHOWN_NAMES: usize = 3;

/// Something that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the node, or of the input or output.
    pub name: String,
    /// What the file calls its operation; `input` or `output` for a tensor of the graph.
    pub operator: String,
    /// Why, and what to do if anything can be done.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, operator, reason } = self;
        write!(f, "{} ({}): {}", printable(name), printable(operator), printable(reason))
    }
}

/// All that is in the way of a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusals {
    /// In the order of the graph; at least one.
    pub list: Vec<Refusal>,
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list.as_slice() {
            [only] => write!(f, "the network has something that cannot be taken: {only}"),
            list => {
                write!(f, "the network has {} things that cannot be taken:", list.len())?;
                let groups = by_reason(list);
                for (reason, refusals) in groups.iter().take(SHOWN_REASONS) {
                    write!(f, "\n- {}: ", printable(reason))?;
                    for (position, Refusal { name, operator, .. }) in
                        refusals.iter().take(SHOWN_NAMES).enumerate()
                    {
                        let comma = if position == 0 { "" } else { ", " };
                        write!(f, "{comma}{} ({})", printable(name), printable(operator))?;
                    }
                    match refusals.len().saturating_sub(SHOWN_NAMES) {
                        0 => {}
                        others => write!(f, " and {others} more")?,
                    }
                }
                match groups.len().saturating_sub(SHOWN_REASONS) {
                    0 => Ok(()),
                    others => write!(f, "\n- and {others} other reasons"),
                }
            }
        }
    }
}

/// Refusals with the same reason together, in the order in which reasons come first.
fn by_reason(list: &[Refusal]) -> Vec<(&str, Vec<&Refusal>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<(&str, Vec<&Refusal>)> = Vec::new();
    for refusal in list {
        let place = *places.entry(&refusal.reason).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, refusals)) => refusals.push(refusal),
            None => groups.push((&refusal.reason, vec![refusal])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str) -> Refusal {
        Refusal {
            name: name.into(),
            operator: "Conv".into(),
            reason: "groups = 4: grouped convolution".into(),
        }
    }

    #[test]
    fn one_is_a_sentence_and_many_are_a_list() {
        let one = Refusals { list: vec![refusal("a\x1b")] };
        let text = "the network has something that cannot be taken: a\\u001b (Conv): groups = 4: grouped convolution";
        assert_eq!(one.to_string(), text);
        let other = Refusal { reason: "dilation 2: 1 is taken".into(), ..refusal("b") };
        let mut list = vec![refusal("a"), other];
        list.extend(vec![refusal("c"); 3]);
        let text = "the network has 5 things that cannot be taken:\n\
            - groups = 4: grouped convolution: a (Conv), c (Conv), c (Conv) and 1 more\n\
            - dilation 2: 1 is taken: b (Conv)";
        assert_eq!(Refusals { list }.to_string(), text);
    }
}
