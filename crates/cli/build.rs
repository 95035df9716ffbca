//! How the binary is linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let is_linux = target("OS") == "linux";
    // No packed relocations (`-z pack-relative-relocs`), although they save 3 MB: glibc reads them from 2.36 on only.
    // The profile says so too, and Cargo forgets it where a package has an optimisation of its own.
    if is_linux && env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
}
