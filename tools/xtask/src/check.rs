//! `cargo xtask check`: what CI checks besides the tests.
//!
//! Format, clippy with warnings denied, documentation with warnings denied, and what `deny.toml` states about
//! licences and sources of dependencies; that every promise has a test that names it (`promises.rs`); that unsafe code
//! stays in the modules that are for it (`boundaries.rs`); that crates which must be usable alone depend on none of the
//! others; that no more than two files name each other in a circle, and no value of kfd-core a verb (`imports`).

use crate::cargo::{cargo, must};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::process::ExitCode;

pub fn run() -> anyhow::Result<ExitCode> {
    must(cargo().args(["fmt", "--all", "--check"]))?;
    must(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    must(cargo().args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    dependencies()?;
    crate::boundaries::check(&crate::cargo::root())?;
    crate::imports::check(&crate::cargo::root())?;
    crate::promises::check(&crate::cargo::root())?;
    println!("check: ok");
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// A crate of the workspace has one.
    path: Option<String>,
    /// `dev` for what only tests use.
    kind: Option<String>,
}

/// The part of `deny.toml` that is checked here; `cargo deny` reads the same file where it is installed.
#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

/// Not cargo-deny: to build it takes minutes of two cores in a set-up, this a third of a second, by cargo-deny's own file.
fn dependencies() -> anyhow::Result<()> {
    let text = std::fs::read_to_string(crate::cargo::root().join("deny.toml")).context("deny.toml")?;
    let deny: Deny = toml::from_str(&text).context("deny.toml")?;
    let out = cargo().args(["metadata", "--format-version", "1", "--locked"]).output()?;
    if !out.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    }
    let metadata: Metadata = serde_json::from_slice(&out.stdout)?;
    let mut refused = Vec::new();
    for package in &metadata.packages {
        if crate::boundaries::ALONE.contains(&package.name.as_str()) && package.source.is_none() {
            let ours = package.dependencies.iter().filter(|needed| needed.path.is_some());
            let built = ours.filter(|needed| needed.kind.as_deref() != Some("dev"));
            refused.extend(built.map(|needed| format!("{} depends on {}", package.name, needed.name)));
        }
        let licence = package.license.as_deref().unwrap_or("none stated");
        if !allowed(licence, &deny.licenses.allow) {
            refused.push(format!("{} {}: licence {licence}", package.name, package.version));
        }
        // A path in the workspace has no source; anything else must come from a registry, never from git.
        if package.source.as_deref().is_some_and(|source| !source.starts_with("registry+")) {
            refused.push(format!("{} {}: not from a registry", package.name, package.version));
        }
    }
    if !refused.is_empty() {
        bail!("dependencies that deny.toml does not allow:\n  {}", refused.join("\n  "));
    }
    println!("dependencies: {} packages, licences and sources allowed", metadata.packages.len());
    Ok(())
}

/// Whether an SPDX expression can be satisfied by the allowed licences: every AND part by one of its OR parts.
fn allowed(expression: &str, allow: &[String]) -> bool {
    expression.replace(['(', ')'], "").split(" AND ").all(|part| {
        part.split(" OR ")
            .flat_map(|one| one.split('/'))
            .any(|one| allow.iter().any(|name| name == one.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::{allowed, dependencies};

    // Keeps: crates-alone
    #[test]
    fn dependencies_have_allowed_licences_and_the_crates_that_stand_alone_need_no_other() {
        dependencies().expect("what Cargo.lock names is allowed");
    }

    #[test]
    fn a_licence_expression_needs_one_allowed_choice_in_every_part() {
        let allow = ["MIT".to_owned(), "Unicode-3.0".to_owned()];
        assert!(allowed("MIT OR Apache-2.0", &allow));
        assert!(allowed("(MIT OR Apache-2.0) AND Unicode-3.0", &allow));
        assert!(!allowed("GPL-3.0", &allow));
        assert!(!allowed("MIT AND GPL-3.0", &allow));
    }
}
