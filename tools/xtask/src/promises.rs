//! Holds PROMISES.md and CALLS.md against the tests, both ways.
//!
//! A promise is a line of PROMISES.md, its id and one sentence; a call of CALLS.md is one too, by its name:
//!
//! ```text
//! - `death-frees-all`: A client's death frees everything it had.
//! ```
//!
//! A test that keeps some of them names them directly above its `#[test]`, in as many such lines as it needs:
//!
//! ```text
//! // Keeps: death-frees-all, CREATE_QUEUE
//! #[test]
//! ```
//!
//! A promise that no test names fails the check, and so does a name that is no promise, one that stands beside no test,
//! beside an ignored test, which nobody runs, or in a file that is compiled into nothing.

use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The papers that promise something, in lines that begin with a name.
const PAPERS: &[&str] = &["PROMISES.md", "CALLS.md"];

/// The longest line of a paper: what is longer is more than one promise.
const COLUMNS: usize = 240;

/// What a test says before the names of what it keeps.
const KEEPS: &str = "// Keeps: ";

/// Checks the papers and tests of the workspace at `root`.
///
/// # Errors
/// What is wrong, a line for each.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    let mut promised = BTreeSet::new();
    for paper in PAPERS.iter().chain(&["DIFFERENCES.md"]) {
        let text = std::fs::read_to_string(root.join(paper)).with_context(|| (*paper).to_owned())?;
        let long = text.lines().enumerate().filter(|(_, line)| line.chars().count() > COLUMNS);
        wrong.extend(long.map(|(at, _)| format!("{paper}:{}: longer than {COLUMNS} columns", at + 1)));
        for (id, sentence) in PAPERS.contains(paper).then(|| lines(&text)).into_iter().flatten() {
            if *paper == "PROMISES.md" && !is_promise(id, sentence) {
                wrong.push(format!("{paper}: `{id}` is not a name of small letters and one sentence"));
            }
            if !promised.insert(id.to_owned()) {
                wrong.push(format!("{paper}: `{id}` is promised twice"));
            }
        }
    }
    let mut kept: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(root)? {
        let text = std::fs::read_to_string(root.join(&file)).with_context(|| file.clone())?;
        let claims = claims(&text);
        if !claims.is_empty() && !is_compiled(&root.join(&file)) {
            wrong.push(format!("{file} keeps promises, and no `mod` of its crate names it"));
        }
        for Claim { line, names, test } in claims {
            match test {
                Ok(test) => {
                    for name in names {
                        kept.entry(name.to_owned()).or_default().insert(format!("{file} {test}"));
                    }
                }
                Err(why) => wrong.push(format!("{file}:{line}: {why}")),
            }
        }
    }
    let unkept = promised.iter().filter(|id| !kept.contains_key(*id));
    wrong.extend(unkept.map(|id| format!("no test keeps `{id}`: say `{KEEPS}{id}` above one that does")));
    for (name, tests) in kept.iter().filter(|(name, _)| !promised.contains(*name)) {
        let tests = tests.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        wrong.push(format!("`{name}` is promised nowhere; kept by {tests}"));
    }
    if !wrong.is_empty() {
        bail!("promises and tests:\n  {}", wrong.join("\n  "));
    }
    let tests: BTreeSet<_> = kept.values().flatten().collect();
    println!("promises: {} with the calls, kept by {} tests", promised.len(), tests.len());
    Ok(())
}

/// What a paper promises: names, and what it says of each in the same line.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.strip_prefix("- `")?.split_once('`'))
}

/// Whether `id` is a name of small letters and what follows it one sentence.
fn is_promise(id: &str, rest: &str) -> bool {
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let one = |sentence: &str| sentence.len() > 1 && sentence.ends_with('.') && !sentence.contains(". ");
    !id.is_empty() && id.chars().all(small) && rest.strip_prefix(": ").is_some_and(one)
}

/// What one test, or what should be one, says it keeps.
#[derive(Debug, PartialEq, Eq)]
struct Claim<'t> {
    line: usize,
    names: Vec<&'t str>,
    /// The test's name (`$` and the macro's variable where a macro makes it), or why there is none.
    test: Result<&'t str, &'static str>,
}

/// Every claim of a source file.
fn claims(text: &str) -> Vec<Claim<'_>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut claims = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = at + 1;
        let mut names = Vec::new();
        while let Some(said) = lines.get(at).and_then(|line| line.strip_prefix(KEEPS)) {
            names.extend(said.split(',').map(str::trim));
            at += 1;
        }
        if names.is_empty() {
            at += 1;
        } else {
            claims.push(Claim { line, names, test: test(&lines[at..]) });
        }
    }
    claims
}

/// The name of the test that begins with the first of `lines`.
fn test<'t>(lines: &[&'t str]) -> Result<&'t str, &'static str> {
    if lines.first() != Some(&"#[test]") {
        return Err("what it keeps stands directly above `#[test]`");
    }
    for line in &lines[1..] {
        if line.starts_with("#[ignore") {
            return Err("an ignored test keeps nothing: nobody runs it");
        }
        if let Some(rest) = line.strip_prefix("fn ") {
            return Ok(rest.split('(').next().unwrap_or(rest));
        }
        if !line.starts_with("#[") && !line.starts_with("//") {
            break;
        }
    }
    Err("no function follows `#[test]`")
}

/// Whether cargo compiles `file`: a target's root, or a module that a file beside it or of its folder's name declares.
fn is_compiled(file: &Path) -> bool {
    let (Some(stem), Some(folder)) = (file.file_stem(), file.parent()) else { return false };
    let (name, folder) = match (stem.to_str(), folder.file_name(), folder.parent()) {
        (Some("main" | "lib"), ..) => return true,
        (Some("mod"), Some(name), Some(above)) => (name, above),
        _ => (stem, folder),
    };
    let is_target = |named: &str| folder.ends_with(named) && folder.with_file_name("Cargo.toml").exists();
    if is_target("tests") || is_target("benches") {
        return true;
    }
    let beside = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut parents = beside.chain([folder.with_extension("rs")]).filter(|path: &PathBuf| path.is_file());
    let declares = format!("mod {};", name.to_string_lossy());
    parents.any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&declares)))
}

/// Every source file that git knows or would take.
fn sources(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut command = Command::new("git");
    command.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs"]);
    let out = command.output().context("git ls-files")?;
    let text = String::from_utf8(out.stdout).context("file names are UTF-8")?;
    Ok(text.lines().filter(|file| root.join(file).exists()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{Claim, check, claims, is_compiled, is_promise, lines};

    #[test]
    fn every_promise_has_a_test_and_every_test_names_a_promise() {
        check(&crate::cargo::root()).expect("the papers and the tests agree");
    }

    #[test]
    fn a_promise_is_a_name_and_one_sentence() {
        let text =
            "# Promises\n\nText with `code`.\n\n- `one-two`: It holds.\n  - `inner`: no\n- `B_C`\n- none\n";
        assert_eq!(lines(text).collect::<Vec<_>>(), [("one-two", ": It holds."), ("B_C", "")]);
        assert!(is_promise("one-two", ": It holds."));
        for (id, rest) in
            [("One", ": It holds."), ("one", " It holds."), ("one", ": It holds"), ("one", ": ")]
        {
            assert!(!is_promise(id, rest), "{id}{rest}");
        }
        assert!(!is_promise("one", ": It holds. It holds on."));
    }

    #[test]
    fn a_claim_stands_directly_above_a_test_that_runs() {
        let keeps = super::KEEPS;
        let of = |after: &str| {
            let text = format!("/// Doc.\n    {keeps}a, B_C\n    {keeps}d\n{after}");
            let [Claim { line, names, test }] = &claims(&text)[..] else { panic!("{text}") };
            assert_eq!((*line, &names[..]), (2, &["a", "B_C", "d"][..]));
            test.map(str::to_owned)
        };
        assert_eq!(
            of("    #[test]\n    #[cfg(debug_assertions)]\n    /// More.\n    fn it() {"),
            Ok("it".into())
        );
        assert_eq!(of("#[test]\nfn $test() {"), Ok("$test".into()));
        for after in
            ["fn it() {", "\n#[test]\nfn it() {", "#[test]\n#[ignore = \"long\"]\nfn it() {", "#[test]\n"]
        {
            assert!(of(after).is_err(), "{after}");
        }
    }

    #[test]
    fn a_file_that_no_module_names_is_compiled_into_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for made in ["src/a/tests", "tests/live"] {
            std::fs::create_dir_all(at(made)).expect("a folder");
        }
        for (file, text) in [
            ("Cargo.toml", ""),
            ("src/lib.rs", "mod a;\npub mod b;\n"),
            ("src/a/mod.rs", "#[cfg(test)]\nmod tests;\n"),
            ("src/a/tests/mod.rs", "mod deep;\n"),
            ("src/a/tests/deep.rs", ""),
            ("src/a/tests/lost.rs", ""),
            ("src/b.rs", ""),
            ("src/c.rs", ""),
            ("tests/whole.rs", ""),
            ("tests/live/main.rs", "mod one;\n"),
            ("tests/live/one.rs", ""),
            ("tests/live/other.rs", ""),
        ] {
            std::fs::write(at(file), text).expect("written");
            let lost = ["src/a/tests/lost.rs", "src/c.rs", "tests/live/other.rs"];
            let is_compiled = is_compiled(&at(file));
            assert!(file.ends_with(".toml") || is_compiled != lost.contains(&file), "{file}");
        }
    }
}
