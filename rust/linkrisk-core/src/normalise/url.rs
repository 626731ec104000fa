//! Addresses of images: folded and hashed, never opened.

use std::fmt::Write;

use xxhash_rust::xxh3::xxh3_64;

use super::Outcome;
use super::text::{self, is_blank};

/// Bytes of an image's address that its canonical text may have; a longer one is named by its hash.
const MAX_URL_BYTES: usize = 2048;
const DIGEST: &str = "xxh3:";

/// Reads the address of an image into `out`; nothing is ever opened.
///
/// Scheme and host are lower-cased, a fragment and the default port dropped; path and query are kept
/// as they are. An address over 2 048 bytes (an image inside the address) becomes the hash of it.
pub fn image_url(raw: &str, out: &mut String) -> Outcome {
    out.clear();
    let raw = raw.trim();
    if is_blank(text::cut(raw, text::MAX_RAW_BYTES)) {
        return Outcome::Blank;
    }
    let short = raw.len() <= MAX_URL_BYTES;
    let plain = if short { raw.split('#').next().unwrap_or(raw) } else { raw };
    let mut folded = String::new();
    text::fold(plain, &mut folded);
    if text::is_placeholder(&folded) {
        return Outcome::Placeholder;
    }
    let shows = plain.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if !shows || plain.len() < 4 || !plain.contains(['.', '/', ':']) {
        return Outcome::Invalid;
    }
    if !short {
        let _ = write!(out, "{DIGEST}{:016x}", xxh3_64(raw.as_bytes()));
        return Outcome::Valid;
    }
    match plain.split_once("://") {
        Some((scheme, rest))
            if scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'-') =>
        {
            let scheme = scheme.to_ascii_lowercase();
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let mut host = rest[..end].to_ascii_lowercase();
            let port = match scheme.as_str() {
                "http" => ":80",
                "https" => ":443",
                _ => "",
            };
            while !port.is_empty() && host.ends_with(port) {
                host.truncate(host.len() - port.len());
            }
            if host.is_empty() && scheme.starts_with("http") {
                return Outcome::Invalid;
            }
            let _ = write!(out, "{scheme}://{host}{}", &rest[end..]);
        }
        _ => out.push_str(plain),
    }
    if out.len() < 4 {
        out.clear();
        return Outcome::Invalid;
    }
    Outcome::Valid
}

/// The packed value of a canonical address: 62 bits of its xxh3, never 0.
pub fn url_packed(canonical: &str) -> u64 {
    let digest = canonical.strip_prefix(DIGEST).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let hash = digest.unwrap_or_else(|| xxh3_64(canonical.as_bytes()));
    (hash & ((1 << 62) - 1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_image_url() {
        let mut out = String::new();
        assert_eq!(image_url("HTTPS://Img.Example.COM:443/A/b.JPG?token=Xy#top", &mut out), Outcome::Valid);
        assert_eq!(out, "https://img.example.com/A/b.JPG?token=Xy");
        let packed = url_packed(&out);
        image_url("https://img.example.com/A/b.JPG?token=xy", &mut out);
        assert_ne!(url_packed(&out), packed);
        assert_eq!(image_url("not a url", &mut out), Outcome::Invalid);
        let inline = format!("data:image/png;base64,{}", "A".repeat(10_000));
        assert_eq!(image_url(&inline, &mut out), Outcome::Valid);
        assert_eq!(url_packed(&out), (xxh3_64(inline.as_bytes()) & ((1 << 62) - 1)).max(1));
    }
}
