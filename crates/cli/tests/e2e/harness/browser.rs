//! A real browser, without a window.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// Names of the program, the first that is there counts.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Nothing of the browser's own goes out, and nothing of anybody's comes in.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-extensions",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// A browser.
pub struct Browser {
    program: PathBuf,
}

impl Browser {
    /// The browser of this machine.
    pub fn find() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        PROGRAMS
            .iter()
            .flat_map(|program| folders.iter().map(move |folder| folder.join(program)))
            .find(|program| program.is_file())
            .map(|program| Self { program })
            .unwrap_or_else(|| panic!("no browser is installed; one of {PROGRAMS:?} would do"))
    }

    /// Opens a page of this machine in frames of these widths, and gives each to `script`, a function of the
    /// frame's document and window; what that returns for each.
    #[track_caller]
    pub fn look(&self, page: &Path, widths: &[u32], script: &str) -> Vec<Value> {
        let folder = TempDir::new().unwrap();
        fs::copy(page, folder.path().join("page.html")).unwrap();
        let frames: String = widths
            .iter()
            .map(|width| {
                format!(
                    "<iframe src=\"page.html\" width=\"{width}\" height=\"900\" frameborder=\"0\"></iframe>"
                )
            })
            .collect();
        let html = format!(
            "<!DOCTYPE html><meta charset=\"utf-8\"><title>check</title>{frames}<pre id=\"found\"></pre><script>\n\
             const errors = [];\n\
             addEventListener('error', event => errors.push(event.message));\n\
             const look = {script};\n\
             addEventListener('load', () => {{\n\
               const found = [...document.querySelectorAll('iframe')].map(frame => {{\n\
                 try {{ return look(frame.contentDocument, frame.contentWindow); }}\n\
                 catch (error) {{ return {{ broken: String(error) }}; }}\n\
               }});\n\
               const text = JSON.stringify({{ found, errors }});\n\
               document.getElementById('found').textContent = btoa(unescape(encodeURIComponent(text)));\n\
             }});\n</script>"
        );
        let check = folder.path().join("check.html");
        fs::write(&check, html).unwrap();
        let output = Command::new(&self.program)
            .args(FLAGS)
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            // The page that looks may look into the other, which is a file as well.
            .arg("--allow-file-access-from-files")
            .arg("--window-size=1600,1200")
            .arg("--dump-dom")
            .arg(format!("file://{}", check.display()))
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&output.stdout);
        let told = || format!("{dom}\n{}", String::from_utf8_lossy(&output.stderr));
        let (_, rest) = dom
            .split_once("<pre id=\"found\">")
            .unwrap_or_else(|| panic!("{}", told()));
        let (text, _) = rest.split_once('<').unwrap();
        let decoded = decode(text).unwrap_or_else(|| panic!("{}", told()));
        let found: Value = serde_json::from_slice(&decoded).unwrap();
        assert_eq!(found["errors"], Value::Array(Vec::new()), "{found}");
        found["found"].as_array().unwrap().clone()
    }
}

/// Base64, which passes through a document as it is.
fn decode(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim().bytes().take_while(|byte| *byte != b'=') {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        bits = (bits << 6 | digit as u32) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}
