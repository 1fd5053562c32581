//! Everything in a file's graph that cannot be taken.

use crate::printable::printable;
use std::fmt;

/// Refusals that a message shows; the list itself has all.
const SHOWN: usize = 40;

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
                for refusal in list.iter().take(SHOWN) {
                    write!(f, "\n- {refusal}")?;
                }
                match list.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    others => write!(f, "\n- and {others} more"),
                }
            }
        }
    }
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
        let many = Refusals { list: vec![refusal("a"); 42] }.to_string();
        assert!(
            many.starts_with("the network has 42 things that cannot be taken:\n- a (Conv): groups"),
            "{many}"
        );
        assert!(many.ends_with("\n- and 2 more"), "{many}");
    }
}
