//! Completions and manual pages, as a package installs them.

#![allow(clippy::unwrap_used, reason = "a test's functions outside #[test] fail loudly too")]

use std::process::{Command, Output};

/// The subcommands that `--help` shows.
const VERBS: [&str; 11] =
    ["run", "ps", "queues", "kernels", "shares", "top", "topology", "doctor", "cdi", "completions", "man"];

fn kfdctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kfdctl")).args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let out = kfdctl(arguments);
    assert!(out.status.success() && out.stderr.is_empty(), "{arguments:?}: {out:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// The long options of a subcommand, as its help has them; `kfdctl` itself is the subcommand of no name.
fn options(verb: &str) -> Vec<String> {
    let help = if verb.is_empty() { printed(&["--help"]) } else { printed(&[verb, "--help"]) };
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let options = lines.filter_map(|line| line.split([' ', ',']).find_map(|word| word.strip_prefix("--")));
    let options: Vec<_> = options.map(str::to_owned).collect();
    assert!(options.contains(&"help".to_owned()), "{verb}: {help}");
    options
}

// Keeps: manual
#[test]
fn the_completions_of_every_shell_name_every_subcommand_and_option() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for verb in VERBS {
            assert!(script.contains(verb), "{shell}: no {verb}");
            for option in options(verb) {
                // fish: `-l run-dir`; the others: `--run-dir`.
                let long = if shell == "fish" { format!("-l {option}") } else { format!("--{option}") };
                assert!(script.contains(&long), "{shell}: {verb} has no {long}");
            }
        }
        assert!(!script.contains("overdrawn"), "{shell}: a hidden subcommand is completed");
    }
    assert_eq!(kfdctl(&["completions", "tcsh"]).status.code(), Some(2));
}

// Keeps: manual
#[test]
fn bash_takes_its_completions_and_completes_a_subcommand() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("kfdctl");
    std::fs::write(&script, printed(&["completions", "bash"])).unwrap();
    let Ok(checked) = Command::new("bash").arg("-n").arg(&script).output() else {
        println!("skipped: bash_takes_its_completions_and_completes_a_subcommand: needs bash");
        return;
    };
    assert!(checked.status.success() && checked.stderr.is_empty(), "{checked:?}");
    let ask = "source \"$1\"; COMP_WORDS=(kfdctl topo); COMP_CWORD=1; _kfdctl kfdctl topo kfdctl; echo \"${COMPREPLY[*]}\"";
    let out = Command::new("bash").args(["-c", ask, "bash"]).arg(&script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), "topology\n", "{out:?}");
}

// Keeps: manual
#[test]
fn every_command_has_a_page_with_all_its_options() {
    let list = printed(&["man"]);
    let pages: Vec<_> = list.lines().collect();
    let of_verbs = VERBS.map(|verb| format!("kfdctl-{verb}.1"));
    let expected: Vec<&str> =
        ["kfdctl.1"].into_iter().chain(of_verbs.iter().map(String::as_str)).chain(["kfdd.8"]).collect();
    assert_eq!(pages, expected);
    for page in pages {
        let (name, section) = page.split_once('.').unwrap();
        let text = printed(&["man", page]);
        assert_eq!(text, printed(&["man", name]), "the section may be left out");
        let title = text.lines().find(|line| line.starts_with(".TH")).unwrap();
        assert!(title.contains(name) && title.contains(&format!(" {section} ")), "{title}");
        for part in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS", ".SH \"SEE ALSO\""] {
            assert!(text.contains(part), "{page}: no {part} in {text}");
        }
        let plain = text.replace("\\-", "-");
        let options = match name.strip_prefix("kfdctl") {
            Some(verb) => options(verb.trim_start_matches('-')),
            None => {
                ["run-dir", "profile", "gpus", "waves", "wave-threads", "json"].map(str::to_owned).to_vec()
            }
        };
        for option in options {
            assert!(plain.contains(&format!("--{option}")), "{page}: no --{option}");
        }
    }
}

#[test]
fn the_page_of_run_says_what_its_command_sees_and_with_what_it_ends() {
    let page = printed(&["man", "kfdctl-run"]);
    for part in [
        "private view",
        "HSA_FORCE_SDMA_SIZE",
        "executes no waves",
        ".SH EXAMPLES\n.nf",
        ".SH \"EXIT STATUS\"",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
}

// Keeps: manual
#[test]
fn man_shows_the_pages_without_a_complaint() {
    for page in printed(&["man"]).lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(page);
        std::fs::write(&file, printed(&["man", page])).unwrap();
        let shown = Command::new("groff").args(["-man", "-Tutf8", "-ww"]).arg(&file).output();
        let Ok(shown) = shown else {
            println!("skipped: man_shows_the_pages_without_a_complaint: needs groff");
            return;
        };
        assert!(shown.status.success() && shown.stderr.is_empty(), "{page}: {shown:?}");
    }
}

#[test]
fn a_page_that_does_not_exist_is_refused_by_name() {
    for page in ["kfdctl-enter", "kfdd.1", "nothing"] {
        let out = kfdctl(&["man", page]);
        assert_eq!(out.status.code(), Some(1), "{out:?}");
        let error = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(error.contains(page) && error.contains("kfdctl man"), "{error}");
    }
}
