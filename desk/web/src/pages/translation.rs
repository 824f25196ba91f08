//! A post beside its machine translation. A page of its own, sent for by a button and never by itself; a browser with script
//! folds it into the item.

use askama::Template;
use axum::extract::Path;
use axum::response::Html;
use streife_assist::Translation;
use streife_domain::PostId;

use super::html;
use crate::audited::Audited;
use crate::fault::Fault;
use crate::guard::Viewer;

#[derive(Template)]
#[template(path = "translation.html")]
struct TranslationPage {
    v: Viewer,
    nav: &'static str,
    id: String,
    veiled: bool,
    language: String,
    original: String,
    translation: Translation,
}

pub(crate) async fn show(audited: Audited, Path(id): Path<String>) -> Result<Html<String>, Fault> {
    let post: PostId = id.parse().map_err(|_| Fault::not_found())?;
    let item = audited.item(post).await?.ok_or_else(Fault::not_found)?;
    let translation = audited.translation(&item, audited.viewer.t.code()).await?;
    let v = audited.viewer.clone();
    html(&TranslationPage {
        nav: "queue",
        id: item.post.post_id.to_string(),
        veiled: v.prefs.veils(&item.verdict.labels),
        language: item.verdict.language.code,
        original: item.post.text,
        translation,
        v,
    })
}
