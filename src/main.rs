//! The binary: everything is in the library.

fn main() {
    spile::cmd::main()
}
