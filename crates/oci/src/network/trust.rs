//! Whose certificates are trusted: the authorities of this machine, or those of a bundle that somebody named.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};

use crate::error::{Error, ErrorClass};

/// A file, and what named it, such as a variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// As in messages: `AWS_CA_BUNDLE`.
    pub by: String,
    /// The file.
    pub path: PathBuf,
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` of {}", self.path.display(), self.by)
    }
}

/// The certificate authorities that are trusted. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust(Option<Arc<Bundle>>);

#[derive(Debug, PartialEq, Eq)]
struct Bundle {
    named: Named,
    certificates: Vec<CertificateDer<'static>>,
}

/// This machine's, read when they are first needed: that takes longer than all else at the start of a program.
static OF_MACHINE: LazyLock<Vec<CertificateDer<'static>>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs().certs;
    found.into_iter().filter(is_usable).collect()
});

/// Larger than any bundle: all of the web's authorities take a quarter of a megabyte.
const LARGEST_BUNDLE_BYTES: u64 = 16 * 1024 * 1024;

impl Trust {
    /// The authorities of a file in PEM form, and nobody else.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] when the file cannot be read, holds no certificate, or one that cannot be used.
    pub fn bundle(named: Named) -> Result<Self, Error> {
        Self::bundle_and_folders(named, &[])
    }

    /// The same, and the certificates in folders. What cannot be used there is passed over, as OpenSSL does.
    ///
    /// # Errors
    /// As [`Trust::bundle`].
    pub fn bundle_and_folders(named: Named, folders: &[PathBuf]) -> Result<Self, Error> {
        let wrong = |problem: String| {
            Error::new(
                ErrorClass::Invalid,
                format!("reading the certificates in {named}"),
                problem,
            )
            .with_hint(format!(
                "{} has to name a file of certificates in PEM form, one after the other",
                named.by
            ))
        };
        let bytes = read(&named.path).map_err(|error| wrong(error.to_string()))?;
        let mut certificates = Vec::new();
        for (index, certificate) in CertificateDer::pem_slice_iter(&bytes).enumerate() {
            let number = index + 1;
            let certificate =
                certificate.map_err(|error| wrong(format!("certificate {number} {}", broken_off(&error))))?;
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| wrong(format!("certificate {number} cannot be used: {error}")))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(wrong("there is none".to_owned()));
        }
        certificates.extend(of_folders(folders));
        Ok(Self(Some(Arc::new(Bundle { named, certificates }))))
    }

    /// The certificates in folders, and nobody else's; what cannot be used there is passed over.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] when there is none in them.
    pub fn folders(named: Named, folders: &[PathBuf]) -> Result<Self, Error> {
        let certificates = of_folders(folders);
        if certificates.is_empty() {
            let doing = format!("reading the certificates in {named}");
            return Err(Error::invalid(doing, "there is none").with_hint(format!(
                "{} has to name folders of certificates in PEM form",
                named.by
            )));
        }
        Ok(Self(Some(Arc::new(Bundle { named, certificates }))))
    }

    /// Whether it is this machine's own authorities that are trusted.
    pub fn is_machines(&self) -> bool {
        self.0.is_none()
    }

    /// All of them, each known to be usable.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        match &self.0 {
            Some(bundle) => &bundle.certificates,
            None => &OF_MACHINE,
        }
    }

    /// All of them in PEM form.
    pub fn pem(&self) -> String {
        let mut text = String::new();
        for certificate in self.certificates() {
            text.push_str("-----BEGIN CERTIFICATE-----\n");
            for line in certificate.as_ref().chunks(PEM_LINE_BYTES) {
                let _ = writeln!(text, "{}", STANDARD.encode(line));
            }
            text.push_str("-----END CERTIFICATE-----\n");
        }
        text
    }
}

/// 64 characters: <https://www.rfc-editor.org/rfc/rfc7468#section-2>.
const PEM_LINE_BYTES: usize = 48;

impl fmt::Display for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(bundle) => write!(formatter, "the certificate authorities in {}", bundle.named),
            None if OF_MACHINE.is_empty() => {
                formatter.write_str("no certificate authorities, since this machine has none")
            }
            None => formatter.write_str("this machine's certificate authorities"),
        }
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST_BUNDLE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_BUNDLE_BYTES {
        let problem = format!("it has more than {LARGEST_BUNDLE_BYTES} bytes");
        return Err(std::io::Error::other(problem));
    }
    Ok(bytes)
}

fn of_folders(folders: &[PathBuf]) -> Vec<CertificateDer<'static>> {
    let read = |folder: &PathBuf| rustls_native_certs::load_certs_from_paths(None, Some(folder)).certs;
    folders.iter().flat_map(read).filter(is_usable).collect()
}

fn is_usable(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

fn broken_off(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "does not end: its last line is missing".to_owned(),
        pem::Error::Base64Decode(_) => "is not base64 between its first and its last line".to_owned(),
        other => format!("cannot be read: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of a test's authority, valid until 2126.
    const AUTHORITY: &str = include_str!("authority.pem");

    fn named(folder: &tempfile::TempDir, content: &[u8]) -> Named {
        let path = folder.path().join("bundle.pem");
        std::fs::write(&path, content).unwrap();
        Named {
            by: "AWS_CA_BUNDLE".to_owned(),
            path,
        }
    }

    #[test]
    fn a_bundle_is_taken_with_all_its_certificates_and_what_stands_between_them() {
        let folder = tempfile::tempdir().unwrap();
        for (text, count) in [
            (AUTHORITY.to_owned(), 1),
            (format!("# Ours\n{AUTHORITY}\n\n# Theirs\n{AUTHORITY}"), 2),
            (AUTHORITY.replace('\n', "\r\n"), 1),
            (AUTHORITY.trim_end().to_owned(), 1),
        ] {
            let trust = Trust::bundle(named(&folder, text.as_bytes())).unwrap();
            assert_eq!(trust.certificates().len(), count, "{text}");
            assert!(!trust.is_machines());
            // What comes out is what went in.
            let again = Trust::bundle(named(&folder, trust.pem().as_bytes())).unwrap();
            assert_eq!(again, trust);
        }
    }

    #[test]
    fn a_bundle_that_cannot_be_used_is_an_error_that_names_variable_path_and_place() {
        let folder = tempfile::tempdir().unwrap();
        let cut = AUTHORITY.trim_end().rsplit_once('\n').unwrap().0;
        let middle = AUTHORITY.len() / 2;
        let mut damaged = AUTHORITY.to_owned();
        damaged.replace_range(middle..=middle, "?");
        let garbage = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
        for (text, problem) in [
            ("", "there is none"),
            ("not a certificate", "there is none"),
            (cut, "certificate 1 does not end"),
            (&damaged, "certificate 1 is not base64"),
            (&format!("{AUTHORITY}{garbage}"), "certificate 2 cannot be used"),
        ] {
            let named = named(&folder, text.as_bytes());
            let path = named.path.display().to_string();
            let error = Trust::bundle(named).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Invalid);
            let said = error.to_string();
            for part in ["AWS_CA_BUNDLE", &path, problem] {
                assert!(said.contains(part), "{text}: {said}");
            }
            assert!(error.hint().is_some_and(|hint| hint.contains("PEM")));
        }
        for (path, problem) in [
            (folder.path().join("nowhere.pem"), "No such file"),
            (folder.path().to_owned(), "Is a directory"),
        ] {
            let by = "AWS_CA_BUNDLE".to_owned();
            let error = Trust::bundle(Named { by, path }).unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
        }
    }

    #[test]
    fn folders_of_certificates_are_taken_as_far_as_they_can_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = named(&folder, AUTHORITY.as_bytes());
        std::fs::write(folder.path().join("README"), "not a certificate").unwrap();
        let folders = [folder.path().to_owned(), folder.path().join("nowhere")];
        let by_name = || Named {
            by: "SSL_CERT_DIR".to_owned(),
            path: folder.path().to_owned(),
        };
        assert_eq!(
            Trust::folders(by_name(), &folders).unwrap().certificates().len(),
            1
        );
        let both = Trust::bundle_and_folders(file, &folders).unwrap();
        assert_eq!(both.certificates().len(), 2);
        let error = Trust::folders(by_name(), &folders[1..]).unwrap_err();
        assert!(error.to_string().contains("SSL_CERT_DIR"), "{error}");
    }
}
