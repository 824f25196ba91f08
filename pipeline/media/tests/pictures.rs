//! Broken, huge and mislabelled pictures are refused with a reason.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};
use streife_media::{DecodeError, MAX_EDGE, decode};

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    let mut bytes = (data.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(kind);
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&crc.sum().to_be_bytes());
    bytes
}

/// A grey PNG that says how large it is, with the rows given.
fn png(width: u32, height: u32, rows: &[u8]) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend_from_slice(&[8, 0, 0, 0, 0]);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(rows).unwrap();
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(chunk(b"IHDR", &header));
    bytes.extend(chunk(b"IDAT", &packed.finish().unwrap()));
    bytes.extend(chunk(b"IEND", &[]));
    bytes
}

#[test]
fn a_sound_picture_is_read() {
    let mut rows = Vec::new();
    for _ in 0..40 {
        rows.push(0);
        rows.extend([200; 50]);
    }
    let picture = decode(&png(50, 40, &rows)).unwrap();
    assert_eq!((picture.width(), picture.height(), picture.pixels()[7]), (50, 40, 200));
}

#[test]
fn a_decompression_bomb_is_refused_before_it_is_unpacked() {
    // 900 million pixels in less than a megabyte.
    let bomb = png(30_000, 30_000, &vec![0; 30_001 * 1_000]);
    assert!(bomb.len() < 1 << 20);
    assert!(matches!(decode(&bomb), Err(DecodeError::TooLarge { width: 30_000, height: 30_000 })));
    assert!(matches!(decode(&png(MAX_EDGE + 1, 40, &[0])), Err(DecodeError::TooLarge { .. })));
    assert!(matches!(decode(&png(16_000, 2_000, &[0])), Err(DecodeError::TooLarge { .. })));
}

#[test]
fn what_is_broken_small_or_no_picture_is_refused_with_its_reason() {
    assert_eq!(decode(b"").err(), Some(DecodeError::Format));
    assert_eq!(decode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").err(), Some(DecodeError::Format));
    assert_eq!(decode(b"II*\0 a TIFF is not read").err(), Some(DecodeError::Format));
    assert!(matches!(decode(&png(1, 1, &[0, 0])), Err(DecodeError::TooSmall { width: 1, height: 1 })));
    let half = png(50, 40, &[0; 100]);
    assert!(matches!(decode(&half), Err(DecodeError::Broken(_))));
    for cut in 0..half.len() {
        assert!(decode(&half[..cut]).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_behind_any_signature_are_read_or_refused(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600),
        signature in 0_usize..4,
    ) {
        let signatures: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\x10\0\0\0WEBPVP8 "];
        let _ = decode(&[signatures[signature], &bytes].concat());
    }
}
