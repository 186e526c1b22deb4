//! The hook that makes links in a container, with a folder in a container's place.

#![allow(clippy::unwrap_used, reason = "a test's functions outside #[test] fail loudly too")]

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A bundle whose root is `root`.
fn bundle() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("root/dev")).unwrap();
    fs::write(folder.path().join("config.json"), r#"{"ociVersion": "1.0.2", "root": {"path": "root"}}"#)
        .unwrap();
    folder
}

fn link(bundle: &Path, links: &[&str]) -> Output {
    let mut hook = Command::new(env!("CARGO_BIN_EXE_kfdctl"));
    hook.arg("cdi-link").args(links.iter().flat_map(|link| ["--link", link]));
    let mut child = hook.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let state = format!(r#"{{"id": "x", "status": "creating", "bundle": "{}"}}"#, bundle.display());
    match child.stdin.take().unwrap().write_all(state.as_bytes()) {
        // A hook that refuses its arguments reads no state.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.unwrap(),
    }
    child.wait_with_output().unwrap()
}

// Keeps: cdi-hook
#[test]
fn links_are_made_in_the_containers_root_once_or_twice() {
    let bundle = bundle();
    let links = [".kfdd/kfd::/dev/kfd", "../.kfdd/dri/renderD128::/dev/dri/renderD128"];
    for _ in 0..2 {
        let done = link(bundle.path(), &links);
        assert!(done.status.success(), "{done:?}");
    }
    let root = bundle.path().join("root");
    assert_eq!(fs::read_link(root.join("dev/kfd")).unwrap(), Path::new(".kfdd/kfd"));
    assert_eq!(fs::read_link(root.join("dev/dri/renderD128")).unwrap(), Path::new("../.kfdd/dri/renderD128"));
}

// Keeps: cdi-hook
#[test]
fn a_device_of_the_containers_own_is_not_replaced() {
    let bundle = bundle();
    let own = bundle.path().join("root/dev/kfd");
    fs::write(&own, "its own").unwrap();
    let done = link(bundle.path(), &[".kfdd/kfd::/dev/kfd"]);
    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("something else is there"), "{done:?}");
    assert_eq!(fs::read_to_string(own).unwrap(), "its own");
}

// Keeps: cdi-hook
#[test]
fn what_an_image_links_to_is_looked_for_inside_of_it() {
    let bundle = bundle();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), bundle.path().join("root/dev/dri")).unwrap();
    let done = link(bundle.path(), &["../x::/dev/dri/renderD128"]);
    assert!(!done.status.success(), "the image has no such folder");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "nothing is made outside");
}

// Keeps: cdi-hook
#[test]
fn what_is_no_state_or_no_link_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let done = link(empty.path(), &["a::/b"]);
    assert!(String::from_utf8_lossy(&done.stderr).contains("config.json"), "{done:?}");
    for bad in ["a", "::/b", "a::b"] {
        let done = link(bundle().path(), &[bad]);
        assert!(String::from_utf8_lossy(&done.stderr).contains("TARGET::/LINK"), "{done:?}");
    }
}
