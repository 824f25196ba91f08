//! PostgreSQL over TLS: the desk speaks to the server that the authority of the house vouches for, under its right name, and to
//! no other. Needs the servers that tests/suites/postgres.sh starts; says so where they are not there.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; a skip is said")]

use sqlx::Row;
use streife_cases::store::{CaseStore, StoreError};

/// What the suite hands over; see there.
struct Servers {
    /// TLS alone; its certificate names `localhost`.
    tls: String,
    /// No TLS.
    plain: String,
    authority: String,
    stranger: String,
}

fn servers() -> Option<Servers> {
    let of = |name: &str| std::env::var(name).ok();
    let found = Servers {
        tls: of("STREIFE_TEST_POSTGRES_TLS")?.replace("127.0.0.1", "localhost"),
        plain: of("STREIFE_TEST_POSTGRES")?.replace("127.0.0.1", "localhost"),
        authority: of("STREIFE_TEST_AUTHORITY")?,
        stranger: of("STREIFE_TEST_STRANGER")?,
    };
    Some(found)
}

/// The address as docs/operations.md tells to write it.
fn verified(server: &str, authority: &str) -> String {
    format!("{server}?sslmode=verify-full&sslrootcert={authority}")
}

async fn refused(url: &str) -> StoreError {
    CaseStore::connect(url).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn the_desk_speaks_only_to_the_server_that_its_own_authority_vouches_for() {
    let Some(Servers { tls, plain, authority, stranger }) = servers() else {
        println!("skipped: PostgreSQL with TLS is not there (STREIFE_TEST_POSTGRES_TLS)");
        return;
    };
    let store = CaseStore::connect(&verified(&tls, &authority)).await.unwrap();
    assert!(store.migrate().await.unwrap() > 0);
    let pool = sqlx::AnyPool::connect(&verified(&tls, &authority)).await.unwrap();
    let row =
        sqlx::query("SELECT CAST(ssl AS INT) AS ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(row.get::<i32, _>("ssl"), 1, "the server says the line is encrypted");
    assert!(row.get::<String, _>("version").starts_with("TLSv1."));

    // The server answers whoever does not look: what follows is refused because the desk looks.
    assert!(CaseStore::connect(&format!("{tls}?sslmode=require")).await.is_ok());
    for (what, url) in [
        ("another authority", verified(&tls, &stranger)),
        ("public authorities alone", format!("{tls}?sslmode=verify-full")),
        ("another name", verified(&tls.replace("localhost", "127.0.0.1"), &authority)),
        ("a server without TLS", verified(&plain, &authority)),
    ] {
        let error = refused(&url).await;
        assert!(!error.is_transient(), "{what} is for a person, not for another try: {error}");
        println!("{what}: {error}");
    }
    let error = refused(&verified(&tls, "/nowhere/authority.pem")).await;
    println!("an authority's file that is not there: {error}");
    let error = refused(&format!("{tls}?sslmode=disable")).await;
    assert!(!error.is_transient() && error.to_string().contains("pg_hba"), "the server refuses it: {error}");
}
