//! Links Debian's Hyperscan (`libhyperscan-dev`).

fn main() {
    println!("cargo:rustc-link-lib=dylib=hs");
}
