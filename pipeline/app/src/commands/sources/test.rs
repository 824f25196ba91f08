//! `streife sources test`: one fetch of a source from its beginning, with the parsed result.
//!
//! It asks exactly as `collect` would, through the same client, and writes nothing: no log is opened, no cursor saved. The last
//! line of `--json` is a summary, whatever became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use streife_domain::Timestamp;
use streife_sdk::{FetchError, Fetched, Pace, SourceConfig};

use super::parse;
use crate::cli::RoleArgs;
use crate::failure::{CommandResult, Exit, Failure, Outcome};
use crate::roles::{Role, collect, run_task};
use crate::say::{self, tr};
use crate::{kinds, open};

/// A first visit may walk some pages of a slow server, and a stream may be silent; nobody watches longer.
const MAX_TEST_TIME: Duration = Duration::from_secs(300);

/// The last line of `--json`.
#[derive(Serialize)]
struct Summary<'a> {
    source: &'a str,
    kind: &'a str,
    ok: bool,
    events: usize,
    problems: usize,
    /// Sound records that are no posts, by reason.
    ignored: &'a BTreeMap<&'static str, u64>,
    /// The time of the newest thing seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<Timestamp>,
    /// There are more targets or pages than one fetch reads.
    more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'a str>,
}

/// What went wrong, in the words of the health board.
#[derive(Serialize)]
struct Told {
    class: &'static str,
    message: String,
}

pub(super) fn run(args: &RoleArgs, name: &str, json: bool) -> CommandResult {
    let name = name.to_owned();
    run_task(args.config.config.as_deref(), args.data.as_deref(), |role| async move {
        let source = find(&role, &name)?;
        match fetch(&role, source).await {
            Ok(fetched) => show(source, &fetched, json),
            Err(Unfetched { class, advice, failure }) => {
                if json {
                    say::json(&Summary {
                        source: &source.name,
                        kind: &source.kind,
                        ok: false,
                        events: 0,
                        problems: 0,
                        ignored: &BTreeMap::new(),
                        newest: None,
                        more: false,
                        error: Some(Told { class, message: format!("{:#}", failure.error) }),
                        advice,
                    })?;
                }
                let advice = advice.map(|advice| format!("\n  {advice}")).unwrap_or_default();
                Err(Failure::new(failure.exit, format!("{:#}{advice}", failure.error)))
            }
        }
    })
}

/// The source of that name, switched on or off.
fn find<'a>(role: &'a Role, name: &str) -> Result<&'a SourceConfig, Failure> {
    role.config.source.iter().find(|source| source.name == name).ok_or_else(|| {
        let known: Vec<&str> = role.config.source.iter().map(|source| source.name.as_str()).collect();
        Failure::usage(if known.is_empty() {
            tr(
                "keine Quelle ist konfiguriert; --config nennt die Datei, `streife sources add` legt eine an",
                "no source is configured; --config names the file, `streife sources add` makes one",
            )
            .to_owned()
        } else {
            format!(
                "{} {name:?}; {}: {}",
                tr("es gibt keine Quelle", "there is no source"),
                tr("vorhanden sind", "there are"),
                known.join(", ")
            )
        })
    })
}

/// A fetch that did not happen, or failed.
struct Unfetched {
    class: &'static str,
    advice: Option<&'static str>,
    failure: Failure,
}

impl Unfetched {
    const fn configuration(failure: Failure) -> Self {
        Self { class: "configuration", advice: None, failure }
    }

    fn of(source: &str, error: &FetchError) -> Self {
        let failure = Failure::new(exit_of(error), format!("{source}: {error}"));
        Self { class: error.class().as_str(), advice: Some(advice_on(error)), failure }
    }
}

async fn fetch(role: &Role, source: &SourceConfig) -> Result<Fetched, Unfetched> {
    let problems = collect::problems(std::slice::from_ref(source));
    if !problems.is_empty() {
        return Err(Unfetched::configuration(Failure::configuration(problems.join("\n"))));
    }
    let Some(kind) = kinds::find(&source.kind) else {
        // `problems` has told it; this line is for the compiler.
        return Err(Unfetched::configuration(Failure::configuration(source.kind.clone())));
    };
    let deps = collect::deps(&role.config, open::clock()).map_err(Unfetched::configuration)?;
    let mut connector = (kind.connect)(source, &deps)
        .map_err(|e| Unfetched::configuration(Failure::configuration(e.to_string())))?;
    let ended = tokio::select! {
        () = role.stop.cancelled() => Err(FetchError::Transient(
            tr("beendet, bevor die Quelle geantwortet hat", "ended before the source had answered").to_owned(),
        )),
        ended = tokio::time::timeout(MAX_TEST_TIME, connector.fetch(None)) => {
            ended.unwrap_or_else(|_| Err(FetchError::Transient(silence())))
        }
    };
    ended.map_err(|error| Unfetched::of(&source.name, &error))
}

fn silence() -> String {
    let told = tr("keine Antwort binnen", "no answer within");
    format!("{told} {} s", MAX_TEST_TIME.as_secs())
}

/// Who has to act: a fault that may pass is the server's, a refusal is for whoever configures, and what cannot be read is a finding.
const fn exit_of(error: &FetchError) -> Exit {
    match error {
        FetchError::Transient(_) | FetchError::RateLimited { .. } => Exit::Upstream,
        FetchError::Refused(_) | FetchError::Gone(_) | FetchError::NotLicensed(_) => Exit::Configuration,
        FetchError::BadUpstream(_) => Exit::Finding,
    }
}

fn advice_on(error: &FetchError) -> &'static str {
    match error {
        FetchError::Transient(_) => tr(
            "Adresse, Namensaufloesung und Weg ins Netz pruefen (`streife doctor`), spaeter noch einmal",
            "check address, name service and way out (`streife doctor`), and try again later",
        ),
        FetchError::RateLimited { .. } => tr(
            "so lange warten; ein groesseres interval_secs fragt seltener",
            "wait; a larger interval_secs asks less often",
        ),
        FetchError::Refused(_) => tr(
            "nicht umgehen: Betreiber fragen, oder [source.settings] token und Adresse pruefen",
            "do not work around it: ask the operator, or check token and address in [source.settings]",
        ),
        FetchError::Gone(_) => tr(
            "Adresse, Kanal, Gruppe oder Raum in [source.settings] pruefen",
            "check address, channel, group or room in [source.settings]",
        ),
        FetchError::NotLicensed(_) => {
            tr("[source.legal_gate] nennt die Vereinbarung", "name the agreement in [source.legal_gate]")
        }
        FetchError::BadUpstream(_) => tr(
            "der Server antwortet, aber nicht so, wie diese Art spricht: kind und Adresse pruefen",
            "the server answers, but not as this kind speaks: check kind and address",
        ),
    }
}

fn show(source: &SourceConfig, fetched: &Fetched, json: bool) -> CommandResult {
    let parsed = &fetched.parsed;
    parse::print_parsed(parsed, &source.name)?;
    let (ok, more) = (parsed.problems.is_empty(), fetched.pace == Pace::Now);
    let is_empty = parsed.events.is_empty() && ok;
    let advice = is_empty.then(|| {
        tr(
            "nichts zu lesen: die Quelle ist leer, oder sie zeigt Fremden nichts",
            "nothing to read: the source is empty, or shows nothing to strangers",
        )
    });
    if json {
        say::json(&Summary {
            source: &source.name,
            kind: &source.kind,
            ok,
            events: parsed.events.len(),
            problems: parsed.problems.len(),
            ignored: &parsed.ignored,
            newest: fetched.newest,
            more,
            error: None,
            advice,
        })?;
        return Ok(Outcome::fine_if(ok));
    }
    let ignored: u64 = parsed.ignored.values().sum();
    let mut summary = format!(
        "{}: {} {}, {} {}, {ignored} {}",
        source.name,
        parsed.events.len(),
        tr("Ereignisse", "events"),
        parsed.problems.len(),
        tr("Probleme", "problems"),
        tr("uebergangen", "passed over"),
    );
    for (reason, count) in &parsed.ignored {
        summary.push_str(&format!("\n  {reason}: {count}"));
    }
    if more {
        let told = tr("es gibt mehr, als ein Abruf liest", "there is more than one fetch reads");
        summary.push_str(&format!("\n  {told}"));
    }
    summary.extend(advice.map(|advice| format!("\n  {advice}")));
    say::note(&summary);
    Ok(Outcome::fine_if(ok))
}
