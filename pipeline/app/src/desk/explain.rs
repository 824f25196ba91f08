//! Which words moved a model's scores, computed when an item is looked at. The models are opened by the first who asks,
//! with one session of their own, so that the stream is not slowed down.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use streife_domain::{Head, Language, PostId, Timestamp};
use streife_scoring::{Models, OpenOptions};
use streife_web::reader::{FlaggedItem, ModelMark, ReadError};

/// Explanations kept; when there are more, all are forgotten and computed anew when asked for.
const MAX_KEPT: usize = 2_000;
/// Heads explained for one post: those with the highest scores.
const MAX_HEADS: usize = 3;

type Kept = HashMap<(PostId, Timestamp), Vec<ModelMark>>;

/// Explains scores.
pub(crate) struct Explainer {
    models: PathBuf,
    parts: PathBuf,
    device: String,
    opened: OnceLock<Option<Models>>,
    kept: Mutex<Kept>,
}

impl Explainer {
    pub(crate) fn new(models: &Path, parts: &Path, device: &str) -> Self {
        Self {
            models: models.to_owned(),
            parts: parts.to_owned(),
            device: device.to_owned(),
            opened: OnceLock::new(),
            kept: Mutex::default(),
        }
    }

    /// The marks of an item, without holding up other requests.
    pub(super) async fn marks(self: &Arc<Self>, item: &FlaggedItem) -> Result<Vec<ModelMark>, ReadError> {
        let key = (item.post.post_id, item.post.observed_at);
        if let Some(marks) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(marks.clone());
        }
        let (itself, text, language) =
            (Arc::clone(self), item.post.text.clone(), item.verdict.language.clone());
        let (heads, encoded) = (heads(item), item.verdict.encoded);
        let marks = tokio::task::spawn_blocking(move || itself.compute(&text, &language, &heads, encoded))
            .await
            .map_err(|e| ReadError(e.to_string()))?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, marks.clone());
        Ok(marks)
    }

    fn open(&self) -> Option<Models> {
        let device = self.device.parse().ok()?;
        let options =
            OpenOptions { models: &self.models, parts: &self.parts, encoder: true, device, sessions: 1 };
        Models::open(&options)
            .map_err(|error| tracing::warn!("no explanations, the models cannot be opened: {error}"))
            .ok()
    }

    fn compute(&self, text: &str, language: &Language, heads: &[Head], encoded: bool) -> Vec<ModelMark> {
        let Some(models) = self.opened.get_or_init(|| self.open()) else { return Vec::new() };
        let mut marks = Vec::new();
        for head in heads {
            // What the gate alone scored is explained by the gate.
            let spans = if encoded {
                models.explain(text, language, *head).unwrap_or_else(|error| {
                    tracing::warn!("an explanation failed: {error}");
                    Vec::new()
                })
            } else {
                models.explain_gate(text, Some(*head))
            };
            marks.extend(spans.into_iter().map(|(span, weight)| ModelMark { span, head: *head, weight }));
        }
        marks
    }
}

/// The heads over their threshold, the highest scores first.
fn heads(item: &FlaggedItem) -> Vec<Head> {
    let mut heads = item.verdict.labels.clone();
    let score = |head: &Head| item.verdict.scores.get(*head).copied().unwrap_or(0.0);
    heads.sort_by(|a, b| score(b).total_cmp(&score(a)));
    heads.truncate(MAX_HEADS);
    heads
}
