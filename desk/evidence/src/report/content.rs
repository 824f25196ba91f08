//! What the report says, in the order in which a prosecutor reads it. Facts and assessments never share a section.

use streife_domain::{Reach, Timestamp};

use super::blocks::{Block, Nature, Picture, Style};
use super::names::{actor, deed, head_name};
use super::when::day;
pub(super) use super::when::moment;
use crate::custody;
use crate::input::{CapturedItem, Handover, ItemRole, ModelScore, Party, PersonRole, ReferralInput};
use crate::merkle::sha256_hex;
use crate::record::Evidence;
use crate::seal::StampState;

use Nature::{Assessment, Fact};

/// The whole report.
pub(super) fn blocks(input: &ReferralInput, created_at: Timestamp, annex: &[Evidence]) -> Vec<Block> {
    let mut out = Vec::new();
    head(&mut out, input, created_at);
    act(&mut out, input);
    posts(&mut out, input);
    context(&mut out, input);
    assessment(&mut out, input);
    found(&mut out, input);
    captures(&mut out, input);
    custody(&mut out, input);
    people(&mut out, input);
    manifest(&mut out, annex);
    out
}

fn heading(out: &mut Vec<Block>, text: &str) {
    out.push(Block::text(Style::Heading, text));
}

fn subheading(out: &mut Vec<Block>, text: impl Into<String>) {
    out.push(Block::text(Style::Subheading, text));
}

fn field(out: &mut Vec<Block>, nature: Nature, label: &str, value: impl Into<String>) {
    out.push(Block::Field { label: label.to_owned(), value: value.into(), nature });
}

fn text(out: &mut Vec<Block>, nature: Nature, style: Style, text: impl Into<String>) {
    out.push(Block::Text { style, text: text.into(), nature });
}

fn known(text: &str) -> &str {
    if text.trim().is_empty() { "nicht bekannt" } else { text }
}

fn head(out: &mut Vec<Block>, input: &ReferralInput, created_at: Timestamp) {
    let head = &input.head;
    out.push(Block::text(Style::Bold, head.authority.as_str()));
    out.push(Block::text(
        Style::Small,
        [std::slice::from_ref(&head.unit), &head.contact[..]].concat().join(" · "),
    ));
    out.push(Block::text(Style::Body, head.addressee.join("\n")));
    out.push(Block::text(Style::Title, "Strafanzeige: Bericht mit Beweismitteln"));
    let neutral = Nature::Neutral;
    field(out, neutral, "Vorgangsnummer Polizei", head.case_no.as_str());
    let number = |n: &Option<String>| n.clone().unwrap_or_else(|| "noch nicht bekannt".to_owned());
    field(out, neutral, "Aktenzeichen Staatsanwaltschaft", number(&head.prosecutor_file_no));
    field(
        out,
        neutral,
        "Bezugsverfahren",
        head.related_file_no.clone().unwrap_or_else(|| "keines".to_owned()),
    );
    let handover = match head.handover {
        Handover::File => "Akte",
        Handover::Representation => "Repräsentat der Akte",
    };
    field(out, neutral, "Übergeben wird", handover);
    field(out, neutral, "Erstellt", moment(created_at));
    let danger = if head.danger_to_life { "JA: telefonisch vorab gemeldet" } else { "nein" };
    field(out, neutral, "Gefahr für Leib oder Leben", danger);
    out.push(Block::text(
        Style::Small,
        "Am Rand durchgezogen (blau): Tatsachen, wie sie gesichert wurden. Am Rand gestrichelt (orange): Bewertungen von Personen oder Maschinen; \
         sie binden niemanden. Zeiten: gesetzliche Zeit in Deutschland, in Klammern UTC.",
    ));
}

fn act(out: &mut Vec<Block>, input: &ReferralInput) {
    let act = &input.act;
    heading(out, "1  Tat");
    field(out, Fact, "Tatzeit", act.at.map_or_else(|| "unbekannt".to_owned(), moment));
    if !act.time_as_established.is_empty() {
        field(out, Assessment, "Tatzeit nach Feststellung", act.time_as_established.as_str());
    }
    field(out, Fact, "Tatort", act.place.as_str());
    field(out, Assessment, "Tatvorwurf (Bewertung)", act.accusation.as_str());
    field(out, Fact, "Beschuldigte Person", parties(&act.accused, "Unbekannt"));
    field(out, Fact, "Geschädigte", parties(&act.injured, "Unbekannt"));
    let complaint = &input.complaint;
    let mut said = if complaint.needed { "erforderlich".to_owned() } else { "nicht erforderlich".to_owned() };
    if let Some(deadline) = &complaint.deadline {
        said.push_str(&format!("; Frist nach § 77b StGB bis {}", day(deadline)));
    }
    if let Some(filed) = &complaint.filed {
        said.push_str(&format!("; gestellt am {}", day(filed)));
    }
    if !complaint.entitled.is_empty() {
        said.push_str(&format!("; antragsberechtigt: {}", complaint.entitled));
    }
    field(out, Assessment, "Strafantrag (Bewertung)", said);
}

fn parties(parties: &[Party], none: &str) -> String {
    if parties.is_empty() {
        return none.to_owned();
    }
    let one = |party: &Party| {
        if party.note.is_empty() { party.name.clone() } else { format!("{} ({})", party.name, party.note) }
    };
    parties.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn role(role: ItemRole) -> &'static str {
    match role {
        ItemRole::Post => "Beitrag",
        ItemRole::Page => "Seite des Beitrags",
        ItemRole::Profile => "Profil des Kontos",
        ItemRole::Referred => "Bezugsbeitrag",
        ItemRole::Other => "Weitere Sicherung",
    }
}

fn posts(out: &mut Vec<Block>, input: &ReferralInput) {
    heading(out, "2  Beitrag und Konto (Tatsachen)");
    for (at, item) in input.items.iter().enumerate() {
        subheading(out, format!("2.{}  {} (Sicherung {:04})", at + 1, role(item.role), at + 1));
        let shows_the_same = matches!(item.role, ItemRole::Page | ItemRole::Profile)
            && input.items.first().is_some_and(|first| first.post.native_id == item.post.native_id);
        let wording_unread = item.role != ItemRole::Post && item.post.text.is_empty();
        if at > 0 && (shows_the_same || wording_unread) {
            page(out, item);
        } else {
            post(out, item, at == 0);
        }
    }
}

/// A page of the post or its account: what was there, not the wording once more.
fn page(out: &mut Vec<Block>, item: &CapturedItem) {
    field(out, Fact, "Adresse", item.response.url.as_str());
    let answer = match item.response.status {
        Some(status) => format!("{status}, {} Byte {}", item.response.body.len(), item.response.media_type),
        None => "keine".to_owned(),
    };
    field(out, Fact, "Antwort des Servers", answer);
    field(out, Fact, "Abgerufen", moment(item.capture.started_at));
    for missing in &item.missing {
        field(out, Fact, "Fehlt", format!("{}: {}", missing.what, missing.why));
    }
}

fn post(out: &mut Vec<Block>, item: &CapturedItem, with_account: bool) {
    let post = &item.post;
    text(
        out,
        Fact,
        Style::Small,
        format!("Wortlaut ({}), Fundstellen der Regeln unterlegt:", known(&post.lang)),
    );
    out.push(Block::Quote { text: post.text.clone(), marks: post.spans.clone(), nature: Fact });
    if let Some(translation) = &item.translation {
        let by = format!(
            "Übersetzung ({}) durch {}; keine amtliche Übersetzung:",
            translation.lang, translation.by
        );
        text(out, Assessment, Style::Small, by);
        out.push(Block::Quote { text: translation.text.clone(), marks: Vec::new(), nature: Assessment });
    }
    field(out, Fact, "Plattform, Kennung", format!("{}, {}", post.platform, post.native_id));
    field(out, Fact, "Adresse", post.url.as_str());
    let mut posted = post.posted_at.map_or_else(|| "nicht bekannt".to_owned(), moment);
    if let Some(shown) = &post.posted_as_shown {
        posted.push_str(&format!("; auf der Seite: {shown}"));
    }
    field(out, Fact, "Veröffentlicht", posted);
    field(
        out,
        Fact,
        "Gesehen",
        format!("zuerst {}, zuletzt {}", moment(post.first_seen), moment(post.last_seen)),
    );
    if let Some(at) = post.edited_at {
        field(out, Fact, "Bearbeitet", moment(at));
    }
    if let Some(at) = post.deleted_seen_at {
        field(out, Fact, "Löschung gesehen", moment(at));
    }
    field(out, Fact, "Sichtbarkeit", "öffentlich; ohne Anmeldung erfasst");
    field(out, Fact, "Reichweite", post.reach.as_ref().map_or_else(|| "nicht bekannt".to_owned(), reach));
    if let Some(copies) = &post.copies {
        field(out, Fact, "Kopien", copies.as_str());
    }
    for media in &post.media {
        let what = [Some(media.media_type.clone()), media.url.clone(), media.alt.clone()];
        field(out, Fact, "Medium", what.into_iter().flatten().collect::<Vec<_>>().join(", "));
    }
    if with_account {
        let account = &item.account;
        field(
            out,
            Fact,
            "Konto",
            format!(
                "@{}, unveränderliche Kennung {}",
                account.handle.trim_start_matches('@'),
                account.native_id
            ),
        );
        field(out, Fact, "Anzeigename", known(&account.display_name));
        field(out, Fact, "Profil", known(&account.profile_url));
        if let Some(at) = account.created_at {
            field(out, Fact, "Konto angelegt", moment(at));
        }
        if !account.bio.is_empty() {
            field(out, Fact, "Selbstbeschreibung", account.bio.as_str());
        }
        if !account.linked_as_stated.is_empty() {
            field(out, Fact, "Weitere Konten, laut Konto", account.linked_as_stated.join(", "));
        }
    }
}

fn reach(reach: &Reach) -> String {
    let parts = [
        ("Aufrufe", reach.views),
        ("Zustimmungen", reach.likes),
        ("Weitergaben", reach.shares),
        ("Antworten", reach.replies),
        ("Folgende oder Mitglieder", reach.followers),
    ];
    let one = |(name, value): (&str, Option<u64>)| {
        format!("{name}: {}", value.map_or_else(|| "nicht bekannt".to_owned(), |value| value.to_string()))
    };
    parts.map(one).join("; ")
}

fn context(out: &mut Vec<Block>, input: &ReferralInput) {
    heading(out, "3  Zusammenhang (Tatsachen)");
    if input.context.is_empty() {
        text(out, Fact, Style::Body, "Kein Gesprächsverlauf gesehen.");
    }
    for post in &input.context {
        let when = post.posted_at.map_or_else(|| "Zeit nicht bekannt".to_owned(), moment);
        let mut line = format!("{}: {}, {when}", post.relation, post.author);
        if let Some(changed) = &post.changed {
            line.push_str(&format!(" ({changed})"));
        }
        text(out, Fact, Style::Bold, line);
        out.push(Block::Quote { text: post.text.clone(), marks: Vec::new(), nature: Fact });
    }
}

fn assessment(out: &mut Vec<Block>, input: &ReferralInput) {
    let said = &input.assessment;
    heading(out, "4  Bewertung (keine Tatsachen)");
    text(out, Assessment, Style::Body, said.summary.as_str());
    for offence in &input.offences {
        subheading(out, format!("{}  {}", offence.norm, offence.title));
        text(out, Assessment, Style::Body, offence.reason.as_str());
        for element in &offence.elements {
            let mark = if element.fulfilled { "bejaht" } else { "offen" };
            field(out, Assessment, &format!("Merkmal {mark}"), join(&element.text, &element.note));
        }
    }
    subheading(out, "Andere Lesarten und warum sie ausscheiden");
    for reading in &said.other_readings {
        field(out, Assessment, "Lesart", join(&reading.considered, &reading.result));
    }
    subheading(out, "Ausnahmen und Einordnung");
    for exception in &said.exceptions {
        field(out, Assessment, "Ausnahme", join(&exception.considered, &exception.result));
    }
    field(out, Assessment, "Ziel", known(&said.target));
    let public = if said.public_figure { "ja" } else { "nein" };
    field(out, Assessment, "Person des politischen Lebens", public);
    field(out, Assessment, "Gefahr", known(&said.danger));
    field(out, Assessment, "Bezug zu Deutschland", known(&said.germany_link));
}

fn join(first: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}: {second}") }
}

fn found(out: &mut Vec<Block>, input: &ReferralInput) {
    let why = &input.why;
    heading(out, "5  Auffindung und Maßnahmen");
    field(out, Fact, "Quelle", why.source.as_str());
    for hit in &why.rules {
        field(out, Fact, "Regel", format!("{} Version {}: {}", hit.rule, hit.version, hit.title));
    }
    let mut models: Vec<&str> = why.scores.iter().map(|score| score.model.as_str()).collect();
    models.dedup();
    for model in models {
        let by_it = why.scores.iter().filter(|score| score.model == model);
        let lines: Vec<String> = by_it.map(machine_score).collect();
        field(out, Assessment, "Bewertung durch Maschine", format!("Modell {model}\n{}", lines.join("\n")));
    }
    field(
        out,
        Assessment,
        "Entscheidung (Bewertung)",
        format!("{} ({})", why.decision, moment(why.decided_at)),
    );
    let legal = format!("{}; Prüftermin {}", input.legal.legal_basis, day(&input.legal.review_by));
    field(out, Fact, "Rechtsgrundlage", legal);
    field(out, Fact, "Aufbewahrung prüfen bis", day(&input.retention_until));
    for measure in &input.measures {
        match measure.at {
            Some(at) => field(out, Fact, "Maßnahme", format!("{} ({})", measure.what, moment(at))),
            None => field(out, Assessment, "Anregung", measure.what.as_str()),
        }
    }
}

fn machine_score(score: &ModelScore) -> String {
    let side = if score.over_threshold { "über" } else { "unter" };
    format!("{}: {:.0} %, {side} der Schwelle", head_name(&score.head), score.score * 100.0)
}

fn captures(out: &mut Vec<Block>, input: &ReferralInput) {
    heading(out, "6  Sicherungen");
    for (at, item) in input.items.iter().enumerate() {
        let log = &item.capture;
        subheading(out, format!("Sicherung {:04}: {}", at + 1, role(item.role)));
        field(
            out,
            Fact,
            "Werkzeug, Verfahren",
            format!("{}, {}; durch {}", log.tool, log.method, log.operator),
        );
        let offset = log.clock_offset_ms.map_or_else(|| "nicht gemessen".to_owned(), |ms| format!("{ms} ms"));
        let clock = format!(
            "{} bis {}; Zone {}; Uhr gegen {}: {offset}",
            moment(log.started_at),
            moment(log.ended_at),
            log.zone,
            log.time_source
        );
        field(out, Fact, "Zeit", clock);
        let server =
            [log.server_address.clone(), log.resolver.as_ref().map(|r| format!("Auflösung durch {r}"))];
        let server: Vec<String> = server.into_iter().flatten().collect();
        if !server.is_empty() {
            field(out, Fact, "Gegenstelle", server.join("; "));
        }
        for hash in &log.tls_chain_sha256 {
            field(out, Fact, "Zertifikat (sha256)", hash.as_str());
        }
        if !log.redirects.is_empty() {
            field(out, Fact, "Weiterleitungen", log.redirects.join(" > "));
        }
        for missing in &item.missing {
            field(out, Fact, "Fehlt", format!("{}: {}", missing.what, missing.why));
        }
        picture(out, item, at);
        if let Some(seal) = &item.seal {
            field(
                out,
                Fact,
                "Siegel über",
                format!("{} Dateien, {}", seal.objects.len(), moment(seal.sealed_at)),
            );
            text(out, Fact, Style::Mono, format!("Wurzel {}", seal.root));
            for stamp in &seal.stamps {
                let state = match &stamp.state {
                    StampState::Stamped { at, .. } => moment(*at),
                    StampState::Pending { .. } => "AUSSTEHEND".to_owned(),
                };
                field(out, Fact, "Zeitstempel", format!("{}: {state}", stamp.service));
            }
        }
    }
}

/// The picture of the page, with what stands in its strip as text: a reader on paper, or one who hears the page.
fn picture(out: &mut Vec<Block>, item: &CapturedItem, at: usize) {
    let Some(png) = &item.screenshot else { return };
    let Some(picture) = Picture::of(png) else {
        return field(out, Fact, "Fehlt", "Bildschirmfoto: die Datei ist kein lesbares PNG");
    };
    let file = format!("{}/screenshot.png", crate::package::item_folder(at));
    let taken = moment(item.capture.started_at);
    let alt = format!("Bildschirmfoto von {}, aufgenommen {taken}", item.response.url);
    out.push(Block::Picture { picture, alt, nature: Fact });
    let caption = format!(
        "Bildschirmfoto (bei langen Seiten der obere Teil): {}, {taken}; {file}, sha256 {}",
        item.response.url,
        sha256_hex(png)
    );
    text(out, Fact, Style::Small, caption);
}

fn custody(out: &mut Vec<Block>, input: &ReferralInput) {
    heading(out, "7  Kette der Verwahrung");
    match custody::check(&input.custody) {
        Ok((lines, checkpoint)) => {
            for line in &lines {
                let mut said = format!("{}: {}", moment(line.at), actor(&line.actor, &line.role));
                if !line.reason.is_empty() {
                    said.push_str(&format!("; {}", line.reason));
                }
                field(out, Fact, &deed(&line.action), said);
            }
            text(
                out,
                Fact,
                Style::Mono,
                format!("Stand {} Einträge, Wurzel {}", checkpoint.size, checkpoint.root),
            );
        }
        Err(error) => text(out, Fact, Style::Bold, format!("Die Kette ist nicht in Ordnung: {error}")),
    }
}

fn people(out: &mut Vec<Block>, input: &ReferralInput) {
    heading(out, "8  Beteiligte und Unterschrift");
    for person in &input.people {
        let label = match person.role {
            PersonRole::Finder => "Gefunden",
            PersonRole::Reviewer => "Geprüft",
            PersonRole::Drafter => "Entworfen",
            PersonRole::Approver => "Freigegeben",
            PersonRole::Custodian => "Verwahrt",
        };
        let who =
            person.name.as_ref().map_or_else(|| person.id.clone(), |name| format!("{name} ({})", person.id));
        field(out, Fact, label, format!("{who}, {}", moment(person.at)));
    }
    out.push(Block::Signature { under: "Ort, Datum, Unterschrift, Amtsbezeichnung".into() });
}

fn manifest(out: &mut Vec<Block>, annex: &[Evidence]) {
    heading(out, "Anlage: Verzeichnis der Beweismittel mit Prüfsummen (sha256)");
    text(
        out,
        Nature::Neutral,
        Style::Small,
        "Die Dateien liegen im Beweismittelpaket. Dessen LIESMICH.txt erklärt die Prüfung ohne Software des Absenders.",
    );
    for entry in annex {
        let line = format!("{}: {}, {} Byte\n{}", entry.path, entry.role, entry.bytes, entry.sha256);
        text(out, Nature::Neutral, Style::Small, line);
    }
}
