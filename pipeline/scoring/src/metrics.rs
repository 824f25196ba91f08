//! What scoring counts, in the process's default Prometheus registry. Labels are bounded: languages with scores (others are
//! `other`), heads, model names of the folder.

use std::sync::LazyLock;

use prometheus::core::{Collector, Desc};
use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, register_histogram, register_int_counter,
    register_int_counter_vec, register_int_gauge, register_int_gauge_vec,
};
use streife_domain::{Head, Heads};

use crate::manifest::Manifest;

/// Stands for every language without scores.
pub(crate) const OTHER_LANGUAGE: &str = "other";
/// Upper bounds of one run of the encoder, seconds: from a short post on a fast core to the longest on a slow one.
const RUN_BOUNDS: [f64; 9] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

macro_rules! metric {
    ($(#[$about:meta])* $name:ident: $kind:ty = $register:expr) => {
        $(#[$about])*
        pub(crate) static $name: LazyLock<$kind> =
            LazyLock::new(|| $register.expect("metric names are constant, unique and valid"));
    };
}

metric!(
    /// Texts the gate saw: `pass`, `hold`, or `silent` where no head is usable.
    GATE_TEXTS: IntCounterVec = register_int_counter_vec!(
        "streife_scoring_gate_texts_total",
        "Texts the gate saw, by language and outcome",
        &["language", "outcome"]
    )
);
metric!(
    /// Texts given to an encoder: `scored`, `empty` (nothing to score), `failed`.
    ENCODER_TEXTS: IntCounterVec = register_int_counter_vec!(
        "streife_scoring_encoder_texts_total",
        "Texts given to an encoder, by model and outcome",
        &["model", "outcome"]
    )
);
metric!(
    /// Tokens run, without padding.
    ENCODER_TOKENS: IntCounter =
        register_int_counter!("streife_scoring_encoder_tokens_total", "Tokens the encoders ran, without padding")
);
metric!(
    /// Padding run: what texts that shared a run were filled up with.
    ENCODER_PADDING: IntCounter = register_int_counter!(
        "streife_scoring_encoder_padding_tokens_total",
        "Padding the encoders ran where texts of different lengths shared a run"
    )
);
metric!(
    /// Seconds of one run.
    ENCODER_SECONDS: Histogram = register_histogram!(
        "streife_scoring_encoder_seconds",
        "Time of one run of an encoder, without the wait before it",
        RUN_BOUNDS.to_vec()
    )
);
metric!(
    /// Texts waiting for a session.
    ENCODER_WAITING: IntGauge =
        register_int_gauge!("streife_scoring_encoder_waiting_texts", "Texts that wait for a session of an encoder")
);
metric!(
    /// Labels of shadow models beside the active model's.
    SHADOW_LABELS: IntCounterVec = register_int_counter_vec!(
        "streife_scoring_shadow_labels_total",
        "Heads over their threshold in the active model, a shadow model, or both, by shadow model",
        &["model", "head", "who"]
    )
);
metric!(
    /// Models in use.
    MODEL: IntGaugeVec = register_int_gauge_vec!(
        "streife_scoring_model",
        "1 for each model in use",
        &["kind", "role", "version"]
    )
);
metric!(
    /// Exchanges of the models in use.
    EXCHANGES: IntCounter =
        register_int_counter!("streife_scoring_exchanges_total", "Exchanges of the models in use for newer ones")
);

/// Counts a text by the gate's decision; nothing passes in a language without scores.
pub(crate) fn gate(language: Option<&str>, passes: bool) {
    let outcome = match (language, passes) {
        (None, _) => "silent",
        (_, true) => "pass",
        (_, false) => "hold",
    };
    GATE_TEXTS.with_label_values(&[language.unwrap_or(OTHER_LANGUAGE), outcome]).inc();
}

/// Counts the heads that the active model, the shadow, or both labelled.
pub(crate) fn shadow(manifest: &Manifest, active: &[Head], shadow: &[Head]) {
    for head in Head::ALL {
        let who = match (active.contains(&head), shadow.contains(&head)) {
            (true, true) => "both",
            (true, false) => "active",
            (false, true) => "shadow",
            (false, false) => continue,
        };
        SHADOW_LABELS.with_label_values(&[&manifest.header.name, head.as_str(), who]).inc();
    }
}

/// Counts a text by what an encoder gave for it.
pub(crate) fn encoded<E>(manifest: &Manifest, result: &Result<Heads<f32>, E>) {
    let outcome = match result {
        Ok(heads) if heads.is_empty() => "empty",
        Ok(_) => "scored",
        Err(_) => "failed",
    };
    ENCODER_TEXTS.with_label_values(&[&manifest.header.name, outcome]).inc();
}

/// Tokens that the encoders of this process ran, and padding among what they ran.
pub fn encoder_tokens() -> (u64, u64) {
    (ENCODER_TOKENS.get(), ENCODER_PADDING.get())
}

/// Names and labels of all metrics of this crate; registers those that nothing has touched yet.
pub fn descriptions() -> Vec<Desc> {
    let collectors: [&dyn Collector; 9] = [
        &*GATE_TEXTS,
        &*ENCODER_TEXTS,
        &*ENCODER_TOKENS,
        &*ENCODER_PADDING,
        &*ENCODER_SECONDS,
        &*ENCODER_WAITING,
        &*SHADOW_LABELS,
        &*MODEL,
        &*EXCHANGES,
    ];
    collectors.iter().flat_map(|collector| collector.desc()).cloned().collect()
}
