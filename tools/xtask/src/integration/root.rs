//! A release's root: made by debootstrap from the archive that this machine's apt uses, and kept.
//!
//! A root that is there says in a file what it was made of; one of another recipe is made anew. It is made under another name and
//! gets its own when it is whole, in a mount namespace that ends with the making.

use super::attend::{Ended, Interrupts};
use super::release::Release;
use anyhow::{Context, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What a root was made of, in it.
const RECIPE: &str = ".kfdd-recipe";

/// The longest that a making may take, on a slow line.
const MAKING: Duration = Duration::from_secs(3600);

/// A root that is whole.
#[derive(Debug)]
pub struct Root {
    pub release: &'static Release,
    pub folder: PathBuf,
}

impl Root {
    /// The root of a release below `cache`, made now if it is not there.
    ///
    /// # Errors
    /// It cannot be made: the archive is not reached, a package is not to be had. Interrupted.
    pub fn of(release: &'static Release, cache: &Path, interrupts: &Interrupts) -> anyhow::Result<Self> {
        let folder = cache.join(release.name);
        let recipe = recipe(release);
        if fs::read_to_string(folder.join(RECIPE)).is_ok_and(|made_of| made_of == recipe) {
            return Ok(Self { release, folder });
        }
        let mirror = mirror()?;
        let part = cache.join(format!("{}.part", release.name));
        for old in [&part, &folder] {
            match fs::remove_dir_all(old) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", old.display()));
                }
                _ => {}
            }
        }
        let log = cache.join(format!("{}.log", release.name));
        eprintln!("making the root of {} (minutes; what is done is in {})", release.name, log.display());
        let script = script(release);
        let mut make = Command::new("unshare");
        make.args(["--mount", "--propagation", "private", "sh", "-euc", &script, "sh"])
            .arg(&part)
            .arg(mirror);
        let out = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        make.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C").stdout(out.try_clone()?).stderr(out);
        match interrupts.attend(&mut make, MAKING)? {
            Ended::By(status) if status.success() => {}
            Ended::By(_) => bail!("cannot make a root of {}: {}", release.name, last_words(&log)),
            Ended::Late => bail!("a root of {} was not made within {} s", release.name, MAKING.as_secs()),
            Ended::Interrupted => bail!("interrupted"),
        }
        fs::write(part.join(RECIPE), recipe)?;
        fs::rename(&part, &folder)?;
        Ok(Self { release, folder })
    }
}

fn recipe(release: &Release) -> String {
    format!("{} {:?}\n{}\n", release.suite, release.above, release.packages.join(" "))
}

/// For a shell, with the folder and the archive as arguments.
fn script(release: &Release) -> String {
    let install = "chroot \"$1\" apt-get install -y --no-install-recommends";
    let (suite, packages) = (release.suite, release.packages.join(" "));
    let mut script = format!("debootstrap --variant=minbase {suite} \"$1\" \"$2\"\n");
    // A mirror may be a copy of some day in the past.
    script += "echo 'Acquire::Check-Valid-Until \"false\";' >\"$1/etc/apt/apt.conf.d/90kfdd\"\n";
    if let Some(above) = release.above {
        script += &format!("echo \"deb $2 {above} main\" >\"$1/etc/apt/sources.list.d/above.list\"\n");
        script += "chroot \"$1\" apt-get update\n";
        script += &format!("{install} -t {above} {packages}\n");
    } else {
        script += "chroot \"$1\" apt-get update\n";
        script += &format!("{install} {packages}\n");
    }
    script
}

/// The archive that this machine installs Debian's packages from.
fn mirror() -> anyhow::Result<String> {
    let ask = ["indextargets", "--format", "$(REPO_URI) $(LABEL) $(COMPONENT)", "Created-By: Packages"];
    let out = Command::new("apt-get").args(ask).output().context("this machine has no apt")?;
    let text = String::from_utf8_lossy(&out.stdout);
    archive(&text).context("this machine's apt has no source of Debian's own packages")
}

/// The archive among the lines that apt has for its sources: the one labelled `Debian`, of which that of security updates,
/// labelled `Debian-Security`, has no suite that a root is made of.
fn archive(targets: &str) -> Option<String> {
    let main = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words[..], [_, "Debian", "main"]).then(|| words[0].to_owned())
    };
    targets.lines().find_map(main)
}

/// The last line of a log that says something.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::archive;

    #[test]
    fn the_archive_is_debians_own_wherever_it_stands_among_the_sources() {
        let targets = "http://a.example/debian-security/ Debian-Security main\n\
                       http://a.example/other/ Other main\n\
                       http://a.example/debian/ Debian contrib\n\
                       http://b.example/debian/ Debian main\n";
        assert_eq!(archive(targets).as_deref(), Some("http://b.example/debian/"));
        assert_eq!(archive("http://a.example/debian-security/ Debian-Security main\n"), None);
    }
}
