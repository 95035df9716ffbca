//! What a binary asks of the system that it starts on: symbol versions, and how its addresses are adjusted.
//!
//! <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html>

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use object::elf::FileHeader64;
use object::read::elf::{Dyn, FileHeader, SectionHeader};
use object::{Endianness, elf};

/// How packed relocations are called here; glibc calls the version `GLIBC_ABI_DT_RELR` that reads them.
const PACKED: &str = "DT_RELR";

/// The entry of the dynamic section that says where they are.
const DT_RELR: u64 = 36;

/// The names of what a binary asks for, such as `GLIBC_2.17`.
///
/// # Errors
/// It is no 64-bit ELF file, or a damaged one.
pub fn of(binary: &[u8]) -> Result<BTreeSet<String>> {
    let header = FileHeader64::<Endianness>::parse(binary).context("this is no 64-bit ELF file")?;
    let endian = header.endian()?;
    let sections = header.sections(endian, binary)?;
    let mut found = BTreeSet::new();
    if let Some((mut libraries, link)) = sections.gnu_verneed(endian, binary)? {
        let strings = sections.strings(endian, binary, link)?;
        while let Some((_, mut versions)) = libraries.next()? {
            while let Some(version) = versions.next()? {
                found.insert(String::from_utf8_lossy(version.name(endian, strings)?).into_owned());
            }
        }
    }
    for section in sections
        .iter()
        .filter(|section| section.sh_type(endian) == elf::SHT_DYNAMIC)
    {
        if let Some((entries, _)) = section.dynamic(endian, binary)?
            && entries.iter().any(|entry| entry.d_tag(endian) == DT_RELR)
        {
            found.insert(PACKED.into());
        }
    }
    Ok(found)
}

/// Those of them that this glibc does not have.
pub fn newer_than(needs: &BTreeSet<String>, glibc: (u32, u32)) -> Vec<String> {
    let is_newer = |name: &&String| match name.strip_prefix("GLIBC_") {
        // A version that is no number, such as `GLIBC_ABI_DT_RELR`, is newer than those that are, and private ones are
        // of one glibc alone.
        Some(version) => numbers(version).is_none_or(|version| version > glibc),
        None => name.as_str() == PACKED,
    };
    needs.iter().filter(is_newer).cloned().collect()
}

/// Major and minor: `2.2.5` is of 2.2.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_program_asks_for_is_read() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needs = of(&own).unwrap();
        assert!(
            needs.contains("GLIBC_2.2.5") || needs.contains("GLIBC_2.17"),
            "{needs:?}"
        );
        assert_eq!(newer_than(&needs, (99, 0)), Vec::<String>::new());
        assert!(!newer_than(&needs, (1, 0)).is_empty());
        assert!(of(b"no binary").is_err());
        assert!(of(&own[..5000]).is_err());
    }

    #[test]
    fn what_an_older_glibc_lacks_is_named() {
        let needs = [
            "GLIBC_2.2.5",
            "GLIBC_2.28",
            "GLIBC_2.29",
            "GLIBC_2.4",
            "GLIBC_ABI_DT_RELR",
            "GCC_3.0",
            "DT_RELR",
        ];
        assert_eq!(
            newer_than(&needs.map(str::to_owned).into(), (2, 28)),
            ["DT_RELR", "GLIBC_2.29", "GLIBC_ABI_DT_RELR"]
        );
    }
}
