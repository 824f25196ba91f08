//! Which words moved a model's scores, computed when an item is looked at. The models are opened by the first who asks,
//! with one session of their own, so that the stream is not slowed down.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use streife_domain::{Head, Language, PostId, Timestamp};
use streife_scoring::{Models, OpenOptions};
use streife_web::reader::{FlaggedItem, ModelMark, ReadError};
use tokio::sync::Semaphore;

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
    /// One explanation at a time, as there is one session. Who waits waits here and not on a thread: a page that was
    /// left is then never computed, and the desk need not end with all of them.
    turn: Arc<Semaphore>,
}

impl Explainer {
    pub(crate) fn new(models: &Path, parts: &Path, device: &str) -> Self {
        Self {
            models: models.to_owned(),
            parts: parts.to_owned(),
            device: device.to_owned(),
            opened: OnceLock::new(),
            kept: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// The marks of an item, without holding up other requests.
    pub(super) async fn marks(self: &Arc<Self>, item: &FlaggedItem) -> Result<Vec<ModelMark>, ReadError> {
        let key = (item.post.post_id, item.post.observed_at);
        if let Some(marks) = self.known(&key) {
            return Ok(marks);
        }
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|e| ReadError(e.to_string()))?;
        // Somebody else may have asked for the same in the meantime.
        if let Some(marks) = self.known(&key) {
            return Ok(marks);
        }
        let (itself, text, language) =
            (Arc::clone(self), item.post.text.clone(), item.verdict.language.clone());
        let (heads, encoded) = (heads(item), item.verdict.encoded);
        // What was begun is finished and kept, even when its page is left meanwhile.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let marks = itself.compute(&text, &language, &heads, encoded);
            itself.keep(key, marks.clone());
            marks
        })
        .await
        .map_err(|e| ReadError(e.to_string()))
    }

    fn keep(&self, key: (PostId, Timestamp), marks: Vec<ModelMark>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, marks);
    }

    fn known(&self, key: &(PostId, Timestamp)) -> Option<Vec<ModelMark>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use streife_web::sample::sample_items;

    use super::*;

    #[tokio::test]
    async fn a_page_that_was_left_is_not_explained() {
        let nowhere = Path::new("/nonexistent");
        let explainer = Arc::new(Explainer::new(nowhere, nowhere, "cpu"));
        let item = sample_items(Timestamp::from_secs(1_790_000_000)).remove(0);
        let busy = explainer.turn.acquire().await.unwrap();
        let left = tokio::time::timeout(Duration::from_millis(20), explainer.marks(&item)).await;
        assert!(left.is_err(), "it waits for its turn");
        drop(busy);
        tokio::task::yield_now().await;
        let key = (item.post.post_id, item.post.observed_at);
        assert!(explainer.known(&key).is_none(), "nobody waits for it any more");
        explainer.marks(&item).await.unwrap();
        assert!(explainer.known(&key).is_some());
    }
}
