use std::collections::BTreeSet;

use super::*;

/// Small words of one language that the other does not have.
const ENGLISH: &[&str] = &[
    "the", "is", "are", "not", "of", "and", "to", "it", "you", "your", "this", "there", "has", "have",
    "please", "cannot", "nobody", "already", "with", "needs", "at", "be", "no", "only", "page", "unknown",
    "refused", "missing", "due", "or", "reload", "held", "case", "post", "step", "right", "found",
];
const GERMAN: &[&str] = &[
    "der", "die", "das", "ist", "nicht", "und", "zu", "ein", "eine", "einen", "bitte", "es", "noch", "schon",
    "mit", "beim", "für", "gibt", "hat", "den", "dem", "oder", "sich", "nur", "kein", "wird", "werden",
];

/// Everything that can be wrong, each with every reason it can have. A new kind of fault does not compile until it is
/// told here what reasons it has.
fn everything() -> Vec<Wrong> {
    fn reasons(wrong: Wrong) -> Vec<Wrong> {
        match wrong {
            Wrong::HeldBy(_) => vec![Wrong::HeldBy("b-17".to_owned())],
            Wrong::Move(_) => Why::each().into_iter().flat_map(refusals).collect(),
            Wrong::Book(_) => Refusal::each().into_iter().map(Wrong::Book).collect(),
            Wrong::NotLive(_) => NotLive::each().into_iter().map(Wrong::NotLive).collect(),
            Wrong::Glass(_) => GlassRefusal::each().into_iter().map(Wrong::Glass).collect(),
            Wrong::Unfit(_) => Unfit::each().into_iter().map(Wrong::Unfit).collect(),
            Wrong::Evidence(_) => Trouble::each().into_iter().map(Wrong::Evidence).collect(),
            plain @ (Wrong::NotFound
            | Wrong::Forbidden
            | Wrong::Expired
            | Wrong::LoggedOut
            | Wrong::TooLarge
            | Wrong::Method
            | Wrong::Unreadable
            | Wrong::NotOffered
            | Wrong::Throttled
            | Wrong::Database
            | Wrong::Posts
            | Wrong::Page
            | Wrong::TranslationUnfit
            | Wrong::TranslationUnreached
            | Wrong::ProviderAway
            | Wrong::ProviderRefused
            | Wrong::ProviderRoles
            | Wrong::BadPost
            | Wrong::BadBudget
            | Wrong::BadView
            | Wrong::BadLabel
            | Wrong::NothingChosen
            | Wrong::KeyClash
            | Wrong::OwnAccount
            | Wrong::NameStays
            | Wrong::NameTaken
            | Wrong::RuleErrors
            | Wrong::NoSealer) => vec![plain],
        }
    }
    Wrong::each().into_iter().flat_map(reasons).collect()
}

/// One reason at every state a case can have, so that names of states are walked too.
fn refusals(why: Why) -> Vec<Wrong> {
    let why = match why {
        Why::StandsElsewhere(_) => Why::StandsElsewhere(CaseState::ALL.to_vec()),
        Why::HeldBy(_) => Why::HeldBy("b-17".to_owned()),
        Why::UndoIsOf(_) => Why::UndoIsOf("b-17".to_owned()),
        Why::UnknownNorm(_) => Why::UnknownNorm("StGB-0".to_owned()),
        Why::FormIncomplete(_) => Why::FormIncomplete("the evidence is not sealed".to_owned()),
        why => why,
    };
    let refused = |state| Wrong::Move(NotNow(Refused { what: "open_form", state, why: why.clone() }));
    CaseState::ALL.into_iter().map(refused).collect()
}

/// What a person reads: the page without its tags.
fn read(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in page.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[test]
fn every_fault_is_told_in_the_persons_language_alone() {
    let all = everything();
    assert!(all.len() > 900, "the walk found only {} faults", all.len());
    for wrong in all {
        let fault = Fault { wrong, glass: Some("post".to_owned()) };
        for (lang, foreign) in [(Lang::De, ENGLISH), (Lang::En, GERMAN)] {
            let page = fault.page(lang);
            let (text, wrong) = (read(&page), &fault.wrong);
            let strange: Vec<&str> = foreign.iter().copied().filter(|w| words(&text).contains(*w)).collect();
            assert!(strange.is_empty(), "{strange:?} in {text:?} ({wrong:?})");
            let key = |word: &str| word.contains('_') && word.contains(char::is_alphabetic);
            let left = text.contains(['{', '}']) || text.split_whitespace().any(key);
            assert!(!left, "unfilled or untranslated: {text:?} ({wrong:?})");
            assert!(page.contains(&format!("<html lang=\"{}\"", T(lang).code())));
        }
        assert_ne!(fault.wrong.text(T(Lang::De)), fault.wrong.text(T(Lang::En)), "{:?}", fault.wrong);
    }
}

#[test]
fn every_move_has_a_name_in_both_languages() {
    let source = include_str!("../../cases/src/workflow/moves.rs");
    let names: Vec<&str> = source
        .lines()
        .filter(|line| line.trim_start().starts_with("Self::") && line.contains(" => \""))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert!(names.len() > 35, "the search found only {} moves", names.len());
    for name in names {
        assert_ne!(T(Lang::De).of("move", name), name, "move.{name} is missing");
    }
}

#[test]
fn what_the_server_itself_refuses_is_told_like_everything_else() {
    for (status, words) in [
        (StatusCode::METHOD_NOT_ALLOWED, "This address"),
        (StatusCode::PAYLOAD_TOO_LARGE, "too large"),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "cannot be read"),
        (StatusCode::UNPROCESSABLE_ENTITY, "cannot be read"),
    ] {
        let response = told((status, "Failed to deserialize form body").into_response(), Lang::En);
        assert_eq!(response.status(), status);
        let body = futures::executor::block_on(axum::body::to_bytes(response.into_body(), 10_000)).unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(words) && !body.contains("deserialize"), "{body}");
    }
}
