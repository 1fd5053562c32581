//! Where the parts of a graph lie in a drawing with one row for each layer.
//!
//! Row 0 is the image, row `i + 1` the layer `i`; each has a dot on one of the lanes, which run from top to bottom. A
//! tensor runs on a lane from the layer that writes it to those that read it, so that a chain stays on one lane and
//! branches run beside it, as in the drawings of version control.

use crate::net::Graph;
use std::collections::BTreeSet;

/// A tensor on its way from the row that writes it to rows that read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The row that writes the tensor.
    pub from: usize,
    /// The lane between this row and those that read it. Where a dot lies on another lane, the line bends.
    pub lane: usize,
    /// Rows that read it, in order; it ends at the last.
    pub readers: Vec<usize>,
}

/// A part of a line in one row. Lines cross from one lane to another only in the halves above and below a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Down the whole row, past the dot.
    Past(usize),
    /// From the upper edge of a lane to the dot.
    In(usize),
    /// From the dot to the lower edge of a lane.
    Out(usize),
}

/// Dots and lines of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// Lanes side by side.
    pub count: usize,
    /// The lane of each row's dot.
    pub dots: Vec<usize>,
    /// All lines, by the row they come from. No two run over the same part of a lane.
    pub lines: Vec<Line>,
}

/// More lanes are no drawing any more.
const MOST_LANES: usize = 48;

impl Lanes {
    /// Lays out a graph, each line on the lowest lane that is free all the way, and each dot on the lowest lane of the
    /// lines that end there.
    pub fn new(graph: &Graph) -> Self {
        let mut readers = readers(graph);
        let joins: Vec<bool> = std::iter::once(false)
            .chain(
                graph.layers.iter().map(|layer| layer.inputs.iter().any(|&input| input != layer.inputs[0])),
            )
            .collect();
        let mut free = Free::default();
        let mut ending = vec![Vec::new(); readers.len()];
        let (mut dots, mut lines) = (Vec::with_capacity(readers.len()), Vec::new());
        for row in 0..readers.len() {
            let ended: Vec<usize> = std::mem::take(&mut ending[row]);
            let dot = ended.iter().min().copied().unwrap_or_else(|| free.take());
            ended.into_iter().filter(|&lane| lane != dot).for_each(|lane| free.give(lane));
            let mut is_taken = false;
            for readers in split(std::mem::take(&mut readers[row]), &joins) {
                let lane = if is_taken { free.take() } else { dot };
                is_taken = true;
                if let Some(&last) = readers.last() {
                    ending[last].push(lane);
                }
                lines.push(Line { from: row, lane, readers });
            }
            if !is_taken {
                free.give(dot);
            }
            dots.push(dot);
        }
        Self { count: free.count, dots, lines }
    }

    /// Whether there are few enough lanes to draw.
    pub const fn can_be_drawn(&self) -> bool {
        self.count <= MOST_LANES
    }

    /// The parts of all lines by row.
    pub fn strokes(&self) -> Vec<Vec<Stroke>> {
        let mut rows = vec![Vec::new(); self.dots.len()];
        for Line { from, lane, readers } in &self.lines {
            rows[*from].push(Stroke::Out(*lane));
            let last = readers.last().copied().unwrap_or(from + 1);
            rows[from + 1..last].iter_mut().for_each(|row| row.push(Stroke::Past(*lane)));
            for &row in readers {
                rows[row].push(Stroke::In(*lane));
            }
        }
        rows
    }
}

/// The rows that read the tensor of each row, in order.
fn readers(graph: &Graph) -> Vec<Vec<usize>> {
    let mut readers = vec![Vec::new(); graph.layers.len() + 1];
    for (id, layer) in graph.layers.iter().enumerate() {
        // Layers write tensors in order, the first one behind the image: a tensor's row is its id.
        for &tensor in layer.inputs.iter().filter(|&&tensor| tensor <= id) {
            let of_tensor: &mut Vec<usize> = &mut readers[tensor];
            if of_tensor.last() != Some(&(id + 1)) {
                of_tensor.push(id + 1);
            }
        }
    }
    readers
}

/// The readers of a tensor by the lines that lead to them: the line to the nearest one first. A layer that reads nothing
/// else lies on the line to it, so that it has a line of its own; all that join tensors share one.
fn split(readers: Vec<usize>, joins: &[bool]) -> Vec<Vec<usize>> {
    let (shared, own): (Vec<usize>, Vec<usize>) = readers.into_iter().partition(|&row| joins[row]);
    let mut lines: Vec<Vec<usize>> = own.into_iter().map(|row| vec![row]).collect();
    if !shared.is_empty() {
        lines.push(shared);
    }
    lines.sort_by_key(|readers| readers[0]);
    lines
}

/// Lanes that no line is on.
#[derive(Default)]
struct Free {
    lanes: BTreeSet<usize>,
    count: usize,
}

impl Free {
    /// The lowest one.
    fn take(&mut self) -> usize {
        self.lanes.pop_first().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }

    fn give(&mut self, lane: usize) {
        self.lanes.insert(lane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Activation, Layer, Op, Shape, Spec, TensorId};
    use crate::random::SplitMix64;
    use std::collections::BTreeMap;

    /// A graph of layers by the tensors that they read: what they compute is of no matter here.
    fn graph(layers: &[&[TensorId]]) -> Graph {
        let mut graph = Graph::new(Shape::new(8, 8, 4));
        for (id, inputs) in layers.iter().enumerate() {
            graph.tensors.push(graph.tensors[0].clone());
            let (name, op, activation) = (format!("l{id}"), Op::Add, Activation::Linear);
            graph.layers.push(Layer { name, op, activation, inputs: inputs.to_vec(), output: id + 1 });
        }
        graph
    }

    /// Whether every tensor reaches all its readers, and no two lines, nor a line and another's dot, lie over each other.
    fn check(graph: &Graph, lanes: &Lanes) {
        let mut reached = vec![BTreeSet::new(); lanes.dots.len()];
        // Which line is on a lane, by halves of rows.
        let mut taken = BTreeMap::new();
        for (i, line) in lanes.lines.iter().enumerate() {
            let last = *line.readers.last().expect("a line is read");
            assert!(line.readers.is_sorted() && line.readers[0] > line.from && line.lane < lanes.count);
            for half in 2 * line.from + 1..=2 * last {
                assert_eq!(taken.insert((half, line.lane), i), None, "two lines on lane {}", line.lane);
            }
            for &row in &line.readers {
                reached[row].insert(line.from);
            }
        }
        for (row, &dot) in lanes.dots.iter().enumerate() {
            // What is above and below of the dot on its lane begins or ends there.
            for half in [2 * row, 2 * row + 1] {
                if let Some(&line) = taken.get(&(half, dot)) {
                    let Line { from, readers, .. } = &lanes.lines[line];
                    assert!(*from == row || readers.last() == Some(&row), "a line runs past under dot {row}");
                }
            }
        }
        for (id, layer) in graph.layers.iter().enumerate() {
            assert_eq!(reached[id + 1], layer.inputs.iter().copied().collect(), "{}", layer.name);
        }
    }

    #[test]
    fn chains_stay_on_their_lane_and_branches_run_beside() {
        for (what, layers, count, dots) in [
            ("only an image", &[][..], 1, &[0][..]),
            ("a chain", &[&[0][..], &[1], &[2]], 1, &[0, 0, 0, 0]),
            ("a residual", &[&[0], &[1], &[2], &[3, 1], &[4]], 2, &[0; 6]),
            ("two residuals", &[&[0], &[1], &[2, 1], &[3], &[4, 3]], 2, &[0; 6]),
            ("a layer in the shortcut", &[&[0], &[1], &[2], &[1], &[3, 4], &[5]], 2, &[0, 0, 0, 0, 1, 0, 0]),
            ("the shortcut first", &[&[0], &[1], &[1], &[3], &[2, 4]], 2, &[0, 0, 0, 1, 1, 0]),
            ("a product inside of a residual", &[&[0], &[1], &[2], &[3], &[2, 4], &[5, 1]], 3, &[0; 7]),
            (
                "four branches joined",
                &[&[0], &[1], &[1], &[3], &[1], &[1], &[6], &[2, 4, 5, 7], &[8]],
                4,
                &[0, 0, 0, 1, 1, 2, 3, 3, 0, 0],
            ),
            // Each join reads all before it: their lines go on to the next.
            ("dense joins", &[&[0], &[1], &[1, 2], &[3], &[1, 2, 4], &[5]], 3, &[0, 0, 0, 2, 2, 0, 0]),
            ("a square", &[&[0], &[1, 1], &[2]], 1, &[0; 4]),
            ("nobody reads it", &[&[0], &[1], &[1], &[3]], 2, &[0, 0, 0, 1, 1]),
        ] {
            let graph = graph(layers);
            let lanes = Lanes::new(&graph);
            check(&graph, &lanes);
            assert_eq!((lanes.count, &lanes.dots[..]), (count, dots), "{what}");
        }
    }

    #[test]
    fn joins_share_the_line_of_what_they_read() {
        let lanes = Lanes::new(&graph(&[&[0], &[1], &[2, 1], &[3, 1], &[4]]));
        let long = lanes.lines.iter().filter(|line| line.from == 1).collect::<Vec<_>>();
        assert_eq!(long.iter().map(|line| &line.readers[..]).collect::<Vec<_>>(), [&[2][..], &[3, 4]]);
        let strokes = lanes.strokes();
        assert_eq!(strokes[1], [Stroke::In(0), Stroke::Out(0), Stroke::Out(1)]);
        assert_eq!(strokes[3], [Stroke::Past(1), Stroke::In(1), Stroke::In(0), Stroke::Out(0)]);
        assert_eq!(strokes[4], [Stroke::In(1), Stroke::In(0), Stroke::Out(0)]);
    }

    #[test]
    fn networks_of_the_zoo_have_a_side_lane_where_they_have_residuals() {
        for (name, count) in
            [("mobilenet-v1-0.25-224", 1), ("mobilenet-v2-1.0-224", 2), ("mnasnet-0.5-128", 2)]
        {
            let graph = name.parse::<Spec>().expect("a name").build();
            let lanes = Lanes::new(&graph);
            check(&graph, &lanes);
            assert_eq!(lanes.count, count, "{name}");
            assert!(lanes.dots.iter().all(|&dot| dot == 0), "{name}");
        }
    }

    #[test]
    fn any_graph_is_laid_out() {
        let mut random = SplitMix64(1);
        let mut networks: Vec<Vec<Vec<TensorId>>> = (0..200)
            .map(|layers| {
                // Mostly near ones, as networks have them.
                let mut near = |id: usize| id.saturating_sub(random.below(6));
                (0..layers).map(|id| (0..=id % 4).map(|_| near(id)).collect()).collect()
            })
            .collect();
        // Every layer reads all before it: still laid out, but not drawn.
        networks.push((0..200).map(|id| (0..=id).collect()).collect());
        for layers in &networks {
            let graph = graph(&layers.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let lanes = Lanes::new(&graph);
            check(&graph, &lanes);
            assert_eq!(lanes, Lanes::new(&graph));
            assert_eq!(lanes.can_be_drawn(), lanes.count <= MOST_LANES);
        }
        let last = networks.last().expect("one was pushed");
        let last = graph(&last.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert!(!Lanes::new(&last).can_be_drawn());
    }
}
