//! Whole packages: what is refused, what a forger without keys gets, what lands on disk.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::{World, findings, steps};
use ed25519_dalek::SigningKey;
use streife_evidence::package::zip::{self, Files};
use streife_evidence::package::{CreateError, PackageKey, build, create};
use streife_evidence::seal::{DemoTsa, Seal, TimeStampService, parse_anchors};
use streife_evidence::{Party, PersonRole, Step, VerifyOptions, verify};

fn steps_of_folder(path: &std::path::Path) -> (bool, Vec<Step>) {
    let mut steps = Vec::new();
    let ok = verify(path, &VerifyOptions::default(), &mut |step| steps.push(step));
    (ok, steps)
}

#[test]
fn nothing_is_made_without_seal_and_two_people() {
    let refused = |change: &dyn Fn(&mut World)| {
        let mut world = World::new();
        change(&mut world);
        build(&world.input, &world.key, &world.services(), &*world.clock).unwrap_err()
    };
    assert!(matches!(refused(&|w| w.input.items.clear()), CreateError::NoItem));
    assert!(matches!(refused(&|w| w.input.items[1].seal = None), CreateError::NotSealed { item: 2, .. }));
    assert!(matches!(refused(&|w| w.input.items[0].post.text.push('!')), CreateError::ChangedAfterSeal(1)));
    assert!(matches!(
        refused(&|w| w.input.people.retain(|p| p.role != PersonRole::Approver)),
        CreateError::TwoPeople
    ));
    let same = |w: &mut World| w.input.people.iter_mut().for_each(|p| p.id = "P-1".into());
    assert!(matches!(refused(&same), CreateError::TwoPeople));
    assert!(matches!(refused(&|w| w.input.assessment.other_readings.clear()), CreateError::OtherReadings));
    assert!(matches!(
        refused(&|w| {
            w.input.custody.lines.pop();
        }),
        CreateError::Custody(_)
    ));
    let pending = |w: &mut World| {
        let now = w.input.items[0].seal.as_ref().unwrap().sealed_at;
        let services = w.services();
        let files = streife_evidence::capture::objects(&w.input.items[0]);
        let seal = Seal::over(files.iter().map(|(n, c)| (n.as_str(), c.as_slice())), &services, now);
        w.input.items[0].seal = Some(seal);
    };
    assert!(matches!(refused(&pending), CreateError::NotSealed { item: 1, .. }));
}

#[test]
fn both_outputs_land_on_disk_and_verify_packed_and_unpacked() {
    let world = World::new();
    let out = tempfile::tempdir().unwrap();
    let created = create(&world.input, &world.key, &world.services(), &*world.clock, out.path()).unwrap();
    let (ok, said) = steps_of_folder(&created.container);
    assert!(ok, "{said:#?}");
    let court: Vec<String> = std::fs::read_dir(&created.court_set)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in ["01_Uebersendungsschreiben.pdf", "02_Bericht.pdf", "03_Datensatz.xml"] {
        assert!(court.iter().any(|n| n == name), "{court:?}");
    }
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 2, "no parts are left");
    let unpacked = out.path().join("unpacked");
    for (name, content) in zip::read(&std::fs::read(&created.container).unwrap()).files {
        let path = unpacked.join(name.split_once('/').unwrap().1);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    assert!(steps_of_folder(&unpacked).0);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("report.pdf", unpacked.join("data/link.pdf")).unwrap();
        let (ok, said) = steps_of_folder(&unpacked);
        assert!(!ok && said[0].detail.contains("data/link.pdf"), "{:?}", said[0]);
    }
}

#[test]
fn names_in_every_script_reach_report_record_and_data_set() {
    const NAMES: [&str; 13] = [
        "Jörg Müßiggang-Ähre",
        "Łukasz Żółć",
        "Нина Щербина",
        "Γιώργος Παπάς",
        "محمد علي",
        "שרה כהן",
        "Անի Հայ",
        "გია ბერ",
        "Nguyễn Thị Ánh",
        "漢字 太郎",
        "हिन्दी नाम",
        "홍길동",
        "<b>&\"O'Neil\"</b> 👍\u{202e}",
    ];
    let mut world = World::new();
    let party = |name: &str| Party { name: name.to_owned(), note: name.to_owned() };
    world.input.act.injured = NAMES.iter().copied().map(party).collect();
    world.input.act.accused = vec![party(NAMES[12])];
    for (person, name) in world.input.people.iter_mut().zip(NAMES) {
        person.name = Some(name.to_owned());
    }
    let built = world.build();
    let (ok, said) = steps(&built.container, &VerifyOptions::default());
    assert!(ok, "{said:#?}");
    let files = zip::read(&built.container).files;
    let file = |name: &str| {
        let found = files.iter().find(|(path, _)| path.ends_with(name)).unwrap().1;
        String::from_utf8(found.clone()).unwrap()
    };
    let record: serde_json::Value = serde_json::from_str(&file("data/referral.json")).unwrap();
    let xml = file("data/referral.xml");
    for (at, name) in NAMES.iter().enumerate() {
        assert_eq!(record["act"]["injured"][at]["name"], *name);
        let escaped = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(
            xml.contains(&escaped) || xml.contains(&escaped.replace('"', "&quot;")),
            "{name} in the data set"
        );
    }
    assert_eq!(built.missing_glyphs, [""; 0], "every living script has a font");
}

#[test]
fn the_same_input_gives_the_same_files_but_for_time_stamps() {
    let world = World::new();
    let (one, two) = (zip::read(&world.build().container).files, zip::read(&world.build().container).files);
    let differing: Vec<&String> =
        one.iter().filter(|(name, content)| two.get(*name) != Some(content)).map(|(n, _)| n).collect();
    assert!(differing.iter().all(|name| name.ends_with(".tsr")), "{differing:?}");
}

/// Writes the manifests anew after a change, as a forger without the keys can.
fn with_new_manifests(mut files: Files, folder: &str) -> Files {
    use streife_evidence::merkle::sha256_hex;
    let list = |files: &Files, keep: &dyn Fn(&str) -> bool| -> Vec<u8> {
        let lines = files.iter().filter_map(|(name, content)| {
            let inner = name.strip_prefix(folder)?.strip_prefix('/')?;
            keep(inner).then(|| format!("{}  {inner}\n", sha256_hex(content)))
        });
        lines.collect::<String>().into_bytes()
    };
    let manifest = list(&files, &|name| name.starts_with("data/"));
    files.insert(format!("{folder}/manifest-sha256.txt"), manifest);
    let tags = list(&files, &|name| !name.starts_with("data/") && !name.starts_with("tagmanifest"));
    files.insert(format!("{folder}/tagmanifest-sha256.txt"), tags);
    files
}

#[test]
fn a_forger_who_rewrites_the_manifests_is_caught_by_signature_and_stamps() {
    let built = World::new().build();
    let mut files = zip::read(&built.container).files;
    files.get_mut(&format!("{}/data/why.json", built.name)).unwrap().push(b' ');
    let found = findings(&zip::write(&with_new_manifests(files, &built.name)).unwrap());
    for step in ["signature:", "timestamp-1:", "timestamp-2:", "record:"] {
        assert!(found.contains(step), "{step} in\n{found}");
    }
}

#[test]
fn a_package_by_foreign_keys_is_refused_once_trusted_ones_are_named() {
    let world = World::new();
    let container = world.build().container;
    let stranger = DemoTsa::new("fremd", world.clock.clone()).unwrap();
    let trusted = VerifyOptions {
        anchors: world.services.iter().flat_map(|s| parse_anchors(s.anchor_pem()).unwrap()).collect(),
        signer_keys: vec![world.key.public()],
        ledger_keys: vec![SigningKey::from_bytes(&[5; 32]).verifying_key().to_bytes()],
        ..VerifyOptions::default()
    };
    let (ok, said) = steps(&container, &trusted);
    assert!(ok, "{said:#?}");
    let failing = |options: VerifyOptions| -> Vec<String> {
        steps(&container, &options).1.into_iter().filter(|s| !s.ok).map(|s| s.step).collect()
    };
    assert_eq!(failing(VerifyOptions { signer_keys: vec![[0; 32]], ..trusted.clone() }), ["signature"]);
    assert_eq!(failing(VerifyOptions { ledger_keys: vec![[0; 32]], ..trusted.clone() }), ["custody"]);
    let foreign =
        failing(VerifyOptions { anchors: parse_anchors(stranger.anchor_pem()).unwrap(), ..trusted.clone() });
    assert!(
        foreign.contains(&"timestamp-1".to_owned()) && foreign.contains(&"seal-0001".to_owned()),
        "{foreign:?}"
    );
    let past = streife_domain::Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    assert!(
        failing(VerifyOptions { now: Some(past), ..trusted.clone() }).contains(&"timestamp-1".to_owned())
    );
    assert_eq!(failing(VerifyOptions { services: 3, ..trusted }), ["timestamps"]);
}

#[test]
fn one_service_under_two_names_does_not_count_as_two() {
    let mut world = World::new();
    world.services = vec![DemoTsa::new("eins", world.clock.clone()).unwrap()];
    let services: Vec<&dyn TimeStampService> = vec![&world.services[0], &world.services[0]];
    let built =
        build(&world.input, &PackageKey::new(SigningKey::from_bytes(&[3; 32])), &services, &*world.clock)
            .unwrap();
    assert!(findings(&built.container).starts_with("timestamps:"));
}
