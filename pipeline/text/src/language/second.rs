//! The second opinion: fastText's lid.176.
//!
//! The `fasttext` crate reads the file, but scores quantised models as if they had been trained with a plain softmax;
//! lid.176.ftz was trained with a hierarchical one, a Huffman tree of the labels by frequency (Joulin et al. 2016). So the
//! walk down the tree is done here, over the sentence vector that [`Inputs`] makes.

use fasttext::FastText;
use fasttext::args::{LossName, ModelName};
use fasttext::matrix::Matrix;
use rustc_hash::FxHashSet;

use super::inputs::Inputs;
use super::linear::Guess;
use super::script::language_of_label;

/// Least probability of a label that counts.
pub(super) const FLOOR: f32 = 1e-3;

/// The model with its tree.
pub(super) struct Second {
    inputs: Inputs,
    /// A row for each inner node, one after the other.
    outputs: Vec<f32>,
    /// The inner nodes of the tree, the root last; their children by number: labels first, then inner nodes.
    inner: Vec<Children>,
    /// The language of each label as a place in `codes`; none where a label says no language.
    languages: Vec<Option<usize>>,
    /// The languages, dialects counted for theirs.
    codes: Vec<Box<str>>,
    /// The labels as fastText names them.
    labels: FxHashSet<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Children {
    left: usize,
    right: usize,
}

impl Second {
    /// Reads a model file; the error says what is wrong with it.
    pub(super) fn parse(mut content: &[u8]) -> Result<Self, String> {
        let model = FastText::load(&mut content).map_err(|error| error.to_string())?;
        let (labels, counts) = model.get_labels();
        let arguments = model.args();
        if arguments.loss != LossName::HierarchicalSoftmax
            || arguments.model != ModelName::Supervised
            || model.quant_output().is_some()
        {
            return Err("it was not trained with a hierarchical softmax as lid.176 was".to_owned());
        }
        let matrix = model.output_matrix();
        let inputs = Inputs::of(&model)?;
        let nodes = labels.len().saturating_sub(1);
        if labels.len() < 2
            || counts.len() != labels.len()
            || usize::try_from(matrix.rows()).unwrap_or(0) < nodes
            || usize::try_from(matrix.cols()).ok() != Some(inputs.dimensions())
        {
            return Err("its labels and its matrix do not fit together".to_owned());
        }
        let outputs = (0..nodes as i64).flat_map(|node| matrix.row(node).to_vec()).collect();

        let mut codes: Vec<Box<str>> = Vec::new();
        let mut languages = Vec::with_capacity(labels.len());
        for label in &labels {
            languages.push(language_of_label(label).map(|code| {
                codes.iter().position(|known| **known == *code).unwrap_or_else(|| {
                    codes.push(code.into());
                    codes.len() - 1
                })
            }));
        }
        let labels =
            labels.iter().map(|label| label.strip_prefix("__label__").unwrap_or(label).into()).collect();
        Ok(Self { inputs, outputs, inner: huffman(&counts), languages, codes, labels })
    }

    /// Is `label` (without prefix) one of its labels?
    pub(super) fn knows(&self, label: &str) -> bool {
        self.labels.contains(label)
    }

    /// The likeliest languages first, for a line of lower-case words; empty for no words. A label counts from [`FLOOR`];
    /// dialects count for their language.
    pub(super) fn rank(&self, words: &str) -> Vec<Guess<'_>> {
        let Some(hidden) = self.inputs.mean(words) else { return Vec::new() };
        let mut sums = vec![0.0_f32; self.codes.len()];
        for (language, probability) in self.languages.iter().zip(self.probabilities(&hidden)) {
            if let Some(at) = *language
                && probability >= FLOOR
            {
                sums[at] += probability;
            }
        }
        let mut guesses: Vec<Guess<'_>> = self
            .codes
            .iter()
            .zip(sums)
            .filter(|(_, probability)| *probability > 0.0)
            .map(|(code, probability)| Guess { code, probability })
            .collect();
        guesses.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        guesses
    }

    /// Of each label, then of each inner node. A branch too unlikely to hold a label that counts is left at nothing.
    fn probabilities(&self, hidden: &[f32]) -> Vec<f32> {
        let labels = self.languages.len();
        let mut probabilities = vec![0.0_f32; labels + self.inner.len()];
        if let Some(root) = probabilities.last_mut() {
            *root = 1.0;
        }
        let rows = self.outputs.chunks_exact(hidden.len());
        for ((node, children), row) in self.inner.iter().enumerate().zip(rows).rev() {
            let here = probabilities[labels + node];
            if here < FLOOR {
                continue;
            }
            let score: f32 = row.iter().zip(hidden).map(|(w, h)| w * h).sum();
            let right = 1.0 / (1.0 + (-score).exp());
            probabilities[children.left] = here * (1.0 - right);
            probabilities[children.right] = here * right;
        }
        probabilities
    }
}

/// The Huffman tree of labels by their counts, which come in descending order. Ties go as in fastText, else
/// its matrix would not fit.
fn huffman(counts: &[i64]) -> Vec<Children> {
    let labels = counts.len();
    let mut weights = counts.to_vec();
    let mut inner = Vec::with_capacity(labels - 1);
    let mut leaves = labels;
    let mut next = labels;
    for _ in 1..labels {
        let mut lightest = || {
            let leaf_is_lighter =
                leaves > 0 && weights.get(next).is_none_or(|inner| weights[leaves - 1] < *inner);
            if leaf_is_lighter {
                leaves -= 1;
                leaves
            } else {
                next += 1;
                next - 1
            }
        };
        let (left, right) = (lightest(), lightest());
        weights.push(weights[left] + weights[right]);
        inner.push(Children { left, right });
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_labels_lie_deep() {
        let inner = huffman(&[8, 4, 2, 1]);
        let pairs: Vec<_> = inner.iter().map(|node| (node.left, node.right)).collect();
        assert_eq!(pairs, [(3, 2), (4, 1), (5, 0)]);
    }
}
