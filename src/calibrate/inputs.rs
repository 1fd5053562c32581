//! Exact second moments of a layer's inputs: what an error of a weight does to the layer's sums.

use crate::infer::{Scratch, Taps};
use crate::net::{Graph, Layer};
use crate::parallel;
use crate::quant::{Bits, Granularity, InputCovariance, WeightCodes, WeightRange};

/// Sums and sums of products of the codes that meet the weights of a layer, over calibration pixels, beside those of the
/// same pixels in the float network, which its 8-bit codes stand for. Whole numbers: in whatever order images are added and
/// however they are spread over threads and workers, the result is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct InputMoments {
    /// Weights of an output channel.
    depth: usize,
    pixels: u64,
    /// By group of output channels that read the same inputs.
    groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq)]
struct Group {
    /// `[depth]`.
    sums: Vec<i64>,
    /// `[depth, depth]`, from the diagonal on.
    products: Vec<i64>,
    /// The same of the float network's codes, and their products with those of the quantized network; `None` if both see
    /// the same.
    float: Option<Float>,
}

#[derive(Clone, Debug, PartialEq)]
struct Float {
    sums: Vec<i64>,
    /// `[depth, depth]`, float codes first.
    crossed: Vec<i64>,
}

/// Codes of a layer's whole input, and those of real zero outside it.
#[derive(Clone, Copy, Debug)]
pub struct Codes<'a> {
    /// `[h, w, c_in]`.
    pub codes: &'a [u8],
    /// One for each input channel, or one for all.
    pub pads: &'a [u8],
}

/// Room to add images in.
#[derive(Clone, Debug, Default)]
pub struct Room {
    scratch: Scratch,
    taps: Taps,
    float_scratch: Scratch,
    /// By group.
    float_taps: Vec<Taps>,
}

impl InputMoments {
    /// Nothing seen yet. `differs` says whether the float network's inputs differ from those of the quantized network.
    pub fn new(graph: &Graph, layer: &Layer, differs: bool) -> Self {
        let groups = Taps::groups(graph, layer);
        let depth = graph.weight_elements(layer) / graph.output_shape(layer).channels;
        let float = differs.then(|| Float { sums: vec![0; depth], crossed: vec![0; depth * depth] });
        let group = Group { sums: vec![0; depth], products: vec![0; depth * depth], float };
        Self { depth, pixels: 0, groups: vec![group; groups] }
    }

    /// Adds an image: its codes in the quantized network, and in the float network if they differ.
    pub fn add(
        &mut self,
        graph: &Graph,
        layer: &Layer,
        quantized: Codes,
        float: Option<Codes>,
        room: &mut Room,
    ) {
        let Room { scratch, taps, float_scratch, float_taps } = room;
        float_taps.clear();
        if let Some(float) = float {
            let mut one = Taps::default();
            one.of_groups(graph, layer, float.codes, float.pads, float_scratch, |_, taps| {
                float_taps.push(taps.clone());
            });
        }
        taps.of_groups(graph, layer, quantized.codes, quantized.pads, scratch, |number, taps| {
            let Group { sums, products, float } = &mut self.groups[number];
            taps.add_sums(sums);
            taps.add_upper_products(products);
            if let (Some(float), Some(float_taps)) = (float, float_taps.get(number)) {
                float_taps.add_sums(&mut float.sums);
                float_taps.add_products(taps, &mut float.crossed);
            }
        });
        self.pixels += graph.output_shape(layer).pixels() as u64;
    }

    /// Adds what other images showed.
    pub fn merge(&mut self, other: &Self) {
        let add =
            |all: &mut [i64], more: &[i64]| all.iter_mut().zip(more).for_each(|(all, more)| *all += more);
        self.pixels += other.pixels;
        for (group, more) in self.groups.iter_mut().zip(&other.groups) {
            add(&mut group.sums, &more.sums);
            add(&mut group.products, &more.products);
            if let (Some(float), Some(more)) = (&mut group.float, &more.float) {
                add(&mut float.sums, &more.sums);
                add(&mut float.crossed, &more.crossed);
            }
        }
    }

    /// Groups of output channels that read the same inputs.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Covariance of the inputs of a group, and what its float sums depend on. `ratio` is the step of the float network's
    /// codes in steps of the quantized network's.
    pub fn covariance(&self, group: usize, ratio: f64) -> Covariances {
        let Group { sums, products, float } = &self.groups[group];
        let (depth, pixels) = (self.depth, i128::from(self.pixels));
        let whole = (self.pixels as f64) * (self.pixels as f64);
        let centred = |product: i64, a: i64, b: i64| {
            (pixels * i128::from(product) - i128::from(a) * i128::from(b)) as f64 / whole
        };
        // Between inputs, few pixels show much that is chance.
        let kept = self.pixels as f64 / (self.pixels as f64 + depth as f64);
        let shrunk = |value: f64, i: usize, j: usize| if i == j { value } else { kept * value };
        let mut own = vec![0.0; depth * depth];
        for i in 0..depth {
            for j in i..depth {
                let value = shrunk(centred(products[i * depth + j], sums[i], sums[j]), i, j);
                own[i * depth + j] = value;
                own[j * depth + i] = value;
            }
        }
        let crossed = float.as_ref().map(|float| {
            let pairs = (0..depth).flat_map(|i| (0..depth).map(move |j| (i, j)));
            let value = |(i, j): (usize, usize)| {
                ratio * shrunk(centred(float.crossed[i * depth + j], float.sums[i], sums[j]), i, j)
            };
            pairs.map(value).collect()
        });
        Covariances { crossed: crossed.unwrap_or_else(|| own.clone()), own: InputCovariance::new(own, depth) }
    }
}

impl InputMoments {
    /// Codes of a layer's weights, `[c_out, depth]`, chosen by what they do to its sums; the nearest where the images say
    /// nothing. `ratio` as in [`InputMoments::covariance`].
    pub fn choose(&self, weights: &[f32], ratio: f64, bits: Bits) -> WeightCodes {
        let covariances: Vec<_> = (0..self.groups()).map(|group| self.covariance(group, ratio)).collect();
        let channels: Vec<_> = weights.chunks_exact(self.depth).enumerate().collect();
        let code = |(): &mut (), &(channel, weights): &(usize, &[f32])| {
            let covariances = &covariances[channel.min(covariances.len() - 1)];
            let coded = covariances.own.code(weights, &covariances.with_sums(weights), bits);
            coded.unwrap_or_else(|| {
                let nearest = WeightCodes::new(weights, 1, bits, Granularity::PerChannel, WeightRange::Mse);
                (nearest.codes, nearest.quantizers[0])
            })
        };
        let (codes, quantizers): (Vec<_>, Vec<_>) =
            parallel::map_with(&channels, || (), code).into_iter().unzip();
        WeightCodes { codes: codes.concat(), quantizers }
    }
}

/// What codes of a group's weights are chosen by.
#[derive(Clone, Debug)]
pub struct Covariances {
    /// Of the quantized network's inputs.
    pub own: InputCovariance,
    /// Of the float network's inputs with those, `[depth, depth]`.
    crossed: Vec<f64>,
}

impl Covariances {
    /// Covariance of the float network's sums of a channel with the quantized network's inputs, `[depth]`.
    pub fn with_sums(&self, weights: &[f32]) -> Vec<f64> {
        let mut sums = vec![0.0; weights.len()];
        for (&weight, row) in weights.iter().zip(self.crossed.chunks_exact(weights.len())) {
            let weight = f64::from(weight);
            sums.iter_mut().zip(row).for_each(|(sum, &crossed)| *sum += weight * crossed);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Activation, Pads, Shape, Window};
    use crate::random::SplitMix64;

    /// Codes of a map with its pads written out, by row, column and channel.
    fn at(shape: Shape, pads: Pads, codes: &[u8], pad: u8, [y, x, c]: [usize; 3]) -> u8 {
        let inside = |at: usize, pad: usize, len: usize| at.checked_sub(pad).filter(|&at| at < len);
        match (inside(y, pads.top, shape.height), inside(x, pads.left, shape.width)) {
            (Some(y), Some(x)) => codes[(y * shape.width + x) * shape.channels + c],
            _ => pad,
        }
    }

    /// Sums over all pixels, pair by pair, of layers of all kinds with windows that do not fill vectors.
    #[test]
    fn moments_are_sums_over_all_pixels() {
        let mut random = SplitMix64(7);
        let shape = Shape { height: 7, width: 6, channels: 5 };
        let pads = Pads { top: 1, left: 0, bottom: 1, right: 1 };
        let window = Window { kernel: 3, stride: 2, pads };
        let single = Window { kernel: 1, stride: 1, pads: Pads::default() };
        for kind in 0..4 {
            let mut graph = Graph::new(shape);
            match kind {
                0 => graph.conv("l", 0, 4, window, Activation::Relu6),
                1 => graph.depthwise("l", 0, window, Activation::Relu6),
                2 => graph.conv("l", 0, 3, single, Activation::Linear),
                _ => graph.conv("l", 0, 2, Window { kernel: 3, ..single }, Activation::Linear),
            };
            let layer = &graph.layers[0];
            let mut image = || (0..shape.elements()).map(|_| random.next() as u8).collect::<Vec<_>>();
            let images: Vec<[Vec<u8>; 2]> = (0..3).map(|_| [image(), image()]).collect();
            let (mut whole, mut room) = (InputMoments::new(&graph, layer, true), Room::default());
            let mut parts = whole.clone();
            for [own, float] in &images {
                let own = Codes { codes: own, pads: &[3] };
                let float = Codes { codes: float, pads: &[200] };
                whole.add(&graph, layer, own, Some(float), &mut room);
                let mut part = InputMoments::new(&graph, layer, true);
                part.add(&graph, layer, own, Some(float), &mut room);
                part.merge(&parts);
                parts = part;
            }
            assert_eq!(whole, parts, "in any order");
            let output = graph.output_shape(layer);
            let used = layer.window().expect("a window");
            let depthwise = whole.groups() > 1;
            let per_group = if depthwise { 1 } else { shape.channels };
            for (number, group) in whole.groups.iter().enumerate() {
                let tap = |codes: &[u8], pad: u8, pixel: usize, tap: usize| {
                    let (corner, channel) = (tap / per_group, number + tap % per_group);
                    let y = pixel / output.width * used.stride + corner / used.kernel;
                    let x = pixel % output.width * used.stride + corner % used.kernel;
                    i64::from(at(shape, used.pads, codes, pad, [y, x, channel]))
                };
                let sum = |of: &dyn Fn(&[Vec<u8>; 2], usize) -> i64| -> i64 {
                    images
                        .iter()
                        .map(|image| (0..output.pixels()).map(|pixel| of(image, pixel)).sum::<i64>())
                        .sum()
                };
                let float = group.float.as_ref().expect("both differ");
                for i in 0..whole.depth {
                    assert_eq!(group.sums[i], sum(&|[own, _], p| tap(own, 3, p, i)), "kind {kind}");
                    assert_eq!(float.sums[i], sum(&|[_, float], p| tap(float, 200, p, i)));
                    for j in 0..whole.depth {
                        let product = sum(&|[own, _], p| tap(own, 3, p, i) * tap(own, 3, p, j));
                        assert!(
                            j < i || group.products[i * whole.depth + j] == product,
                            "kind {kind}: {i}, {j}"
                        );
                        let crossed = sum(&|[own, float], p| tap(float, 200, p, i) * tap(own, 3, p, j));
                        assert_eq!(float.crossed[i * whole.depth + j], crossed);
                    }
                }
            }
        }
    }
}
