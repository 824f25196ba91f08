//! Reads `tokenizer.json` and refuses what this tokeniser does not do, so that ids never differ silently.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::{BLANK, CharsMap, Tokenizer, Trie, UNKNOWN_PENALTY};

#[derive(Deserialize)]
struct File {
    added_tokens: Vec<AddedToken>,
    normalizer: Normalizer,
    pre_tokenizer: Metaspace,
    post_processor: Template,
    model: Model,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Normalizer {
    Sequence { normalizers: Vec<Normalizer> },
    Precompiled { precompiled_charsmap: String },
    Replace { pattern: Pattern, content: String },
}

#[derive(Deserialize, PartialEq)]
enum Pattern {
    Regex(String),
    String(String),
}

#[derive(Deserialize)]
struct Metaspace {
    #[serde(rename = "type")]
    kind: String,
    replacement: char,
    add_prefix_space: Option<bool>,
    prepend_scheme: Option<String>,
    split: Option<bool>,
}

#[derive(Deserialize)]
struct Template {
    single: Vec<TemplatePart>,
    special_tokens: HashMap<String, SpecialToken>,
}

#[derive(Deserialize)]
enum TemplatePart {
    SpecialToken { id: String },
    Sequence {},
}

#[derive(Deserialize)]
struct SpecialToken {
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: String,
    unk_id: Option<u32>,
    #[serde(default)]
    byte_fallback: bool,
    vocab: Vec<(String, f64)>,
}

/// Reads the file.
pub(super) fn read(json: &[u8], max_tokens: usize) -> Result<Tokenizer, String> {
    let file: File =
        serde_json::from_slice(json).map_err(|error| format!("not a supported tokenizer.json: {error}"))?;
    let (start_id, end_id) = template(&file.post_processor)?;
    metaspace(&file.pre_tokenizer)?;
    let charsmap = normaliser(file.normalizer)?;
    let model = file.model;
    if model.kind != "Unigram" || model.byte_fallback {
        return Err("only unigram models without byte fallback are supported".to_owned());
    }
    let unknown_id = model.unk_id.filter(|id| (*id as usize) < model.vocab.len());
    let unknown_id = unknown_id.ok_or("the model names no unknown token (unk_id)")?;
    let scores: Vec<f64> = model.vocab.iter().map(|(_, score)| *score).collect();
    if scores.iter().any(|score| !score.is_finite()) {
        return Err("a piece has a score that is no number".to_owned());
    }
    let worst = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let keys = model.vocab.into_iter().zip(0_u32..).map(|((piece, _), id)| (inner(&piece), id)).collect();
    let trie = Trie::new(keys).ok_or("a piece of the vocabulary is empty or comes twice")?;
    Ok(Tokenizer {
        charsmap,
        trie,
        scores,
        unknown_id,
        unknown_score: worst - UNKNOWN_PENALTY,
        start_id,
        end_id,
        special: special(file.added_tokens)?,
        max_tokens: max_tokens.max(2),
    })
}

/// The form of a piece inside this module.
fn inner(piece: &str) -> Vec<u8> {
    piece.replace(BLANK, " ").into_bytes()
}

fn special(tokens: Vec<AddedToken>) -> Result<Vec<(String, u32)>, String> {
    let mut special = Vec::new();
    for token in tokens {
        let plain = !(token.single_word || token.lstrip || token.rstrip || token.normalized);
        if !plain || !token.content.starts_with('<') {
            return Err(format!("the added token {:?} has options that are not supported", token.content));
        }
        special.push((token.content, token.id));
    }
    special.sort_by_key(|(content, _)| std::cmp::Reverse(content.len()));
    Ok(special)
}

fn template(template: &Template) -> Result<(u32, u32), String> {
    let id = |name: &str| match template.special_tokens.get(name).map(|token| token.ids.as_slice()) {
        Some(&[id]) => Ok(id),
        _ => Err(format!("the template names the token {name:?} without one id")),
    };
    match template.single.as_slice() {
        [
            TemplatePart::SpecialToken { id: start },
            TemplatePart::Sequence {},
            TemplatePart::SpecialToken { id: end },
        ] => Ok((id(start)?, id(end)?)),
        _ => Err("only templates of the form \"start text end\" are supported".to_owned()),
    }
}

fn metaspace(metaspace: &Metaspace) -> Result<(), String> {
    let prepends = match metaspace.prepend_scheme.as_deref() {
        None => metaspace.add_prefix_space != Some(false),
        Some(scheme) => scheme == "always",
    };
    if metaspace.kind == "Metaspace"
        && metaspace.replacement == BLANK
        && prepends
        && metaspace.split != Some(false)
    {
        Ok(())
    } else {
        Err("only the pre-tokeniser Metaspace that always prepends and splits is supported".to_owned())
    }
}

fn normaliser(normaliser: Normalizer) -> Result<CharsMap, String> {
    let unsupported = || "only the normaliser \"Precompiled, then ' {2,}' to ' '\" is supported".to_owned();
    let Normalizer::Sequence { normalizers } = normaliser else { return Err(unsupported()) };
    match normalizers.as_slice() {
        [Normalizer::Precompiled { precompiled_charsmap }, Normalizer::Replace { pattern, content }]
            if *pattern == Pattern::Regex(" {2,}".to_owned()) && content == " " =>
        {
            let bytes =
                BASE64.decode(precompiled_charsmap).map_err(|error| format!("character map: {error}"))?;
            CharsMap::parse(&bytes)
        }
        _ => Err(unsupported()),
    }
}
