//! The second opinion: fastText's lid.176.
//!
//! The `fasttext` crate reads the file and makes the text's vector, but scores quantised models as if they had
//! been trained with a plain softmax; lid.176.ftz was trained with a hierarchical one, a Huffman tree of the
//! labels by frequency (Joulin et al. 2016). So the walk down the tree is done here.

use fasttext::FastText;
use fasttext::args::LossName;
use fasttext::matrix::Matrix;

/// The model with its tree.
pub(super) struct Second {
    model: FastText,
    labels: Vec<String>,
    /// The inner nodes of the tree, the root last; their children by number: labels first, then inner nodes.
    inner: Vec<Children>,
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
        let rows = usize::try_from(model.output_matrix().rows()).unwrap_or(0);
        if model.args().loss != LossName::HierarchicalSoftmax || model.quant_output().is_some() {
            return Err("it was not trained with a hierarchical softmax as lid.176 was".to_owned());
        }
        if labels.len() < 2 || counts.len() != labels.len() || rows < labels.len() - 1 {
            return Err("its labels and its matrix do not fit together".to_owned());
        }
        Ok(Self { inner: huffman(&counts), labels, model })
    }

    /// Is `label` (without prefix) one of its labels?
    pub(super) fn knows(&self, label: &str) -> bool {
        self.labels.iter().any(|known| known.strip_prefix("__label__") == Some(label))
    }

    /// Every label with its probability for `text`, a line of lower-case words; empty for no words.
    pub(super) fn predict(&self, text: &str) -> Vec<(&str, f32)> {
        if text.trim().is_empty() {
            return Vec::new();
        }
        let hidden = self.model.get_sentence_vector(text);
        let mut probabilities = vec![0.0_f32; self.labels.len() + self.inner.len()];
        if let Some(root) = probabilities.last_mut() {
            *root = 1.0;
        }
        for (node, children) in self.inner.iter().enumerate().rev() {
            let row = self.model.output_matrix().row(node as i64);
            let score: f32 = row.iter().zip(&hidden).map(|(w, h)| w * h).sum();
            let right = 1.0 / (1.0 + (-score).exp());
            let here = probabilities[self.labels.len() + node];
            probabilities[children.left] = here * (1.0 - right);
            probabilities[children.right] = here * right;
        }
        self.labels.iter().map(String::as_str).zip(probabilities).collect()
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
