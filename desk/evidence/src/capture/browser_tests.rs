//! The browser's moods, played by a shell script in its place.

use super::*;

/// A stand-in for the browser: a shell script that gets the arguments.
fn with_script(script: &str, url: &str) -> PageCapture {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("browser");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let options = BrowserOptions {
        program,
        time_limit: Duration::from_millis(400),
        max_bytes: 1_000,
        ..Default::default()
    };
    capture(url, Timestamp::from_secs(1_783_166_400), &options, folder.path())
}

const URL: &str = "https://example.org/";
/// Writes what each capture should give.
const GOOD: &str = r#"for a in "$@"; do case "$a" in
    --screenshot=*) printf '\211PNG\r\n\032\nxIEND' > "${a#*=}";;
    --print-to-pdf=*) printf '%%PDF-1.4 %%%%EOF' > "${a#*=}";;
    --dump-dom) printf '<html></html>';;
    esac; done"#;

#[test]
fn all_three_captures_are_taken() {
    let page = with_script(GOOD, URL);
    assert_eq!(page.missing, []);
    assert!(page.screenshot.is_some() && page.screenshot_plain.is_some() && page.page_pdf.is_some());
    assert_eq!(page.dom_html.as_deref(), Some(&b"<html></html>"[..]));
}

#[test]
fn all_views_are_of_one_loading_and_what_it_lacks_is_tried_alone_and_said() {
    // Refuses to give one view alone, but for the strip.
    let only_together =
        r#"case "$*" in *--version*|*--screenshot*--dump-dom*|*caption*) ;; *) exit 1;; esac"#;
    assert_eq!(with_script(&format!("{only_together}\n{GOOD}"), URL).missing, []);
    let fails_to_print = r#"case "$*" in *--screenshot*--print-to-pdf*) set -- --dump-dom;; esac"#;
    let page = with_script(&format!("{fails_to_print}\n{GOOD}"), URL);
    assert!(page.screenshot.is_some() && page.page_pdf.is_some() && page.dom_html.is_some());
    let said: Vec<&str> = page.missing.iter().map(|m| m.why.as_str()).collect();
    assert_eq!(said, ["Bildschirmfoto, Seitenausdruck: aus einem eigenen Aufruf der Seite"]);
}

#[test]
fn a_page_whose_scripts_never_rest_is_shown_without_them_and_that_is_said() {
    let restless = r#"for a in "$@"; do case "$a" in
        --version) exec echo Browser 1;;
        --user-data-dir=*) [ -e "${a#*=}/Default/Preferences" ] || case "$*" in *caption*) ;; *) exec sleep 60;; esac;;
        esac; done"#;
    let page = with_script(&format!("{restless}\n{GOOD}"), URL);
    assert!(page.screenshot.is_some() && page.page_pdf.is_some() && page.dom_html.is_some());
    let said: Vec<&str> = page.missing.iter().map(|m| m.why.as_str()).collect();
    assert!(said.len() == 1 && said[0].contains("ohne ihre Skripte"), "{said:?}");
}

#[test]
fn half_a_file_is_none() {
    let page = with_script(
        r#"for a in "$@"; do case "$a" in --screenshot=*) printf '\211PNG\r\n\032\nx' > "${a#*=}";; --dump-dom) printf '<html>';; esac; done; exec sleep 60"#,
        URL,
    );
    assert!(page.screenshot.is_none() && page.dom_html.is_none() && page.page_pdf.is_none());
    assert_eq!(page.missing.len(), 3, "{:?}", page.missing);
}

#[test]
fn a_browser_that_hangs_floods_crashes_or_lies_is_named() {
    for (script, why) in [
        ("exec sleep 60", "ended after"),
        ("exec yes '<p>'", "more than 1000 bytes"),
        ("exit 3", "exit status: 3"),
        ("kill -9 $$", "signal: 9"),
        ("true", "no usable"),
    ] {
        let page = with_script(script, URL);
        let dom = page.missing.iter().find(|m| m.what == "Dokument der Seite").unwrap();
        assert!(dom.why.contains(why), "{script}: {dom:?}");
        assert_eq!(page.missing.len(), 3);
    }
}

#[test]
fn addresses_of_files_and_arguments_in_disguise_are_refused() {
    for url in ["file:///etc/passwd", "--headless", "https://a b", "chrome://version", ""] {
        let page = with_script(GOOD, url);
        assert!(page.missing.iter().all(|m| m.why.contains("not an http")), "{url}");
        assert_eq!(page.missing.len(), 3);
    }
}

#[test]
fn a_missing_browser_is_said_to_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let options = BrowserOptions { program: "/nonexistent/browser".into(), ..Default::default() };
    let page = capture(URL, Timestamp::default(), &options, folder.path());
    assert!(page.missing.iter().all(|m| m.why.contains("does not start")), "{:?}", page.missing);
}
