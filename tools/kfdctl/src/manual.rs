//! `kfdctl completions` and `kfdctl man`: made from the command lines as they are parsed, so that neither can lag behind.
//!
//! Hidden subcommands are in neither. A page is what `--help` says, in the order of man-pages(7): the text after the
//! options is taken apart at its blank lines, and what begins with `Examples:` or `Exit status:` is a section of its own.

use crate::cli::{Cli, Completions, Man, Shell};
use crate::output;
use anyhow::{Context, bail};
use clap::{Command, CommandFactory};
use clap_mangen::roff::{Roff, bold, roman};
use std::process::ExitCode;

/// A page: its name without the section, its section, and what it is about.
struct Page {
    name: String,
    section: &'static str,
    command: Command,
}

impl Page {
    fn file(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }
}

/// `kfdctl completions`.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(asked: &Completions) -> anyhow::Result<ExitCode> {
    let shell = match asked.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(), "kfdctl", &mut script);
    output::print(std::str::from_utf8(&script).context("a script is text")?)?;
    Ok(ExitCode::SUCCESS)
}

/// `kfdctl man`.
///
/// # Errors
/// There is no such page, or standard output cannot be written.
pub fn man(asked: &Man) -> anyhow::Result<ExitCode> {
    let pages = pages();
    let text = match &asked.page {
        None => pages.iter().map(|page| page.file() + "\n").collect(),
        Some(name) => match pages.iter().find(|page| *name == page.name || *name == page.file()) {
            Some(page) => roff(page, &pages)?,
            None => bail!("there is no page {name}; `kfdctl man` lists those that there are"),
        },
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// `kfdctl` without what is internal.
fn shown() -> Command {
    let whole = Cli::command();
    let verbs = whole.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
    let mut shown = Command::new("kfdctl").version(env!("CARGO_PKG_VERSION")).subcommands(verbs);
    if let Some(about) = whole.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(about) = whole.get_long_about() {
        shown = shown.long_about(about.clone());
    }
    if let Some(after) = whole.get_after_help() {
        shown = shown.after_help(after.clone());
    }
    shown.subcommand_required(true).subcommand_value_name("COMMAND")
}

fn pages() -> Vec<Page> {
    let mut whole = shown().disable_help_subcommand(true);
    whole.build();
    let verbs: Vec<Command> = whole.get_subcommands().cloned().collect();
    let page = |command: Command, section| {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        Page { name, section, command }
    };
    let mut pages = vec![page(whole, "1")];
    pages.extend(verbs.into_iter().map(|verb| page(verb, "1")));
    let mut daemon = kfdd::Options::command();
    daemon.build();
    pages.push(page(daemon, "8"));
    pages
}

fn roff(page: &Page, pages: &[Page]) -> anyhow::Result<String> {
    let source = concat!("kfdd ", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(page.command.clone()).section(page.section).source(source);
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if page.command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    let mut rest = Roff::new();
    if let Some(after) = page.command.get_after_help() {
        after_help(&mut rest, &after.to_string());
    }
    rest.control("SH", ["SEE ALSO"]);
    let mut others = Vec::new();
    for other in pages.iter().filter(|other| other.name != page.name) {
        let comma = if others.is_empty() { "" } else { ", " };
        others.extend([roman(comma), bold(&*other.name), roman(format!("({})", other.section))]);
    }
    rest.text(others);
    rest.to_writer(&mut out)?;
    String::from_utf8(out).context("a page is text")
}

/// The paragraphs after the options, each under its heading if it has one; lines that are indented stay lines.
fn after_help(roff: &mut Roff, text: &str) {
    for paragraph in text.split("\n\n").flat_map(|text| split_before(text, "Exit status:")) {
        let (heading, body) = match paragraph.split_once(':') {
            Some((heading @ ("Examples" | "Exit status"), body)) => (heading.to_uppercase(), body),
            _ => ("NOTES".to_owned(), paragraph),
        };
        roff.control("SH", [heading.as_str()]);
        let lines = body.lines().filter(|line| !line.is_empty());
        let verbatim = heading == "EXAMPLES";
        if verbatim {
            roff.control("nf", []);
        }
        for line in lines {
            roff.text([roman(line.trim())]);
        }
        if verbatim {
            roff.control("fi", []);
        }
    }
}

/// `text` in two where a line begins with `start`, else whole.
fn split_before<'text>(text: &'text str, start: &str) -> Vec<&'text str> {
    match text.find(&format!("\n{start}")) {
        Some(at) => vec![&text[..at], &text[at + 1..]],
        None => vec![text],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_options_is_taken_apart_into_sections() {
        let mut roff = Roff::new();
        after_help(&mut roff, "Examples:\n  one -x\n  two\n\nMore words.\nExit status: 0 or 1.");
        let text = roff.render();
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part} in {text}"));
        assert!(at(".SH EXAMPLES\n.nf\none \\-x\ntwo\n.fi") < at(".SH NOTES\nMore words."), "{text}");
        assert!(at("More words.") < at(".SH \"EXIT STATUS\"\n0 or 1."), "{text}");
    }

    #[test]
    fn every_page_but_that_of_the_daemon_is_of_a_subcommand_that_help_shows() {
        let files: Vec<_> = pages().iter().map(Page::file).collect();
        assert_eq!(files.first().map(String::as_str), Some("kfdctl.1"));
        assert_eq!(files.last().map(String::as_str), Some("kfdd.8"));
        assert!(files.contains(&"kfdctl-run.1".to_owned()), "{files:?}");
        assert!(!files.contains(&"kfdctl-enter.1".to_owned()), "{files:?}");
    }
}
