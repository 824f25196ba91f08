//! One run of an encoder's graph.

use ort::session::Session;
use ort::value::TensorRef;

use crate::manifest::Graph;
use crate::{ScoringError, metrics};

/// Fills up shorter texts; the mask hides it, so any id of the vocabulary would do.
const PADDING: i64 = 1;
/// Logits are rounded to so many steps in one. Sums over rows of different shapes differ in their last bits (1e-7); a score
/// must not.
const STEPS: f32 = 1024.0;

/// The logits of one text.
///
/// # Errors
/// [`ScoringError::Inference`].
pub(crate) fn run(session: &mut Session, graph: &Graph, ids: &[i64]) -> Result<Vec<f32>, ScoringError> {
    let mut logits = run_together(session, graph, &[ids])?;
    logits.pop().ok_or_else(|| ScoringError::Inference("the output is missing".to_owned()))
}

/// The logits of each text, all filled up to the longest.
///
/// # Errors
/// [`ScoringError::Inference`], for all of them.
pub(crate) fn run_together<T: AsRef<[i64]>>(
    session: &mut Session,
    graph: &Graph,
    texts: &[T],
) -> Result<Vec<Vec<f32>>, ScoringError> {
    let failed = |error: ort::Error| ScoringError::Inference(error.to_string());
    let length = texts.iter().map(|ids| ids.as_ref().len()).max().unwrap_or_default();
    let mut ids = Vec::with_capacity(texts.len() * length);
    let mut mask: Vec<i64> = Vec::with_capacity(texts.len() * length);
    for text in texts {
        let (text, filled) = (text.as_ref(), ids.len() + length);
        ids.extend_from_slice(text);
        ids.resize(filled, PADDING);
        mask.resize(filled - length + text.len(), 1);
        mask.resize(filled, 0);
    }
    let useful: usize = texts.iter().map(|ids| ids.as_ref().len()).sum();
    metrics::ENCODER_TOKENS.inc_by(useful as u64);
    metrics::ENCODER_PADDING.inc_by((ids.len() - useful) as u64);
    let shape = [texts.len(), length];
    let ids = TensorRef::from_array_view((shape, ids.as_slice())).map_err(failed)?;
    let mask = TensorRef::from_array_view((shape, mask.as_slice())).map_err(failed)?;
    let [ids_name, mask_name] = &graph.inputs;
    let outputs =
        session.run(ort::inputs![ids_name.as_str() => ids, mask_name.as_str() => mask]).map_err(failed)?;
    let output = outputs
        .get(&graph.output)
        .ok_or_else(|| ScoringError::Inference("the output is missing".to_owned()))?;
    let (_, logits) = output.try_extract_tensor::<f32>().map_err(failed)?;
    if logits.iter().any(|logit| !logit.is_finite()) {
        return Err(ScoringError::Inference("a score is no number".to_owned()));
    }
    let heads = logits.len() / texts.len().max(1);
    if heads == 0 || logits.len() != heads * texts.len() {
        return Err(ScoringError::Inference("the output has not one row for each text".to_owned()));
    }
    let rounded = |logits: &[f32]| logits.iter().map(|logit| (logit * STEPS).round() / STEPS).collect();
    Ok(logits.chunks(heads).map(rounded).collect())
}
