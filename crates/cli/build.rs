//! How the binary is linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let is_linux = target("OS") == "linux";
    // What has to be adjusted when it is loaded takes a fortieth of the space so. Linux with glibc 2.36 or newer reads
    // it; a linker that does not know it goes on with a warning.
    if is_linux && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    // The profile says so too, and Cargo forgets it where a package has an optimisation of its own.
    if is_linux && env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
}
