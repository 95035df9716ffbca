//! How the binary is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // What an executable has to have moved when it is loaded, written down in a fiftieth of the space: two bytes
    // instead of 24 for each address. Linux with glibc 2.36 or newer reads it; a linker that does not know it goes
    // on with a warning.
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if (target("OS"), target("ENV")) == ("linux".to_owned(), "gnu".to_owned()) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
