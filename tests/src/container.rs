//! Containers: what a CDI document says is done to one, by an OCI runtime of this machine, or by `unshare` and `chroot` where none
//! starts.
//!
//! A container's root has copies of a few programs and of the libraries that they load, so nothing is mounted outside of its own
//! mount namespace, and removing its folder removes nothing else.

use crate::able;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// As images have it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runtimes that Debian has.
const RUNTIMES: [&str; 2] = ["crun", "runc"];

/// Who starts containers here.
#[derive(Debug, Clone)]
pub enum Runtime {
    /// An OCI runtime.
    Oci(&'static str),
    /// Nobody but the kernel: why.
    Unshare(String),
}

impl Runtime {
    /// The first that starts a container that does nothing.
    #[must_use]
    pub fn find() -> Self {
        let mut why = Vec::new();
        for name in RUNTIMES {
            let bundle =
                Bundle::new(&json!({"containerEdits": {}, "devices": []}), None, &["sh"], &["sh", "-c", ":"]);
            match bundle.command(&Self::Oci(name)).stdin(Stdio::null()).output() {
                Ok(done) if done.status.success() => return Self::Oci(name),
                Ok(done) => why.push(format!("{name}: {}", String::from_utf8_lossy(&done.stderr).trim())),
                Err(error) => why.push(format!("{name}: {error}")),
            }
        }
        Self::Unshare(why.join("; "))
    }
}

/// A container's folder: its root and its configuration.
#[derive(Debug)]
pub struct Bundle {
    folder: TempDir,
    config: Value,
}

impl Bundle {
    /// One that runs `command`, of these `programs` found on PATH or by their path, and is given `device` of `document`.
    ///
    /// # Panics
    /// The folder cannot be made, or the document has no such device.
    #[must_use]
    pub fn new(document: &Value, device: Option<&str>, programs: &[&str], command: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("kfd-container-").tempdir().expect("a temporary folder");
        let root = folder.path().join("root");
        for name in ["dev", "proc", "sys", "tmp", "usr/bin"] {
            fs::create_dir_all(root.join(name)).expect("the folder is our own");
        }
        symlink("usr/bin", root.join("bin")).expect("the folder is our own");
        programs.iter().for_each(|program| install(program, &root));
        let config = configuration(document, device, command);
        let text = serde_json::to_string_pretty(&config).expect("a value is JSON");
        fs::write(folder.path().join("config.json"), text).expect("the folder is our own");
        Self { folder, config }
    }

    /// Its root, as this side sees it.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn name(&self) -> String {
        self.folder.path().file_name().expect("it has a name").to_string_lossy().into_owned()
    }

    /// What runs it to its end.
    #[must_use]
    pub fn command(&self, runtime: &Runtime) -> Command {
        match runtime {
            Runtime::Oci(program) => {
                let mut command = self.oci(program);
                command.arg("run").arg("--bundle").arg(self.folder.path()).arg(self.name());
                command
            }
            Runtime::Unshare(_) => {
                let mut command = Command::new("unshare");
                command.args([
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--propagation",
                    "private",
                    "sh",
                    "-euc",
                ]);
                command.arg(self.script());
                command
            }
        }
    }

    fn oci(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("--root").arg(self.folder.path().join("state"));
        command
    }

    /// What a runtime does, for a shell.
    fn script(&self) -> String {
        let root = self.root();
        let mut script = String::new();
        for mount in array(&self.config["mounts"]) {
            let at = root.join(text(&mount["destination"]).trim_start_matches('/'));
            let (at, source) = (quoted(&at.to_string_lossy()), quoted(text(&mount["source"])));
            let options: Vec<&str> = array(&mount["options"]).map(text).collect();
            let folder = Path::new(text(&mount["source"])).is_dir() || text(&mount["type"]) != "none";
            script += &if folder {
                format!("mkdir -p {at}\n")
            } else {
                format!("mkdir -p \"$(dirname {at})\"; : >{at}\n")
            };
            if text(&mount["type"]) == "none" {
                script +=
                    &format!("mount --bind {source} {at}\nmount -o remount,{} {at}\n", options.join(","));
            } else {
                script +=
                    &format!("mount -t {} -o {} {source} {at}\n", text(&mount["type"]), options.join(","));
            }
        }
        let state = json!({"ociVersion": "1.0.2", "id": self.name(), "status": "creating", "bundle": self.folder.path()});
        for hook in array(&self.config["hooks"]["createContainer"]) {
            let arguments: Vec<String> =
                array(&hook["args"]).skip(1).map(|word| quoted(text(word))).collect();
            let program = quoted(text(&hook["path"]));
            script +=
                &format!("printf %s {} | {program} {}\n", quoted(&state.to_string()), arguments.join(" "));
        }
        let words = |at: &Value| array(at).map(|word| quoted(text(word))).collect::<Vec<_>>().join(" ");
        let process = &self.config["process"];
        script
            + &format!(
                "exec env -i {} chroot {} {}\n",
                words(&process["env"]),
                quoted(&root.to_string_lossy()),
                words(&process["args"])
            )
    }

    /// Ends what is left of it.
    pub fn end(&self, runtime: &Runtime) {
        if let Runtime::Oci(program) = runtime {
            let mut delete = self.oci(program);
            delete.args(["delete", "--force"]).arg(self.name()).stderr(Stdio::null()).stdout(Stdio::null());
            let _ = delete.status();
        }
    }
}

/// Says how containers are run in this test, where it is not by a runtime.
pub fn report(runtime: &Runtime) {
    match runtime {
        Runtime::Oci(program) => println!("{}: containers by {program}", able::test_name()),
        Runtime::Unshare(why) => println!("{}: containers by unshare and chroot ({why})", able::test_name()),
    }
}

/// A copy of a program, and of what the loader finds for it.
fn install(program: &str, root: &Path) {
    let from = if program.contains('/') {
        PathBuf::from(program)
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
        found.unwrap_or_else(|| panic!("{program} is on PATH"))
    };
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to.parent().expect("it is in a folder")).expect("the folder is our own");
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    };
    copy(&from, &root.join("usr/bin").join(from.file_name().expect("a program has a name")));
    let listed = Command::new("ldd").arg(&from).output().expect("there is a loader");
    for word in
        String::from_utf8_lossy(&listed.stdout).split_whitespace().filter(|word| word.starts_with('/'))
    {
        copy(Path::new(word), &root.join(word.trim_start_matches('/')));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The configuration of a container with a document's edits (the CDI specification, "Container Edits").
fn configuration(document: &Value, device: Option<&str>, command: &[&str]) -> Value {
    let mut edits = vec![&document["containerEdits"]];
    edits.extend(device.map(|name| {
        let found = array(&document["devices"]).find(|device| device["name"] == name);
        &found.unwrap_or_else(|| panic!("no device {name}: {document}"))["containerEdits"]
    }));
    let capabilities = json!(["CAP_KILL"]);
    let mut config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0}, "cwd": "/", "args": command, "env": [PATH],
            "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
        },
        "root": {"path": "root"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=1m"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "nodev", "ro"]},
        ],
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}]},
        "hooks": {"createContainer": []},
    });
    for edits in edits {
        let mut add = |at: &str, values: Vec<Value>| {
            let list = config.pointer_mut(at).and_then(Value::as_array_mut).expect("a list");
            list.extend(values);
        };
        add("/process/env", array(&edits["env"]).cloned().collect());
        let mount = |mount: &Value| json!({"destination": mount["containerPath"], "source": mount["hostPath"], "type": "none", "options": mount["options"]});
        add("/mounts", array(&edits["mounts"]).map(mount).collect());
        for hook in array(&edits["hooks"]) {
            let entry = json!({"path": hook["path"], "args": hook["args"]});
            add(&format!("/hooks/{}", text(&hook["hookName"])), vec![entry]);
        }
    }
    config
}
