//! Notices against a mail server on loopback that takes, refuses, or is away.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::*;

type Mails = Arc<Mutex<Vec<String>>>;

/// A mail server that answers the recipient with `answer`. Returns its address and what it took.
fn mail_server(answer: &'static str) -> (String, Mails) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let mails = Mails::default();
    let keeps = Arc::clone(&mails);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let (mut reader, mut writer) = (BufReader::new(stream.try_clone().unwrap()), stream);
            let mut say = |line: &str| writer.write_all(format!("{line}\r\n").as_bytes()).unwrap();
            say("220 mail");
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                match line.get(..4).unwrap_or_default() {
                    "RCPT" => say(answer),
                    "DATA" => {
                        say("354 go on");
                        let mut mail = String::new();
                        while !mail.ends_with("\r\n.\r\n") {
                            reader.read_line(&mut mail).unwrap();
                        }
                        keeps.lock().unwrap().push(mail);
                        say("250 taken");
                    }
                    "QUIT" => say("221 bye"),
                    _ => say("250 fine"),
                }
                line.clear();
            }
        }
    });
    (url, mails)
}

fn carrier(folder: &Path, server: &str) -> Result<Option<MailCarrier>, Failure> {
    let secret = folder.join("smtp");
    fs::write(&secret, server).unwrap();
    let text = format!("[evidence]\nmail_server = {{ file = '{}' }}\n", secret.display());
    let config = crate::config::read(&text, &[]).unwrap();
    MailCarrier::new(&config, &Paths::new(&config, Some(folder)))
}

fn with_notices(folder: &Path, notices: &[(&str, &str)]) {
    fs::create_dir_all(folder.join(OUTBOX)).unwrap();
    for (name, text) in notices {
        fs::write(folder.join(OUTBOX).join(name), text).unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const NOTICE: &str = "From: streife@polizei.example\r\nTo: Eingang <zac@justiz.example>\r\nSubject: Vorgang 1\r\n\r\nsha256: 00\r\n";

#[tokio::test]
async fn a_notice_is_sent_once_and_put_away_and_what_is_no_notice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (url, mails) = mail_server("250 fine");
    with_notices(folder.path(), &[("1.eml", NOTICE), ("2.eml", "no mail at all"), ("3.eml.part", NOTICE)]);
    let carrier = carrier(folder.path(), &url).unwrap().unwrap();
    assert_eq!(carrier.carry().await.unwrap(), Carried { sent: 1, refused: 1, waiting: 0 });
    assert_eq!(carrier.carry().await.unwrap(), Carried::default());
    let mails = mails.lock().unwrap();
    assert!(mails.len() == 1 && mails[0].contains("To: Eingang <zac@justiz.example>"), "{mails:?}");
    let outbox = folder.path().join(OUTBOX);
    assert_eq!(names(&outbox), ["3.eml.part"]);
    assert_eq!(
        (names(&outbox.join(SENT)), names(&outbox.join(REFUSED))),
        (vec!["1.eml".into()], vec!["2.eml".into()])
    );
}

#[tokio::test]
async fn a_server_that_says_later_or_is_away_loses_nothing_and_one_that_says_never_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    with_notices(folder.path(), &[("1.eml", NOTICE), ("2.eml", NOTICE)]);
    let (busy, _) = mail_server("451 later");
    let waits = Carried { waiting: 1, ..Carried::default() };
    assert_eq!(carrier(folder.path(), &busy).unwrap().unwrap().carry().await.unwrap(), waits);
    let away = format!("smtp://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    assert_eq!(carrier(folder.path(), &away).unwrap().unwrap().carry().await.unwrap(), waits);
    assert_eq!(names(&folder.path().join(OUTBOX)).len(), 2);
    let (closed, _) = mail_server("550 no such recipient");
    let refused = Carried { refused: 2, ..Carried::default() };
    assert_eq!(carrier(folder.path(), &closed).unwrap().unwrap().carry().await.unwrap(), refused);
}

#[test]
fn notices_travel_encrypted_or_stay_on_this_machine() {
    for good in [
        "smtps://u:p@mail.example",
        "smtp://mail.example?tls=required",
        "smtp://127.0.0.1:25",
        "smtp://localhost",
    ] {
        assert!(check_server(good).is_ok(), "{good}");
    }
    for bad in [
        "smtp://mail.example",
        "smtp://mail.example?tls=opportunistic",
        "https://mail.example",
        "mail.example",
    ] {
        assert!(check_server(bad).is_err(), "{bad}");
    }
    let folder = tempfile::tempdir().unwrap();
    let refused = carrier(folder.path(), "smtp://u:geheim@mail.example").err().unwrap();
    let said = format!("{refused:?}");
    assert!(said.contains("encrypted only") && !said.contains("geheim"), "{said}");
}
