//! The rule book: watch rules, lists and suppressions as people write them at the desk, version by version.
//!
//! Pure: an entry is the fold of its events through [`step`]. What may never happen (a rule that goes live by the
//! hand that wrote it, or without a backtest; a live text that is edited) is refused here and nowhere else.

mod publish;
mod text;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use streife_domain::Timestamp;

use crate::role::{Action, may};
use crate::workflow::Actor;

pub use publish::{
    FOREIGN_RULE, PublishedFile, called, folder, hide_foreign, is_foreign, publish, rendered, sources_file,
};
pub use text::{MAX_NAME_CHARS, Text, valid_name};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A watch rule.
    Rule,
    /// A list of terms, or a bank of hashes.
    List,
    /// Hits that are kept back for a while.
    Suppression,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Rule, Self::List, Self::Suppression];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::List => "list",
            Self::Suppression => "suppression",
        }
    }

    /// From the written form.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The keys under which a document of this kind may carry its name.
    pub const fn name_keys(self) -> &'static [&'static str] {
        match self {
            Self::Rule => &["id"],
            Self::List => &["list", "bank"],
            Self::Suppression => &["suppress"],
        }
    }
}

/// How far a version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Being written; workers do not know it.
    Draft,
    /// Workers record its hits and file nothing.
    Shadow,
    /// Its hits go in front of people.
    Live,
    /// Switched off for a while.
    Paused,
    /// Switched off for good, or replaced by a later version.
    Retired,
}

impl Stage {
    /// All stages in the order of a version's life.
    pub const ALL: [Self; 5] = [Self::Draft, Self::Shadow, Self::Live, Self::Paused, Self::Retired];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Live => "live",
            Self::Paused => "paused",
            Self::Retired => "retired",
        }
    }

    /// From the written form.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }
}

/// One version of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// What it is.
    pub kind: Kind,
    /// Name, unique among its kind.
    pub id: String,
    /// Counted from 1.
    pub number: i64,
    /// The text and what it says of itself.
    pub text: Text,
    /// How far it has come.
    pub stage: Stage,
    /// Everybody who wrote at this version.
    pub authors: Vec<String>,
    /// Who asked for approval; `None` when nobody waits.
    pub asked_by: Option<String>,
    /// Who switched it live.
    pub approver: Option<String>,
    /// What was said with the last step.
    pub note: String,
    /// The report of its backtest.
    pub backtest: Option<Value>,
    /// First written.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

impl Version {
    /// Did this person write at it?
    pub fn is_by(&self, user: &str) -> bool {
        self.authors.iter().any(|author| author == user)
    }
}

/// What happens to an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Write the draft; a new version when the latest is no draft any more.
    Save {
        /// The text.
        text: Text,
    },
    /// A backtest of the draft or shadow version has ended.
    Backtest {
        /// Its report.
        report: Value,
    },
    /// Record hits, file nothing.
    Shadow,
    /// Ask for approval.
    Ask,
    /// Switch live.
    Approve {
        /// What the approver says; may be empty.
        note: String,
    },
    /// Do not switch live; the author goes on.
    SendBack {
        /// Why.
        reason: String,
    },
    /// Switch off for a while.
    Pause {
        /// Why.
        reason: String,
    },
    /// Switch a paused version on again.
    Resume,
    /// Switch off for good.
    Retire {
        /// Why.
        reason: String,
    },
}

impl Change {
    /// The written form; the action in the audit ledger is the kind, a dot and this.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Save { .. } => "save",
            Self::Backtest { .. } => "backtest",
            Self::Shadow => "shadow",
            Self::Ask => "ask",
            Self::Approve { .. } => "approve",
            Self::SendBack { .. } => "send_back",
            Self::Pause { .. } => "pause",
            Self::Resume => "resume",
            Self::Retire { .. } => "retire",
        }
    }

    /// What was said with it.
    pub fn said(&self) -> &str {
        match self {
            Self::Approve { note } => note,
            Self::SendBack { reason } | Self::Pause { reason } | Self::Retire { reason } => reason,
            _ => "",
        }
    }
}

/// A change with its time and person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BookEvent {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// Which version; the latest draft for [`Change::Save`].
    pub version: i64,
    /// What.
    pub what: Change,
}

crate::listed! {
    /// Why a change is refused.
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, thiserror::Error)]
    pub enum Refusal {
        #[default]
        /// There is no such version.
        #[error("there is no such version; look again")]
        NoSuchVersion = "no_such_version",
        /// The role may not.
        #[error("this role has no right to do this")]
        NoRight = "no_right",
        /// The stage does not allow it.
        #[error("the version does not stand where this step is possible; look again")]
        WrongStage = "wrong_stage",
        /// The person wrote it.
        #[error("whoever wrote or submitted a text does not decide on it: another person does")]
        OwnWork = "own_work",
        /// Nobody asked for approval.
        #[error("nobody asked for approval")]
        NotAsked = "not_asked",
        /// A rule needs a backtest.
        #[error("there is no backtest of this version; run one first")]
        NoBacktest = "no_backtest",
        /// A reason is needed.
        #[error("say why, in at least {MIN_REASON_CHARS} characters")]
        NoReason = "no_reason",
        /// Only rules have a shadow.
        #[error("only a rule runs in the shadow")]
        NoShadow = "no_shadow",
        /// The name cannot be one.
        #[error(
            "a name has 1 to {MAX_NAME_CHARS} lower-case letters, digits, - and _, on a line of its own at the left edge"
        )]
        BadName = "bad_name",
        /// More than one document.
        #[error("one text is one rule, list or suppression: write no --- between documents")]
        SeveralDocuments = "several_documents",
    }
}

/// The shortest reason.
pub const MIN_REASON_CHARS: usize = 5;

/// Applies one event to the versions of an entry, oldest first. Pure.
///
/// # Errors
/// [`Refusal`] says what is missing; nothing has changed then.
pub fn step(kind: Kind, id: &str, versions: &[Version], event: &BookEvent) -> Result<Vec<Version>, Refusal> {
    let right = match &event.what {
        Change::Save { .. } | Change::Backtest { .. } | Change::Shadow | Change::Ask => Action::WriteRules,
        Change::Retire { .. } if is_unpublished(versions, event.version) => Action::WriteRules,
        _ => Action::ApproveRules,
    };
    if !may(event.actor.role, right) {
        return Err(Refusal::NoRight);
    }
    let mut next = versions.to_vec();
    if let Change::Save { text } = &event.what {
        save(kind, id, &mut next, text, event);
        return Ok(next);
    }
    let at = next.iter().position(|version| version.number == event.version).ok_or(Refusal::NoSuchVersion)?;
    let Some(version) = next.get_mut(at) else { return Err(Refusal::NoSuchVersion) };
    change(version, event)?;
    if matches!(version.stage, Stage::Live | Stage::Shadow) {
        let (number, now) = (version.number, version.stage);
        // One version at a time: going live ends all earlier ones, going into the shadow an earlier shadow.
        let replaced = |stage: Stage| match now {
            Stage::Live => matches!(stage, Stage::Live | Stage::Paused | Stage::Shadow),
            _ => stage == Stage::Shadow,
        };
        for older in next.iter_mut().filter(|older| older.number < number && replaced(older.stage)) {
            older.stage = Stage::Retired;
            older.asked_by = None;
            older.updated_at = event.at;
        }
    }
    Ok(next)
}

/// The versions as the fold of their events.
///
/// # Errors
/// [`Refusal`] when a stored event does not follow: the database is damaged.
pub fn replay(kind: Kind, id: &str, events: &[BookEvent]) -> Result<Vec<Version>, Refusal> {
    events.iter().try_fold(Vec::new(), |versions, event| step(kind, id, &versions, event))
}

fn is_unpublished(versions: &[Version], number: i64) -> bool {
    versions.iter().any(|v| v.number == number && matches!(v.stage, Stage::Draft | Stage::Shadow))
}

fn save(kind: Kind, id: &str, versions: &mut Vec<Version>, text: &Text, event: &BookEvent) {
    let author = event.actor.user.clone();
    if let Some(draft) = versions.last_mut().filter(|version| version.stage == Stage::Draft) {
        // Whoever changes a text that waits for approval takes it back; a backtest of other words proves nothing.
        if draft.text.source != text.source {
            draft.asked_by = None;
            draft.backtest = None;
        }
        draft.text = text.clone();
        if !draft.is_by(&author) {
            draft.authors.push(author);
        }
        draft.updated_at = event.at;
        return;
    }
    versions.push(Version {
        kind,
        id: id.to_owned(),
        number: versions.last().map_or(1, |last| last.number + 1),
        text: text.clone(),
        stage: Stage::Draft,
        authors: vec![author],
        asked_by: None,
        approver: None,
        note: String::new(),
        backtest: None,
        created_at: event.at,
        updated_at: event.at,
    });
}

fn change(version: &mut Version, event: &BookEvent) -> Result<(), Refusal> {
    let actor = event.actor.user.as_str();
    let open = matches!(version.stage, Stage::Draft | Stage::Shadow);
    let another = |version: &Version| {
        let own = version.is_by(actor) || version.asked_by.as_deref() == Some(actor);
        if own { Err(Refusal::OwnWork) } else { Ok(()) }
    };
    let at = |right: bool| if right { Ok(()) } else { Err(Refusal::WrongStage) };
    let said = |reason: &str| {
        if reason.trim().chars().count() >= MIN_REASON_CHARS { Ok(()) } else { Err(Refusal::NoReason) }
    };
    match &event.what {
        Change::Save { .. } => return Err(Refusal::WrongStage),
        Change::Backtest { report } => {
            at(open)?;
            version.backtest = Some(report.clone());
        }
        Change::Shadow => {
            at(version.stage == Stage::Draft)?;
            if version.kind != Kind::Rule {
                return Err(Refusal::NoShadow);
            }
            version.stage = Stage::Shadow;
        }
        Change::Ask => {
            at(open && version.asked_by.is_none())?;
            if version.kind == Kind::Rule && version.backtest.is_none() {
                return Err(Refusal::NoBacktest);
            }
            version.asked_by = Some(actor.to_owned());
        }
        Change::Approve { .. } => {
            at(open)?;
            version.asked_by.as_ref().ok_or(Refusal::NotAsked)?;
            another(version)?;
            version.stage = Stage::Live;
            version.asked_by = None;
            version.approver = Some(actor.to_owned());
        }
        Change::SendBack { reason } => {
            at(open)?;
            version.asked_by.as_ref().ok_or(Refusal::NotAsked)?;
            another(version)?;
            said(reason)?;
            version.asked_by = None;
        }
        Change::Pause { reason } => {
            at(version.stage == Stage::Live)?;
            another(version)?;
            said(reason)?;
            version.stage = Stage::Paused;
        }
        Change::Resume => {
            at(version.stage == Stage::Paused)?;
            another(version)?;
            version.stage = Stage::Live;
            version.approver = Some(actor.to_owned());
        }
        Change::Retire { reason } => {
            at(version.stage != Stage::Retired)?;
            if !open {
                another(version)?;
            }
            said(reason)?;
            version.stage = Stage::Retired;
            version.asked_by = None;
        }
    }
    event.what.said().clone_into(&mut version.note);
    version.updated_at = event.at;
    Ok(())
}
