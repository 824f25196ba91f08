//! How far this machine's clock is off, asked from a time server (SNTP, RFC 4330). One packet each way, nothing is
//! set: the figure goes into the capture log.

use std::net::{ToSocketAddrs, UdpSocket};
use std::time::Duration;

use streife_domain::{Clock, Timestamp};

const TIMEOUT: Duration = Duration::from_secs(2);
/// Seconds from 1900, where NTP begins, to 1970.
const EPOCH_SECS: i64 = 2_208_988_800;
const PACKET: usize = 48;
/// Leap indicator 0, version 4, mode 3 (client).
const CLIENT: u8 = 0b00_100_011;

/// Milliseconds by which the server is ahead of our clock.
pub(crate) fn offset_ms(server: &str, clock: &dyn Clock) -> Result<i64, String> {
    let failed = |error: std::io::Error| format!("time server {server}: {error}");
    let address = server.to_socket_addrs().map_err(failed)?.next();
    let address = address.ok_or_else(|| format!("time server {server}: no address"))?;
    let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).map_err(failed)?;
    socket.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
    socket.connect(address).map_err(failed)?;
    let mut packet = [0; PACKET];
    packet[0] = CLIENT;
    let sent = clock.now();
    let token = to_ntp(sent);
    packet[40..48].copy_from_slice(&token);
    socket.send(&packet).map_err(failed)?;
    let mut answer = [0; PACKET];
    let length = socket.recv(&mut answer).map_err(failed)?;
    let received = clock.now();
    // Mode 4 (server), stratum 1 to 15, and an answer to exactly our question.
    if length < PACKET || answer[0] & 7 != 4 || !(1..16).contains(&answer[1]) || answer[24..32] != token {
        return Err(format!("time server {server}: not an answer to our question"));
    }
    let (there, back) = (from_ntp(&answer[32..40]), from_ntp(&answer[40..48]));
    let offset = (there.micros_since(sent) + back.micros_since(received)) / 2;
    Ok(offset / 1_000)
}

fn to_ntp(at: Timestamp) -> [u8; 8] {
    let micros = at.as_micros().rem_euclid(1_000_000);
    let seconds = u32::try_from((at.as_secs() + EPOCH_SECS).rem_euclid(1 << 32)).unwrap_or(0);
    let fraction = u32::try_from((micros << 32) / 1_000_000).unwrap_or(0);
    let mut out = [0; 8];
    out[..4].copy_from_slice(&seconds.to_be_bytes());
    out[4..].copy_from_slice(&fraction.to_be_bytes());
    out
}

/// Times before 1968 do not occur, so a small number means the era after 2036.
fn from_ntp(bytes: &[u8]) -> Timestamp {
    let number = |from: usize| {
        bytes
            .get(from..from + 4)
            .map_or(0, |part| part.iter().fold(0i64, |sum, byte| (sum << 8) | i64::from(*byte)))
    };
    let (seconds, fraction) = (number(0), number(4));
    let seconds = if seconds < 1 << 31 { seconds + (1 << 32) } else { seconds };
    Timestamp::from_micros((seconds - EPOCH_SECS) * 1_000_000 + ((fraction * 1_000_000) >> 32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::ManualClock;

    /// A time server whose clock is ahead by `secs`, and that lies about the question when told to.
    fn server(clock: std::sync::Arc<ManualClock>, secs: i64, honest: bool) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let mut packet = [0; PACKET];
            let (_, from) = socket.recv_from(&mut packet).unwrap();
            let mut answer = [0; PACKET];
            (answer[0], answer[1]) = (0b00_100_100, 2);
            if honest {
                answer[24..32].copy_from_slice(&packet[40..48]);
            }
            let now = to_ntp(clock.now().plus_secs(secs));
            answer[32..40].copy_from_slice(&now);
            answer[40..48].copy_from_slice(&now);
            socket.send_to(&answer, from).unwrap();
        });
        address
    }

    #[test]
    fn a_clock_an_hour_off_is_measured_and_an_answer_to_another_question_is_refused() {
        let clock =
            std::sync::Arc::new(ManualClock::new(Timestamp::parse("2026-07-04T12:00:00.25Z").unwrap()));
        assert_eq!(offset_ms(&server(clock.clone(), 3_600, true), &*clock), Ok(3_600_000));
        assert!(offset_ms(&server(clock.clone(), 0, false), &*clock).unwrap_err().contains("not an answer"));
        assert!(offset_ms("127.0.0.1:9", &*clock).is_err());
    }

    #[test]
    fn times_survive_the_format_and_the_year_2036() {
        for text in ["2026-07-04T12:00:00.25Z", "2036-02-07T06:28:17Z", "2044-01-01T00:00:00Z"] {
            let at = Timestamp::parse(text).unwrap();
            assert!(from_ntp(&to_ntp(at)).micros_since(at).abs() <= 1, "{text}");
        }
    }
}
