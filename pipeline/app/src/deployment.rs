//! What an operator is given fits the binary: the metrics that dashboards and alarms use, a runbook for each alarm, and the
//! configuration that compose and Kubernetes set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{config, telemetry};

/// Labels that Prometheus or the target files give.
const TARGET_LABELS: [&str; 4] = ["job", "instance", "role", "le"];
/// For trying out only; why is said in docker-compose.yml.
const WRITABLE: [&str; 1] = ["keycloak"];
const SITE: &str = include_str!("../../../deploy/site/streife.toml");

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(home().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// Every string under a key of this name.
fn strings<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get(key) {
                found.push(text);
            }
            map.values().for_each(|inner| strings(inner, key, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| strings(inner, key, found)),
        _ => {}
    }
}

/// All PromQL of dashboards and alarms, with where it stands.
fn expressions() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(home().join("grafana/dashboards")).unwrap() {
        let path = entry.unwrap().path();
        let board: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut found = Vec::new();
        strings(&board, "expr", &mut found);
        all.extend(found.into_iter().map(|expr| (path.display().to_string(), expr.to_owned())));
    }
    let rules = yaml(&read("deploy/prometheus/rules/streife.yml"));
    let mut found = Vec::new();
    strings(&rules, "expr", &mut found);
    all.extend(found.into_iter().map(|expr| ("rules/streife.yml".to_owned(), expr.to_owned())));
    all
}

/// Names of our metrics in an expression, each with the labels of its selector.
fn selectors(expr: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut rest = expr;
    while let Some(at) = rest.find("streife_") {
        rest = &rest[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let labels = after.strip_prefix('{').map_or_else(Vec::new, |inside| {
            let inside = inside.split('}').next().unwrap_or_default();
            inside
                .split(',')
                .filter_map(|matcher| matcher.split(['=', '!', '~']).next())
                .map(|label| label.trim().to_owned())
                .filter(|label| !label.is_empty())
                .collect()
        });
        found.push((name.to_owned(), labels));
        rest = after;
    }
    found
}

/// Labels of `by (...)`.
fn grouped(expr: &str) -> Vec<String> {
    let mut labels = Vec::new();
    for part in expr.split("by (").skip(1) {
        let inside = part.split(')').next().unwrap_or_default();
        labels.extend(inside.split(',').map(|label| label.trim().to_owned()));
    }
    labels
}

#[test]
fn every_metric_and_label_of_dashboards_and_alarms_exists() {
    let known: BTreeMap<String, Vec<String>> =
        telemetry::catalogue().into_iter().map(|metric| (metric.name, metric.labels)).collect();
    let mut wrong = BTreeSet::new();
    let mut used = BTreeSet::new();
    for (place, expr) in expressions() {
        let mut here: BTreeSet<String> = TARGET_LABELS.map(str::to_owned).into();
        for (name, labels) in selectors(&expr) {
            let plain = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let Some(of) = known.get(&name).or_else(|| known.get(plain?)) else {
                wrong.insert(format!("{place}: {name} does not exist"));
                continue;
            };
            used.insert(name.clone());
            here.extend(of.iter().cloned());
            for label in labels {
                if !of.contains(&label) && !TARGET_LABELS.contains(&label.as_str()) {
                    wrong.insert(format!("{place}: {name} has no label {label}"));
                }
            }
        }
        for label in grouped(&expr) {
            if !here.contains(&label) {
                wrong.insert(format!("{place}: grouped by {label}, which no metric there has: {expr}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(used.len() > 25, "only {} metrics were found", used.len());
}

#[test]
fn every_alarm_has_a_runbook_and_every_runbook_an_alarm() {
    let rules = yaml(&read("deploy/prometheus/rules/streife.yml"));
    let book = read("docs/runbooks.md");
    let sections: BTreeSet<String> =
        book.lines().filter_map(|line| line.strip_prefix("## ")).map(|name| name.trim().to_owned()).collect();
    let mut alarms = BTreeSet::new();
    for group in rules["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            let link = rule["annotations"]["runbook_url"].as_str().unwrap();
            assert_eq!(link, format!("docs/runbooks.md#{}", name.to_lowercase()), "{name}");
            assert!(["page", "ticket"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
            assert!(!rule["annotations"]["summary"].as_str().unwrap().is_empty(), "{name}");
            alarms.insert(name.to_owned());
        }
    }
    assert_eq!(alarms, sections);
}

/// The site's configuration with variables as a container sets them; all problems.
fn accepted(environment: &[(String, String)]) -> Result<config::Config, Vec<String>> {
    config::read(SITE, environment).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn variables(map: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    map.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

#[test]
fn compose_is_hardened_and_sets_only_keys_that_exist() {
    let compose = yaml(&read("docker-compose.yml"));
    let secrets = compose["secrets"].as_object().unwrap();
    let volumes = compose["volumes"].as_object().unwrap();
    let networks = compose["networks"].as_object().unwrap();
    let services = compose["services"].as_object().unwrap();
    for wanted in [
        "kafka",
        "clickhouse",
        "postgres",
        "collect",
        "score",
        "score-gpu",
        "store",
        "desk",
        "retention",
        "prometheus",
        "grafana",
        "keycloak",
    ] {
        assert!(services.contains_key(wanted), "{wanted} is missing");
    }
    for (name, service) in services {
        let image = service["image"].as_str().unwrap();
        let tag = image.split('@').next().unwrap().rsplit_once(':').map(|(_, tag)| tag);
        assert!(tag.is_some_and(|tag| tag != "latest" && !tag.is_empty()), "{name}: {image} is not pinned");
        let user = service["user"].as_str().unwrap_or_else(|| panic!("{name}: no user"));
        assert!(!user.starts_with("0:") && user != "root", "{name} runs as root");
        assert_eq!(service["read_only"], !WRITABLE.contains(&name.as_str()), "{name}: writable root");
        assert_eq!(service["cap_drop"][0], "ALL", "{name}: capabilities");
        assert_eq!(service["security_opt"][0], "no-new-privileges:true", "{name}");
        for limit in ["cpus", "memory"] {
            assert!(
                service["deploy"]["resources"]["limits"][limit].is_string(),
                "{name}: no limit for {limit}"
            );
        }
        let is_job = service["restart"] == "no";
        assert!(is_job || service["healthcheck"]["test"].is_array(), "{name}: no health check");
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(
                port.as_str().unwrap().starts_with("127.0.0.1:"),
                "{name}: {port} is open to the network"
            );
        }
        for secret in service["secrets"].as_array().into_iter().flatten() {
            let secret = secret.as_str().or_else(|| secret["source"].as_str()).unwrap();
            assert!(secrets.contains_key(secret), "{name}: secret {secret} is not defined");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            let there = if source.starts_with("./") {
                home().join(source).exists()
            } else {
                volumes.contains_key(source)
            };
            assert!(there, "{name}: volume {source} does not exist");
        }
        let joined: Vec<String> = match &service["networks"] {
            Value::Array(list) => list.iter().map(|n| n.as_str().unwrap().to_owned()).collect(),
            Value::Object(map) => map.keys().cloned().collect(),
            other => panic!("{name}: networks {other}"),
        };
        assert!(joined.iter().all(|network| networks.contains_key(network)), "{name}: {joined:?}");
        for dependency in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services.contains_key(dependency.0), "{name} depends on {}", dependency.0);
        }
        let environment = variables(&service["environment"]);
        let told = accepted(&environment).err().unwrap_or_default();
        assert!(told.is_empty(), "{name}: {told:?}");
        for (variable, value) in &environment {
            let is_secret = ["PASSWORD", "SECRET", "TOKEN", "KEY"].iter().any(|word| variable.contains(word));
            let by_file = value.contains("/run/secrets/") || variable.ends_with("_FILE");
            assert!(!is_secret || by_file, "{name}: {variable} is in the clear");
        }
    }
    for secret in secrets.values() {
        assert!(secret["file"].as_str().unwrap().starts_with("./deploy/secrets/files/"));
    }
}

#[test]
fn kubernetes_is_hardened_and_sets_only_keys_that_exist() {
    let shared: Vec<(String, String)> = read("deploy/kubernetes/site.env")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut containers = 0;
    for file in ["roles.yaml", "jobs.yaml"] {
        for document in read(&format!("deploy/kubernetes/{file}")).split("\n---\n").skip(1) {
            let manifest = yaml(document);
            let mut pods = Vec::new();
            pod_specs(&manifest, &mut pods);
            for pod in pods {
                assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
                for container in pod["containers"].as_array().unwrap() {
                    containers += 1;
                    let name = container["name"].as_str().unwrap();
                    let context = &container["securityContext"];
                    assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
                    assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
                    assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
                    assert!(container["resources"]["requests"]["cpu"].is_string(), "{name}");
                    let is_service = manifest["kind"] == "Deployment";
                    assert!(!is_service || container["livenessProbe"].is_object(), "{name}: no probe");
                    let mut environment = shared.clone();
                    for variable in container["env"].as_array().unwrap() {
                        let text = |key: &str| variable[key].as_str().unwrap().to_owned();
                        environment.push((text("name"), text("value")));
                    }
                    let told = accepted(&environment).err().unwrap_or_default();
                    assert!(told.is_empty(), "{name}: {told:?}");
                }
            }
        }
    }
    assert_eq!(containers, 6);
}

fn pod_specs<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    if let Value::Object(map) = value {
        if map.contains_key("containers") {
            found.push(value);
        }
        map.values().for_each(|inner| pod_specs(inner, found));
    }
}

#[test]
fn every_secret_that_is_mounted_is_made() {
    let compose = yaml(&read("docker-compose.yml"));
    let script = read("deploy/secrets/generate.sh");
    for secret in compose["secrets"].as_object().unwrap().values() {
        let file = secret["file"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(script.contains(file), "deploy/secrets/generate.sh does not make {file}");
    }
}

#[test]
fn every_user_of_clickhouse_has_its_grants() {
    let users = read("deploy/clickhouse/users/users.sql");
    let (compose, jobs) = (read("docker-compose.yml"), read("deploy/kubernetes/jobs.yaml"));
    for user in ["streife_migrate", "streife_store", "streife_desk", "streife_retention"] {
        assert!(users.contains(&format!("TO {user};")), "{user} may do nothing");
        assert!(compose.contains(user), "{user} is nobody's in compose");
    }
    assert!(jobs.contains("streife_retention"));
    // Dashboards see figures: no text, no identities, no pictures.
    for line in users.lines().filter(|line| line.contains("TO grafana")) {
        let columns = line.split("ON").next().unwrap_or_default();
        for secret in ["text", "raw", "native_id", "author_handle", "author_name", "url", "media"] {
            assert!(
                !columns.split([',', '(', ')', ' ']).any(|word| word == secret),
                "grafana may read {secret}"
            );
        }
        assert!(!line.contains("streife.*"), "grafana may read everything");
    }
}

#[test]
fn every_topic_has_its_rights() {
    let script = read("deploy/kafka/acls.sh");
    for topic in crate::open::topics(1).unwrap() {
        let granted = |verb: &str| {
            script.lines().any(|line| {
                line.starts_with(verb)
                    && line.split_whitespace().any(|word| word == topic.name)
                    && !line.contains("streife-admin")
            })
        };
        assert!(
            granted("reads ") && granted("writes "),
            "deploy/kafka/acls.sh: {} is read or written by nobody",
            topic.name
        );
    }
}
