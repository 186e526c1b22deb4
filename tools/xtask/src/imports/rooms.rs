//! The rooms of `kfd-core`: values below, verbs above.
pub fn check(_: &[super::Arrows]) -> anyhow::Result<()> {
    Ok(())
}
