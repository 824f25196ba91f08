//! Language, rules, gate and encoder over one text: the same code for the stream, `streife scan` and backtests.

use std::sync::Arc;

use streife_domain::{Heads, Hit, Language, ModelVersions, PostKind, Priority, Verdict};
use streife_rules::{Evaluation, PostView, RuleSet, Scratch};
use streife_scoring::{GateScore, Models, ScoringError};
use streife_text::duplicate::{Signature, signature};
use streife_text::language::Identifier;
use streife_text::{FoldLevel, fold, joined, words};

use crate::PictureFacts;
use crate::decide;
use crate::fields::{Fields, fields};

/// Which texts the encoder sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encode {
    /// Those that pass the gate or that a rule hits.
    #[default]
    Gated,
    /// Every text.
    All,
    /// No text: the cheap models alone.
    None,
}

/// A text with what rules may ask about it.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    /// The text as published.
    pub text: &'a str,
    /// Hashtags the source stated.
    pub tags: &'a [String],
    /// Links the source stated.
    pub links: &'a [String],
    /// The platform.
    pub platform: &'a str,
    /// The configured source.
    pub source: &'a str,
    /// What kind of post.
    pub kind: PostKind,
    /// What was found in its pictures.
    pub pictures: &'a PictureFacts,
}

impl<'a> Passage<'a> {
    /// What models read: the text, then that of the pictures.
    pub(crate) fn read(&self) -> &'a str {
        self.pictures.read_with(self.text)
    }
}

/// What is known of a text before the encoder.
pub(crate) struct Draft {
    language: Language,
    gate: Option<GateScore>,
    fields: Fields,
    evaluation: Evaluation,
    signature: Signature,
    words: String,
    /// Is the encoder asked?
    pub(crate) wants_encoder: bool,
}

impl Draft {
    pub(crate) const fn language(&self) -> &Language {
        &self.language
    }
}

/// A verdict, and the hits of rules in shadow, which are recorded without filing.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The verdict.
    pub verdict: Verdict,
    /// Hits of rules in shadow.
    pub shadow: Vec<Hit>,
    /// Hits that count once their window says so.
    pub windowed: Vec<Hit>,
    /// The encoder was asked and failed; the verdict holds what is known without it.
    pub encoder_failed: bool,
    /// What near-copies of the text are found by.
    pub signature: Signature,
    /// The words of the text, folded to level `std`, one space between two.
    pub words: String,
}

/// Everything that scores a text, in fixed versions. Immutable: a new rule set or model makes a new one.
pub struct Analyser {
    identifier: Arc<Identifier>,
    models: Arc<Models>,
    rules: Arc<RuleSet>,
    encode: Encode,
    versions: ModelVersions,
}

impl Analyser {
    /// From its parts.
    pub fn new(
        identifier: Arc<Identifier>,
        models: Arc<Models>,
        rules: Arc<RuleSet>,
        encode: Encode,
    ) -> Self {
        let (gate, encoder) = models.versions();
        let versions = ModelVersions {
            lid: identifier.version(),
            gate,
            encoder: if encode == Encode::None { "none".to_owned() } else { encoder },
            rules: rules.version().to_owned(),
        };
        Self { identifier, models, rules, encode, versions }
    }

    /// The same with another rule set.
    #[must_use]
    pub fn with_rules(&self, rules: Arc<RuleSet>) -> Self {
        Self::new(Arc::clone(&self.identifier), Arc::clone(&self.models), rules, self.encode)
    }

    /// The same with other models.
    #[must_use]
    pub fn with_models(&self, models: Arc<Models>) -> Self {
        Self::new(Arc::clone(&self.identifier), models, Arc::clone(&self.rules), self.encode)
    }

    /// What computes the verdicts.
    pub const fn versions(&self) -> &ModelVersions {
        &self.versions
    }

    /// The rules in force.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// What tells languages.
    pub fn identifier(&self) -> &Identifier {
        &self.identifier
    }

    /// The models in force.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// Everything but the encoder, stage by stage over all passages: each stage's tables stay in the near caches, where
    /// post by post they would drive each other out.
    pub(crate) fn drafts(&self, passages: &[&Passage<'_>], scratch: &mut Scratch) -> Vec<Draft> {
        let languages: Vec<Language> =
            passages.iter().map(|passage| self.identifier.identify(passage.read())).collect();
        let gates: Vec<Option<GateScore>> = passages
            .iter()
            .zip(&languages)
            .map(|(passage, language)| self.models.gate(passage.read(), language))
            .collect();
        let known = languages.into_iter().zip(gates);
        passages.iter().zip(known).map(|(passage, known)| self.draft(passage, known, scratch)).collect()
    }

    fn draft(
        &self,
        passage: &Passage<'_>,
        (language, gate): (Language, Option<GateScore>),
        scratch: &mut Scratch,
    ) -> Draft {
        let fields = fields(passage.text, passage.tags, passage.links);
        let evaluation = self.rules.evaluate(&view(passage, &fields, &language, None, &[]), scratch);
        // What the rules folded need not be folded again.
        let (signature, words) = if let Some((folded, words)) = scratch.folded_std(passage.read()) {
            (signature(folded), joined(folded, words))
        } else {
            let (folded, mut cut) = (fold(passage.read(), FoldLevel::Std).text, Vec::new());
            words(&folded, &mut cut);
            (signature(&folded), joined(&folded, &cut))
        };
        let wants_encoder = match self.encode {
            Encode::None => false,
            Encode::All => true,
            Encode::Gated => {
                gate.as_ref().is_none_or(|gate| gate.passes)
                    || evaluation.pending
                    || !evaluation.hits.is_empty()
            }
        };
        Draft {
            language,
            gate,
            fields,
            evaluation,
            signature,
            words,
            wants_encoder: wants_encoder && self.versions.encoder != "none",
        }
    }

    /// Asks the encoder about several drafts; the result of each is independent of the others.
    pub(crate) fn encode(&self, texts: &[(&str, &Language)]) -> Vec<Result<Heads<f32>, ScoringError>> {
        self.models.encode_many(texts)
    }

    /// Joins draft and encoder result into the verdict.
    pub(crate) fn finish(
        &self,
        passage: &Passage<'_>,
        draft: Draft,
        encoded: Option<Result<Heads<f32>, ScoringError>>,
        scratch: &mut Scratch,
    ) -> Analysis {
        let encoder_failed = matches!(encoded, Some(Err(_)));
        let encoder_scores = encoded.and_then(Result::ok);
        let scores =
            encoder_scores.or_else(|| draft.gate.as_ref().map(|gate| gate.heads)).unwrap_or_default();
        // Below the gate the cheap scores are for information; labels would undo what the gate decided.
        let labels = match (encoder_scores.is_some(), self.encode) {
            (true, _) => self.models.labels(&scores, &draft.language),
            (false, Encode::None) => self.models.gate_labels(&scores, &draft.language),
            (false, _) => Vec::new(),
        };
        let evaluation = if draft.evaluation.pending {
            let view = view(passage, &draft.fields, &draft.language, Some(&scores), &labels);
            self.rules.evaluate(&view, scratch)
        } else {
            draft.evaluation
        };
        let severities = evaluation.hits.iter().map(|hit| severity(&self.rules, &hit.rule));
        let severities = severities.chain(passage.pictures.priorities());
        let priority: Priority = decide(&scores, &labels, severities);
        let mut hits = evaluation.hits;
        hits.extend(passage.pictures.hits());
        hits.sort_by(|a, b| a.rule.cmp(&b.rule));
        let verdict = Verdict {
            language: draft.language,
            gate: draft.gate.map(|gate| gate.score),
            encoded: encoder_scores.is_some(),
            scores,
            labels,
            hits,
            priority,
            models: self.versions.clone(),
        };
        Analysis {
            verdict,
            shadow: evaluation.shadow,
            windowed: evaluation.windowed,
            encoder_failed,
            signature: draft.signature,
            words: draft.words,
        }
    }

    /// The verdict with hits more, and the priority that follows.
    pub(crate) fn with_hits(&self, mut verdict: Verdict, more: Vec<Hit>) -> Verdict {
        verdict.hits.extend(more);
        verdict.hits.sort_by(|a, b| a.rule.cmp(&b.rule));
        let severities = verdict.hits.iter().map(|hit| severity(&self.rules, &hit.rule));
        // What a hash bank said of its urgency stays: its name is no rule's.
        verdict.priority = verdict.priority.max(decide(&verdict.scores, &verdict.labels, severities));
        verdict
    }

    /// The verdict on one text, all stages in turn.
    pub fn analyse(&self, passage: &Passage<'_>, scratch: &mut Scratch) -> Analysis {
        let language = self.identifier.identify(passage.read());
        let gate = self.models.gate(passage.read(), &language);
        let draft = self.draft(passage, (language, gate), scratch);
        let encoded = draft.wants_encoder.then(|| self.models.encode(passage.read(), draft.language()));
        self.finish(passage, draft, encoded, scratch)
    }
}

/// The severity of a rule by id.
fn severity(rules: &RuleSet, id: &str) -> Priority {
    rules.position(id).map_or(Priority::Low, |at| rules.rules()[at].severity)
}

fn view<'a>(
    passage: &'a Passage<'a>,
    fields: &'a Fields,
    language: &'a Language,
    scores: Option<&'a Heads<f32>>,
    labels: &'a [streife_domain::Head],
) -> PostView<'a> {
    PostView {
        text: passage.text,
        ocr: passage.pictures.text(),
        hashes: passage.pictures.hashes(),
        tags: &fields.tags,
        urls: &fields.urls,
        mentions: &fields.mentions,
        language: &language.code,
        platform: passage.platform,
        source: passage.source,
        kind: passage.kind.as_str(),
        scores,
        labels,
        ..PostView::default()
    }
}
