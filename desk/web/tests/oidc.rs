//! Logging in at an identity provider: against one in this process that can lie in every way, and (run with --ignored and
//! STREIFE_TEST_KEYCLOAK, see tests/suites/oidc.sh) against a real Keycloak.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::{Request, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use common::{Answer, Desk, NOW, http, open};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use streife_cases::ledger::audit_ledger;
use streife_web::Access;
use streife_web::oidc::{Oidc, OidcSettings};
use streife_web::sample::SampleReader;

/// How the provider of a test lies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    None,
    Nonce,
    Audience,
    Issuer,
    Expired,
    Future,
    NoSignature,
    HmacWithPublicKey,
    OtherKey,
    UnknownKid,
    Garbage,
}

struct Provider {
    url: String,
    key: SigningKey,
    lie: Lie,
    roles: Vec<&'static str>,
    name: &'static str,
    subject: &'static str,
    /// What a person was sent with: nonce and challenge.
    asked: Option<(String, String)>,
}

type Shared = Arc<Mutex<Provider>>;

fn token(provider: &Provider) -> String {
    let (nonce, _) = provider.asked.clone().unwrap();
    let at = NOW.as_secs();
    let lie = provider.lie;
    let claims = json!({
        "iss": if lie == Lie::Issuer { "https://elsewhere.example" } else { &provider.url },
        "sub": provider.subject,
        "aud": if lie == Lie::Audience { "somebody" } else { "desk" },
        "nonce": if lie == Lie::Nonce { "other" } else { &nonce },
        "iat": if lie == Lie::Future { at + 3_600 } else { at },
        "exp": if lie == Lie::Expired { at - 120 } else { at + 60 },
        "preferred_username": provider.name,
        "name": "Rita Revier",
        "realm_access": { "roles": provider.roles },
    });
    let alg = match lie {
        Lie::NoSignature => "none",
        Lie::HmacWithPublicKey => "HS256",
        _ => "EdDSA",
    };
    let kid = if lie == Lie::UnknownKid { "k2" } else { "k1" };
    let part = |value: Value| B64.encode(value.to_string());
    let signed = format!("{}.{}", part(json!({ "alg": alg, "typ": "JWT", "kid": kid })), part(claims));
    let signature = match lie {
        Lie::NoSignature => Vec::new(),
        Lie::OtherKey => SigningKey::from_bytes(&[9; 32]).sign(signed.as_bytes()).to_vec(),
        _ => provider.key.sign(signed.as_bytes()).to_vec(),
    };
    format!("{signed}.{}", B64.encode(signature))
}

async fn exchange(
    State(shared): State<Shared>,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, String) {
    let provider = shared.lock().unwrap();
    let (_, challenge) = provider.asked.clone().unwrap();
    let right = form["code"] == "the-code"
        && form["client_secret"] == "secret"
        && B64.encode(Sha256::digest(&form["code_verifier"])) == challenge;
    if !right {
        return (StatusCode::BAD_REQUEST, "{}".to_owned());
    }
    if provider.lie == Lie::Garbage {
        return (StatusCode::OK, "no json".to_owned());
    }
    (StatusCode::OK, json!({ "id_token": token(&provider), "access_token": "opaque" }).to_string())
}

async fn provider() -> Shared {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let key = SigningKey::from_bytes(&[7; 32]);
    let shared = Arc::new(Mutex::new(Provider {
        url: url.clone(),
        key: key.clone(),
        lie: Lie::None,
        roles: vec!["streife-reviewer", "offline_access"],
        name: "rita.revier",
        subject: "0b5f",
        asked: None,
    }));
    let discovery = json!({
        "issuer": url, "authorization_endpoint": format!("{url}/auth"),
        "token_endpoint": format!("{url}/token"), "jwks_uri": format!("{url}/keys"),
    });
    let x = B64.encode(key.verifying_key().to_bytes());
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k1", "alg": "EdDSA", "use": "sig" }] });
    let app = Router::new()
        .route("/.well-known/openid-configuration", get(move || async move { Json(discovery) }))
        .route("/keys", get(move || async move { Json(keys) }))
        .route("/token", post(exchange))
        .with_state(Arc::clone(&shared));
    tokio::spawn(async move { axum::serve(listener, app).await });
    shared
}

fn settings(issuer: &str) -> OidcSettings {
    OidcSettings {
        issuer: issuer.to_owned(),
        client_id: "desk".to_owned(),
        client_secret: "secret".to_owned(),
        redirect_uri: "http://127.0.0.1:8420/login/oidc/back".to_owned(),
        roles_claim: "realm_access.roles".to_owned(),
        role_prefix: "streife-".to_owned(),
        http: http(),
    }
}

async fn desk_for(issuer: &str) -> Desk {
    let access = Access { oidc: Some(Oidc::new(settings(issuer))), ..Access::default() };
    open(Arc::new(SampleReader::new(NOW)), access).await
}

async fn desk_at(shared: &Shared) -> Desk {
    let url = shared.lock().unwrap().url.clone();
    desk_for(&url).await
}

fn query(location: &str) -> HashMap<String, String> {
    serde_urlencoded::from_str(location.split_once('?').unwrap().1).unwrap()
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap());
    all.filter_map(|v| v.split(';').next()?.split_once('='))
        .find(|(n, v)| *n == name && !v.is_empty())
        .map(|(_, v)| v.to_owned())
}

async fn fetch(desk: &Desk, path: &str, cookies: &str) -> Answer {
    desk.call(Request::get(path).header(header::COOKIE, cookies).body(Body::empty()).unwrap()).await
}

/// Goes to the provider and comes back. Returns the answer and the state.
async fn log_in(desk: &Desk, shared: &Shared) -> (Answer, String) {
    let begun = fetch(desk, "/login/oidc", "").await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let asked = query(begun.headers[header::LOCATION].to_str().unwrap());
    assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
    shared.lock().unwrap().asked = Some((asked["nonce"].clone(), asked["code_challenge"].clone()));
    let state = asked["state"].clone();
    assert_eq!(cookie(&begun, "streife_oidc").as_ref(), Some(&state));
    let back = format!("/login/oidc/back?state={state}&code=the-code");
    (fetch(desk, &back, &format!("streife_oidc={state}")).await, state)
}

#[tokio::test]
async fn a_service_account_logs_in_and_its_state_works_once() {
    let shared = provider().await;
    let desk = desk_at(&shared).await;
    let (answer, state) = log_in(&desk, &shared).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let session = cookie(&answer, "streife_session").unwrap();
    assert_eq!(fetch(&desk, "/queue", &format!("streife_session={session}")).await.status, StatusCode::OK);
    let user = desk.cases.user("rita-revier").await.unwrap().unwrap();
    assert_eq!((user.roles.len(), user.password.as_str()), (1, ""));
    assert_eq!(desk.log_in("rita-revier", "", "").await, StatusCode::UNAUTHORIZED, "no password opens it");

    let again = format!("/login/oidc/back?state={state}&code=the-code");
    assert_eq!(
        fetch(&desk, &again, &format!("streife_oidc={state}")).await.status,
        StatusCode::UNAUTHORIZED,
        "replayed"
    );
    let (second, _) = log_in(&desk, &shared).await;
    assert_eq!(second.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_for_another_browser_is_refused() {
    let shared = provider().await;
    let desk = desk_at(&shared).await;
    let begun = fetch(&desk, "/login/oidc", "").await;
    let state = query(begun.headers[header::LOCATION].to_str().unwrap())["state"].clone();
    for cookies in ["", "streife_oidc=", "streife_oidc=other"] {
        let back = format!("/login/oidc/back?state={state}&code=the-code");
        assert_eq!(fetch(&desk, &back, cookies).await.status, StatusCode::UNAUTHORIZED, "{cookies:?}");
    }
}

#[tokio::test]
async fn no_lie_of_a_provider_opens_a_session() {
    let shared = provider().await;
    let desk = desk_at(&shared).await;
    for lie in [
        Lie::Nonce,
        Lie::Audience,
        Lie::Issuer,
        Lie::Expired,
        Lie::Future,
        Lie::NoSignature,
        Lie::HmacWithPublicKey,
        Lie::OtherKey,
        Lie::UnknownKid,
        Lie::Garbage,
    ] {
        shared.lock().unwrap().lie = lie;
        let (answer, _) = log_in(&desk, &shared).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{lie:?}");
        assert_eq!(cookie(&answer, "streife_session"), None, "{lie:?}");
    }
    assert!(desk.cases.user("rita-revier").await.unwrap().is_none());
    shared.lock().unwrap().lie = Lie::None;
    assert_eq!(log_in(&desk, &shared).await.0.status, StatusCode::OK, "the test is not blind");
}

#[tokio::test]
async fn roles_that_check_each_other_no_roles_and_names_of_others_are_refused_and_on_record() {
    let shared = provider().await;
    let desk = desk_at(&shared).await;
    for (roles, name, subject) in [
        (vec!["streife-case-officer", "streife-lead"], "rita.revier", "0b5f"),
        (vec!["offline_access"], "rita.revier", "0b5f"),
        (vec!["streife-system"], "rita.revier", "0b5f"),
        // A local account of the same name.
        (vec!["streife-reviewer"], "lead", "0b5f"),
    ] {
        {
            let mut provider = shared.lock().unwrap();
            (provider.roles, provider.name, provider.subject) = (roles, name, subject);
        }
        assert_eq!(log_in(&desk, &shared).await.0.status, StatusCode::UNAUTHORIZED, "{name}");
    }
    let reset = |name, subject| {
        let mut provider = shared.lock().unwrap();
        (provider.roles, provider.name, provider.subject) = (vec!["streife-reviewer"], name, subject);
    };
    reset("rita.revier", "0b5f");
    assert_eq!(log_in(&desk, &shared).await.0.status, StatusCode::OK);
    reset("rita_revier", "ffff");
    assert_eq!(
        log_in(&desk, &shared).await.0.status,
        StatusCode::UNAUTHORIZED,
        "written alike, another person"
    );
    let entries = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap();
    assert_eq!(entries.iter().filter(|e| e.action == "login.refused").count(), 5);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_told_and_nothing_else() {
    let desk = desk_for("http://127.0.0.1:1").await;
    assert_eq!(fetch(&desk, "/login/oidc", "").await.status, StatusCode::BAD_GATEWAY);
    assert!(fetch(&desk, "/login", "").await.body.contains("/login/oidc"));
    assert!(common::desk().await.get("nobody", "/login/oidc").await.status == StatusCode::NOT_FOUND);
}

/// The form of Keycloak's log-in page: where it posts to.
fn form_action(page: &str) -> String {
    let form = page.split("<form").find(|part| part.contains("kc-form-login")).unwrap();
    form.split("action=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&")
}

#[tokio::test]
#[ignore = "needs a Keycloak: run tests/suites/oidc.sh"]
async fn a_real_keycloak_logs_people_in() {
    let issuer = std::env::var("STREIFE_TEST_KEYCLOAK").unwrap();
    for (name, expected) in [("rita.revier", StatusCode::OK), ("max.macht", StatusCode::UNAUTHORIZED)] {
        let settings = OidcSettings {
            client_id: "streife-desk".to_owned(),
            client_secret: "test-client-secret".to_owned(),
            ..settings(&issuer)
        };
        let desk = open(
            Arc::new(SampleReader::new(NOW)),
            Access { oidc: Some(Oidc::new(settings)), ..Access::default() },
        )
        .await;
        // The provider's clock is the real one.
        let real = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros();
        desk.clock.advance_micros(i64::try_from(real).unwrap() - NOW.as_micros());
        let begun = fetch(&desk, "/login/oidc", "").await;
        let to = begun.headers[header::LOCATION].to_str().unwrap().to_owned();
        let browser = http();
        let page = browser.get(&to).send().await.unwrap();
        let jar: Vec<String> = page
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|v| v.to_str().unwrap().split(';').next().unwrap().to_owned())
            .collect();
        let action = form_action(&page.text().await.unwrap());
        let fields = [("username", name), ("password", "ein langes Passwort")];
        let sent =
            browser.post(&action).header(header::COOKIE, jar.join("; ")).form(&fields).send().await.unwrap();
        let back = sent.headers()[header::LOCATION].to_str().unwrap().to_owned();
        let path = &back[back.find("/login/oidc/back").unwrap()..];
        let state = query(path)["state"].clone();
        let answer = fetch(&desk, path, &format!("streife_oidc={state}")).await;
        assert_eq!(answer.status, expected, "{name}: {}", answer.body);
    }
}
