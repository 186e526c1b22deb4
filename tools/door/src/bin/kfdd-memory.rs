//! The memory worker, and the zygote of wave workers, as a program of its own, for embedders that cannot be executed again (tests, foreign programs).
//!
//! `kfdd` and `kfdctl` do not need it: they execute themselves.

fn main() {
    door::workers::enter_if_asked();
    door::wave_workers::enter_if_asked();
    eprintln!("kfdd-memory: started by the daemon only");
    std::process::exit(64);
}
