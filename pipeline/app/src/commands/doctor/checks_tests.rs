//! Every misconfiguration is found and told with a fix; the same thing done right is not.

use super::*;

fn config(text: &str) -> Config {
    crate::config::read(text, &[]).unwrap()
}

fn found(finding: &Finding) {
    assert!(!finding.ok, "{finding:?}");
    assert!(finding.fix.as_ref().is_some_and(|fix| !fix.is_empty()), "{finding:?}");
}

fn fine(finding: &Finding) {
    assert!(finding.ok && finding.fix.is_none(), "{finding:?}");
}

fn file(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_full_disk() {
    found(&disk(Some(1 << 30)));
    found(&disk(None));
    fine(&disk(Some(50 << 30)));
    found(&database_disk(1 << 30, 100 << 30));
    fine(&database_disk(50 << 30, 100 << 30));
}

#[test]
fn an_open_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    found(&data_folder(folder.path()));
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    fine(&data_folder(folder.path()));
    fine(&data_folder(&folder.path().join("later")));
    found(&data_folder(&file(folder.path(), "file", "x", 0o600)));
}

#[test]
fn a_wrong_clock_and_clocks_that_differ() {
    found(&clock(Timestamp::from_secs(1_000_000)));
    let now = Timestamp::from_secs(1_800_000_000);
    fine(&clock(now));
    found(&clocks_agree(now, Ok(now.plus_secs(60))));
    fine(&clocks_agree(now, Ok(now.plus_secs(2))));
    found(&clocks_agree(now, Err("no answer".to_owned())));
}

#[test]
fn too_little_memory_for_the_encoder() {
    found(&memory(Some(512 << 20), &config("")));
    fine(&memory(Some(512 << 20), &config("[scoring]\nencode = 'none'")));
    fine(&memory(Some(4 << 30), &config("")));
    fine(&memory(None, &config("")));
}

#[test]
fn too_few_open_files() {
    found(&open_files("Max open files            1024                 4096                 files\n"));
    fine(&open_files("Max open files            65536                65536                files\n"));
    fine(&open_files("Max open files            unlimited            unlimited            files\n"));
}

#[test]
fn secrets_that_others_can_read_are_empty_or_missing() {
    let folder = tempfile::tempdir().unwrap();
    found(&secrets(&[file(folder.path(), "open", "secret", 0o644)]));
    found(&secrets(&[file(folder.path(), "empty", "", 0o600)]));
    found(&secrets(&[folder.path().join("missing")]));
    fine(&secrets(&[file(folder.path(), "closed", "secret", 0o600)]));
}

#[test]
fn a_pseudonym_key_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let paths = |key: &Path| {
        let mut paths = Paths::new(&config(""), Some(folder.path()));
        paths.pseudonym_key = key.to_owned();
        paths
    };
    let site = config("[log]\nkind = 'kafka'\n[paths]\npseudonym_key = '/nowhere'");
    found(&pseudonym_key(&paths(&file(folder.path(), "short", "abc", 0o600)), &site));
    found(&pseudonym_key(&paths(&folder.path().join("missing")), &site));
    fine(&pseudonym_key(&paths(&folder.path().join("missing")), &config("")));
    fine(&pseudonym_key(&paths(&file(folder.path(), "key", &"ab".repeat(32), 0o600)), &site));
}

#[test]
fn plain_text_to_another_machine() {
    found(&tls(&config("[log]\nkind = 'kafka'\n[kafka]\nbrokers = ['kafka.example.org:9092']")));
    found(&tls(&config("[clickhouse]\nurl = 'http://10.1.2.3:8123'")));
    found(&tls(&config("[clickhouse]\nurl = 'https://db.example.org:8443'\nca_file = '/nowhere/ca.pem'")));
    fine(&tls(&config("[clickhouse]\nurl = 'https://db.example.org:8443'")));
    fine(&tls(&config(
        "[clickhouse]\nurl = 'http://127.0.0.1:8123'\n[log]\nkind = 'kafka'\n[kafka]\nbrokers = ['kafka:9092']",
    )));
    fine(&tls(&config(
        "[log]\nkind = 'kafka'\n[kafka]\nsecurity = 'sasl_ssl'\nbrokers = ['kafka.example.org:9094']",
    )));
}

#[test]
fn a_desk_open_to_the_network_without_tls() {
    found(&listening(&config("[desk]\nlisten = '0.0.0.0:8420'")));
    let own = "[desk]\nlisten = '0.0.0.0:8420'\n[desk.tls]\ncertificate_file = 'a.pem'\nkey_file = 'a.key'";
    fine(&listening(&config(own)));
    fine(&listening(&config("[desk]\nlisten = '0.0.0.0:8420'\npublic_url = 'https://desk.example.org'")));
    fine(&listening(&config("")));
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    found(&port("desk.listen", taken.local_addr().unwrap()));
    let address = taken.local_addr().unwrap();
    drop(taken);
    fine(&port("desk.listen", address));
}

#[test]
fn retention_that_keeps_nothing_or_too_much() {
    let topics = open::topics(1).unwrap();
    found(&retention(&config("[retention]\nrecent_hours = 0"), &topics));
    found(&retention(&config("[retention]\nrecent_hours = 9000"), &topics));
    found(&retention(&config("[retention]\ndismissed_days = 0"), &topics));
    fine(&retention(&config(""), &topics));
}

#[test]
fn sources_without_legal_basis_and_without_a_contact() {
    let bare = "[[source]]\nname = 'a'\nkind = 'feed'\n[source.settings]\nurls = ['https://example.org/f']";
    found(&sources(&config(bare)));
    fine(&sources(&config("")));
    let legal = format!(
        "[collect]\ncontact = 'CONTACT'\n{}",
        bare.replace(
            "[source.settings]",
            "[source.legal]\npurpose = 'prosecution'\nlegal_basis = 'order'\nreview_by = '2099-01-01'\n[source.settings]"
        )
    );
    found(&contact(&config(&legal.replace("CONTACT", "https://example.org/streife"))));
    fine(&contact(&config(&legal.replace("CONTACT", "patrol@police.example"))));
}

#[test]
fn one_time_stamp_service_or_one_without_root() {
    let folder = tempfile::tempdir().unwrap();
    let root = file(folder.path(), "root.pem", "x", 0o644);
    let service = |name: &str, root: &Path| {
        format!(
            "[[evidence.time_stamp]]\nname = '{name}'\nurl = 'https://tsa.example'\nroot = '{}'\n",
            root.display()
        )
    };
    found(&time_stamps(&config(&service("a", &root))));
    found(&time_stamps(&config(&(service("a", &root) + &service("b", Path::new("/nowhere"))))));
    fine(&time_stamps(&config(&(service("a", &root) + &service("b", &root)))));
    fine(&time_stamps(&config("")));
}

#[test]
fn a_notice_that_is_refused_or_that_nobody_fetches() {
    let folder = tempfile::tempdir().unwrap();
    let with_notice =
        config("[[evidence.handover]]\nname = 'a'\nto = { folder = '/x' }\nnotify = 'a@b.example'\n");
    let now = std::time::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
    assert_eq!(notices(&config(""), folder.path(), now), None);
    fine(&notices(&with_notice, folder.path(), now).unwrap());
    let mail = file(folder.path(), "1.eml", "x", 0o600);
    let written = fs::metadata(&mail).unwrap().modified().unwrap();
    fine(&notices(&with_notice, folder.path(), written).unwrap());
    found(&notices(&with_notice, folder.path(), written + NOTICE_PATIENCE * 2).unwrap());
    fs::remove_file(&mail).unwrap();
    fs::create_dir(folder.path().join(REFUSED)).unwrap();
    file(&folder.path().join(REFUSED), "1.eml", "x", 0o600);
    found(&notices(&with_notice, folder.path(), now).unwrap());
}

#[test]
fn broken_rules_and_none_that_is_live() {
    let folder = tempfile::tempdir().unwrap();
    let starter = crate::paths::home().join("config/rules");
    rules(&starter).iter().for_each(fine);
    file(folder.path(), "broken.yaml", "id: [", 0o600);
    let findings = rules(folder.path());
    assert!(findings.iter().all(|finding| !finding.ok), "{findings:?}");
    found(&rules(Path::new("/nowhere"))[0]);
}

#[test]
fn topics_with_too_few_partitions() {
    let wanted = open::topics(1).unwrap();
    let right: Vec<usize> = wanted.iter().map(|topic| topic.partitions as usize).collect();
    fine(&topics(&wanted, &right));
    let mut wrong = right;
    wrong[0] = 1;
    found(&topics(&wanted, &wrong));
}

#[test]
fn migrations_that_wait() {
    found(&migrations(Ok(vec!["0003_erasure_runs"])));
    found(&migrations(Err("no answer".to_owned())));
    fine(&migrations(Ok(Vec::new())));
}

#[test]
fn addresses_on_this_host_need_no_tls() {
    for near in ["127.0.0.1:9092", "localhost:1", "[::1]:9092", "kafka:9092", "clickhouse:8123/?x"] {
        assert!(is_near(near), "{near}");
    }
    for far in ["10.0.0.1:9092", "db.example.org:8123", "[2001:db8::1]:9092"] {
        assert!(!is_near(far), "{far}");
    }
}
