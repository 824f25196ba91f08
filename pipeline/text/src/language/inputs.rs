//! The input side of a fastText model: which vectors a text's words have, and their mean.
//!
//! The `fasttext` crate computes the same ([`Inputs::mean`] is held against it by a test), but unpacks the quantised rows and asks
//! a slow map for each n-gram again and again. Here the rows are unpacked once, and a known word is one look-up.
//!
//! As fastText has it: a known word stands for its own row and those of its n-grams, an unknown one for its n-grams alone;
//! the end of the line counts as a word. N-grams are of code points in the word with `<` and `>` around it, hashed by FNV-1a
//! over signed bytes into buckets, of which a pruned model has kept some.

use fasttext::FastText;
use rustc_hash::FxHashMap;

const BEGIN: u8 = b'<';
const END: u8 = b'>';
const END_OF_LINE: &str = "</s>";
const FNV_OFFSET: u32 = 2_166_136_261;
const FNV_PRIME: u32 = 16_777_619;
/// Words up to so many bytes need no larger buffer.
const USUAL_WORD_BYTES: usize = 64;

/// The unpacked vectors.
pub(super) struct Inputs {
    dimensions: usize,
    /// For each known word the place of its sum, and how many rows are in it.
    words: FxHashMap<Box<str>, (u32, u32)>,
    /// The sums of the rows of known words.
    sums: Vec<f32>,
    /// The row of each kept n-gram, by bucket.
    grams: FxHashMap<u32, u32>,
    rows: Vec<f32>,
    buckets: u32,
    /// Shortest and longest n-gram, in code points.
    lengths: (usize, usize),
}

impl Inputs {
    /// Unpacks the vectors of a model; the error says what does not fit.
    pub(super) fn of(model: &FastText) -> Result<Self, String> {
        let (arguments, dictionary) = (model.args(), model.dict());
        let size = |value: i32| usize::try_from(value).unwrap_or(0);
        let dimensions = size(arguments.dim);
        let buckets = u32::try_from(arguments.bucket).unwrap_or(0);
        if dimensions == 0 || buckets == 0 || arguments.maxn < 1 || arguments.word_ngrams > 1 {
            return Err("it has no n-grams of characters as lid.176 has".to_owned());
        }
        let rows = unpacked(model)?;
        let known = dictionary.nwords();
        let row_of = |id: i32| {
            let row = size(id);
            let fits = id >= 0 && (row + 1) * dimensions <= rows.len();
            fits.then_some(id.cast_unsigned()).ok_or_else(|| format!("row {id} is not in its matrix"))
        };

        let (mut words, mut sums) = (FxHashMap::default(), Vec::new());
        for id in 0..known {
            let place = (sums.len() / dimensions) as u32;
            let parts = dictionary.get_subwords(id);
            let mut sum = vec![0.0; dimensions];
            for part in parts {
                add(&rows, row_of(*part)?, &mut sum);
            }
            sums.extend(sum);
            words.insert(Box::from(dictionary.get_word(id)), (place, parts.len() as u32));
        }
        let kept: Vec<(i32, i32)> = if dictionary.is_pruned() {
            dictionary.pruneidx().iter().map(|(bucket, row)| (*bucket, *row)).collect()
        } else {
            (0..arguments.bucket).map(|bucket| (bucket, bucket)).collect()
        };
        let grams = kept
            .into_iter()
            .map(|(bucket, row)| Ok((bucket.cast_unsigned(), row_of(known + row)?)))
            .collect::<Result<_, String>>()?;
        let lengths = (size(arguments.minn).max(1), size(arguments.maxn));
        Ok(Self { dimensions, words, sums, grams, rows, buckets, lengths })
    }

    pub(super) const fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The mean vector of a line of words; none where no word has a vector.
    pub(super) fn mean(&self, line: &str) -> Option<Vec<f32>> {
        let mut sum = vec![0.0_f32; self.dimensions];
        let mut rows = 0;
        let mut marked = Vec::with_capacity(USUAL_WORD_BYTES);
        for word in line.split_ascii_whitespace() {
            if let Some(known) = self.words.get(word) {
                rows += self.add_word(*known, &mut sum);
            } else {
                marked.clear();
                marked.push(BEGIN);
                marked.extend_from_slice(word.as_bytes());
                marked.push(END);
                rows += self.add_grams(&marked, &mut sum);
            }
        }
        if rows == 0 {
            return None;
        }
        if let Some(end) = self.words.get(END_OF_LINE) {
            rows += self.add_word(*end, &mut sum);
        }
        for value in &mut sum {
            *value /= rows as f32;
        }
        Some(sum)
    }

    fn add_word(&self, (place, rows): (u32, u32), sum: &mut [f32]) -> u32 {
        add(&self.sums, place, sum);
        rows
    }

    /// Adds the rows of the n-grams of a word with its marks; returns how many there are.
    fn add_grams(&self, marked: &[u8], sum: &mut [f32]) -> u32 {
        let (shortest, longest) = self.lengths;
        let mut rows = 0;
        for start in (0..marked.len()).filter(|&at| begins_character(marked[at])) {
            let mut hash = FNV_OFFSET;
            let mut length = 0;
            for (at, &byte) in marked.iter().enumerate().skip(start) {
                if begins_character(byte) {
                    if length == longest {
                        break;
                    }
                    length += 1;
                }
                hash = (hash ^ i32::from(byte.cast_signed()).cast_unsigned()).wrapping_mul(FNV_PRIME);
                let ends = marked.get(at + 1).is_none_or(|&next| begins_character(next));
                // The marks by themselves say nothing.
                let is_mark = length == 1 && (start == 0 || at + 1 == marked.len());
                if ends
                    && length >= shortest
                    && !is_mark
                    && let Some(place) = self.grams.get(&(hash % self.buckets))
                {
                    add(&self.rows, *place, sum);
                    rows += 1;
                }
            }
        }
        rows
    }
}

fn add(rows: &[f32], place: u32, sum: &mut [f32]) {
    let at = place as usize * sum.len();
    for (sum, value) in sum.iter_mut().zip(&rows[at..]) {
        *sum += value;
    }
}

const fn begins_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// All rows of the input matrix, one after the other.
fn unpacked(model: &FastText) -> Result<Vec<f32>, String> {
    let Some(matrix) = model.quant_input() else { return Ok(model.input_matrix().data().to_vec()) };
    let rows = usize::try_from(matrix.m).unwrap_or(0);
    let parts = usize::try_from(matrix.codesize).unwrap_or(0).checked_div(rows).unwrap_or(0);
    let mut norms: Box<dyn Iterator<Item = f32>> = match (&matrix.npq, &matrix.norm_codes) {
        (Some(norms), Some(codes)) if matrix.qnorm => {
            Box::new(codes.iter().map(|code| norms.get_centroids(0, *code).first().copied().unwrap_or(0.0)))
        }
        _ => Box::new(std::iter::repeat(1.0)),
    };
    let mut unpacked = Vec::new();
    for codes in matrix.codes.chunks_exact(parts.max(1)) {
        let norm = norms.next().ok_or("a row has no norm")?;
        for (part, code) in codes.iter().enumerate() {
            unpacked.extend(matrix.pq.get_centroids(part, *code).iter().map(|value| norm * value));
        }
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fasttext::args::{Args, LossName, ModelName};

    use super::*;

    const LINES: [&str; 5] = [
        "der hund und die katze gehen über die straße",
        "the dog and the cat cross the unheardof street",
        "пёс и кот идут через улицу",
        "ö ß xyzzyx qq",
        "",
    ];

    fn agrees(model: &FastText, lines: &[&str]) {
        let inputs = Inputs::of(model).unwrap();
        for line in lines {
            let theirs = model.get_sentence_vector(line);
            let ours = inputs.mean(line).unwrap_or_else(|| vec![0.0; theirs.len()]);
            let scale = theirs.iter().fold(1e-3_f32, |most, value| most.max(value.abs()));
            for (our, their) in ours.iter().zip(&theirs) {
                assert!((our - their).abs() <= 1e-4 * scale, "{line:?}: {ours:?} against {theirs:?}");
            }
        }
    }

    /// A model of two languages, learned on the spot.
    fn trained(folder: &Path) -> (FastText, Args) {
        let corpus = folder.join("corpus.txt");
        let line = |(label, text): (&str, &str)| format!("__label__{label} {text}\n");
        let text: String =
            [("de", LINES[0]), ("en", LINES[1]), ("ru", LINES[2])].map(line).concat().repeat(20);
        std::fs::write(&corpus, text).unwrap();
        let arguments = Args {
            input: corpus,
            dim: 16,
            bucket: 5_000,
            minn: 2,
            maxn: 4,
            epoch: 3,
            thread: 1,
            loss: LossName::HierarchicalSoftmax,
            model: ModelName::Supervised,
            ..Args::default()
        };
        (FastText::train(arguments.clone()).unwrap(), arguments)
    }

    #[test]
    fn the_mean_is_what_the_fasttext_crate_computes() {
        let folder = tempfile::tempdir().unwrap();
        let (mut model, arguments) = trained(folder.path());
        agrees(&model, &LINES);
        // Quantised with norms and pruned to a part of its n-grams, as lid.176.ftz is.
        let quantised = Args { cutoff: 60, qnorm: true, dsub: 2, ..arguments };
        model.quantize(&quantised).unwrap();
        assert!(model.dict().is_pruned());
        agrees(&model, &LINES);
        assert!(Inputs::of(&model).unwrap().mean("").is_none());
    }

    #[test]
    fn lid_176_itself_agrees_where_it_is_installed() {
        let parts = std::env::var_os("STREIFE_PARTS").map(std::path::PathBuf::from).or_else(|| {
            Some(std::path::PathBuf::from(std::env::var_os("HOME")?).join(".cache/streife/parts"))
        });
        match parts.map(|parts| parts.join("lid-176/lid.176.ftz")).filter(|file| file.exists()) {
            Some(file) => agrees(&FastText::load_model(file).unwrap(), &LINES),
            None => eprintln!("skipped: lid.176.ftz is not installed (`streife setup` does)"),
        }
    }
}
