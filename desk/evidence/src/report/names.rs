//! Words of the program as German words of the report.

/// What a model was asked, in German.
pub(super) fn head_name(head: &str) -> &str {
    match head {
        "offensive" => "beleidigend oder hasserfüllt",
        "group_hate" => "Hass gegen eine Gruppe",
        "violence" => "Gewalt",
        "attack_on_order" => "gegen die Grundordnung",
        "call_to_action" => "Aufruf zu Handlungen",
        "defamation" => "Beleidigung einer Person",
        "antisemitism" => "Antisemitismus",
        "profanity" => "Kraftausdrücke",
        other => other,
    }
}

/// Who, for people: the machine has no role worth telling.
pub(super) fn actor(user: &str, role: &str) -> String {
    let role = match role {
        "reviewer" => "Sichtung",
        "case_officer" => "Sachbearbeitung",
        "lead" => "Leitung",
        "duty_desk" => "Dauerdienst",
        "custodian" => "Asservate",
        "system" => {
            return if user == "system" {
                "Streife (Maschine)".to_owned()
            } else {
                format!("Streife (Maschine), für {user}")
            };
        }
        other => other,
    };
    format!("{user} ({role})")
}

/// What was done, in German; what has no name here is printed as it stands.
pub(super) fn deed(action: &str) -> String {
    let name = match action {
        "case.cluster" => "Gruppe erkannt",
        "case.enqueue" => "Eingereiht",
        "case.claim" => "Übernommen",
        "case.take_over" => "Von anderer Person übernommen",
        "case.release" => "Zurückgegeben",
        "case.expire_lease" => "Frist der Sichtung abgelaufen",
        "case.ask_second_look" => "Zweite Sichtung erbeten",
        "case.second_opinion" => "Zweite, blinde Sichtung",
        "case.adjudicate" => "Streitentscheid",
        "case.danger" => "Gefahr gemeldet",
        "case.emergency_notice" => "Eilmeldung",
        "case.approve_emergency" => "Eilmeldung gebilligt",
        "case.suspect" => "Verdacht",
        "case.undo" => "Entscheidung zurückgenommen",
        "case.start_capture" => "Sicherung begonnen",
        "case.capture_failed" => "Sicherung misslungen",
        "case.seal_evidence" => "Versiegelt",
        "case.open_form" => "Rechtliche Prüfung begonnen",
        "case.fill_form" => "Prüfbogen gespeichert",
        "case.unmask" => "Kontoangaben eingesehen",
        "case.draft" => "Anzeige entworfen",
        "case.send_back" => "Zurückgewiesen",
        "case.approve" => "Freigegeben",
        "case.send" => "Übergeben",
        "case.acknowledge" => "Eingang bestätigt",
        "case.ask" => "Rückfrage des Empfängers",
        "case.answer" => "Rückfrage beantwortet",
        "case.notify" => "Meldung an einen Dienst",
        "case.notice_answered" => "Entscheidung des Dienstes vermerkt",
        "case.confirm_recall" => "Rückruf bestätigt",
        "case.record_outcome" => "Ausgang vermerkt",
        "case.recall" => "Zurückgerufen",
        "evidence.secured" => "Gesichert, Prüfsummen gebildet",
        "evidence.stamped" => "Zeitstempel vollständig",
        "evidence.renewed" => "Zeitstempel erneuert",
        "evidence.packaged" => "Paket erstellt",
        "evidence.export_begun" => "Ausgabe des Pakets begonnen",
        "evidence.exported" => "Paket ausgegeben",
        "evidence.handover_begun" => "Übergabe des Pakets begonnen",
        "evidence.handed_over" => "Paket übergeben",
        other => other,
    };
    name.to_owned()
}
