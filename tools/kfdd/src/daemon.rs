//! The daemon: its parts put together, and the drain of shutdown.
//!
//! ```text
//! start:    run directory → topology files → core → memory workers → door (mount) → engines → event loop
//! shutdown: refuse opens → doom all → barrier → leak report → engines, door (unmount), workers, run directory
//! ```
//! Field order of [`Daemon`] is drop order: what uses a part goes before it.

use crate::config::{Config, WavesOption};
use crate::control::server;
use crate::deaths::Deaths;
use crate::engine::{Engines, Rearm};
use crate::error::{StartError, part};
use crate::event_loop::EventLoop;
use crate::mailbox::Mailbox;
use crate::router::Router;
use crate::rundir::RunDir;
use crate::served::Served;
use crate::sysfs;
use crate::waves::{self, Maker, WaveLinks};
use door::fuse::{FuseConfig, FuseDoor, Host, Shown};
use door::seccomp::SeccompDoor;
use door::workers::{Workers, WorkersConfig};
use kfd_core::death::{Cause, Doom, Doomed};
use kfd_core::ids::{ProcessId, Tgid};
use kfd_core::leak::LeakReport;
use kfd_core::topology::tree_on;
use kfd_core::{Core, CoreConfig};
use notifier::watch::Pidfd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long killed wave workers are waited for at the end: each gives back what it had mapped, about 45 ms a GiB.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the door tells the daemon.
#[derive(Debug)]
struct Reception {
    mailbox: Arc<Mailbox>,
}

impl Host for Reception {
    fn attached(&self, process: ProcessId, tgid: Tgid, pidfd: Pidfd) {
        self.mailbox.watch(process, tgid, pidfd);
    }

    fn doomed(&self, doom: Doom<Doomed>) {
        self.mailbox.doomed(doom);
    }
}

/// A running daemon. Dropped without [`Daemon::shutdown`], it drains all the same and logs what is left.
pub struct Daemon {
    parts: Option<Parts>,
}

struct Parts {
    event_loop: EventLoop,
    engines: Engines,
    served: Arc<Served>,
    run_dir: RunDir,
}

impl Daemon {
    /// Starts a daemon; when this returns, a client's open of `<run>/dev/kfd` is served.
    ///
    /// # Errors
    /// Whatever part could not start, in words that say what to do; nothing is left mounted then.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let profile = config.machine()?;
        let (name, gpus) = (profile.name.clone(), profile.devices.len());
        let run_dir = RunDir::take(&config.run_dir)?;
        let host = sysfs::host();
        let tree = tree_on(&profile, &host);
        sysfs::write(&tree, run_dir.path()).map_err(part("the topology files"))?;
        let shown = Shown {
            minors: profile.render_minors(),
            ras: profile.ras_minors(),
            first_card: host.numbers.card,
            sysfs: sysfs::devices(&tree),
        };

        let mailbox = Arc::new(Mailbox::new().map_err(part("the event loop"))?);
        let router = Arc::new(Router::new(Arc::clone(&mailbox)));
        let dispatches = config.waves(&profile)?;
        let settings = CoreConfig { waves: dispatches.into(), ..CoreConfig::new(profile) };
        let limits = waves::limits::of(&settings.profile, &settings.limits, config.wave_threads);
        let data = settings.limits.wave_worker_bytes;
        let core = Core::new(settings, Arc::clone(&router) as _)?;
        let workers = start_workers(config, &core, &mailbox)?;
        let host = Arc::new(Reception { mailbox: Arc::clone(&mailbox) });
        let fuse = FuseConfig { mount_point: run_dir.dev(), shown, threads: config.door_threads };
        let door = Arc::new(FuseDoor::start(fuse, Arc::clone(&core), Arc::clone(&workers), host)?);
        match door::fuse::abort_file(&run_dir.dev()) {
            Ok(abort) => workers.guard(abort.into()),
            Err(error) => {
                tracing::warn!(%error, "if this daemon is killed its clients may have to wait for the next");
            }
        }
        let waves = wave_links(dispatches, limits, data, &mailbox).map_err(part("the wave workers"))?;
        router.attach(&core, &door, &workers, waves.as_ref());

        let pages = Arc::clone(&door);
        let drop_pages = move |rearm: Rearm| pages.rearm(rearm.process, rearm.offset, rearm.len);
        let engines = Engines::start(config.engine_threads, &core, &router.bell, drop_pages)
            .map_err(part("the engine threads"))?;
        let descriptors = SeccompDoor::new(Arc::clone(&core), Arc::clone(&workers), Arc::clone(&door))
            .map_err(part("the door for descriptors"))?;
        let served = Arc::new(Served {
            core,
            deaths: Arc::clone(&router.deaths),
            profile: name,
            gpus,
            conversations: Arc::default(),
            descriptors,
            dispatches,
            waves,
            door,
            workers,
        });
        let listener = server::bind(&run_dir.control()).map_err(part("the control socket"))?;
        let event_loop = EventLoop::start(Arc::clone(&served), mailbox, listener, config.service.clone())?;
        tracing::info!(run_dir = %run_dir.path().display(), profile = %served.profile, gpus, "serving");
        Ok(Self { parts: Some(Parts { event_loop, engines, served, run_dir }) })
    }

    /// The run directory.
    #[must_use]
    pub fn run_dir(&self) -> &Path {
        self.parts().run_dir.path()
    }

    /// The core, for listings.
    #[must_use]
    pub fn core(&self) -> &Arc<Core> {
        &self.parts().served.core
    }

    /// The record of finished lives.
    #[must_use]
    pub fn deaths(&self) -> &Arc<Deaths> {
        &self.parts().served.deaths
    }

    fn parts(&self) -> &Parts {
        self.parts.as_ref().expect("only shutdown and drop take the parts, and both end the daemon")
    }

    /// Drains: no new opens, every process doomed and freed, every callback run. What is left is in the report.
    #[must_use = "the report says whether anything was left"]
    pub fn shutdown(mut self) -> LeakReport {
        self.parts.take().expect("a daemon is shut down once").drain()
    }
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Daemon").field("run_dir", &self.run_dir()).finish_non_exhaustive()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            let report = parts.drain();
            if !report.is_empty() {
                tracing::error!(?report, "left behind");
            }
        }
    }
}

impl Parts {
    fn drain(self) -> LeakReport {
        let Self { event_loop, engines, served, run_dir } = self;
        served.core.shutdown_begin();
        event_loop.doom_all();
        if let Some(waves) = &served.waves {
            let left = waves.drained(PATIENCE);
            if left > 0 {
                tracing::error!(left, "wave workers that were killed are still there");
            }
        }
        served.core.barrier();
        let report = served.core.leak_report();
        engines.stop();
        drop(event_loop);
        served.descriptors.stop();
        served.door.stop();
        served.workers.stop();
        drop(served);
        drop(run_dir);
        report
    }
}

/// Who makes wave workers, where waves run.
fn wave_links(
    waves: WavesOption,
    limits: door::wave_workers::Limits,
    data: u64,
    mailbox: &Arc<Mailbox>,
) -> std::io::Result<Option<Arc<WaveLinks>>> {
    let maker = match waves {
        WavesOption::Refuse | WavesOption::Null => return Ok(None),
        WavesOption::Run => Maker::processes(limits, data)?,
        WavesOption::InProcess => Maker::Threads(limits),
    };
    Ok(Some(Arc::new(WaveLinks::new(maker, Arc::clone(mailbox)))))
}

fn start_workers(
    config: &Config,
    core: &Arc<Core>,
    mailbox: &Arc<Mailbox>,
) -> Result<Arc<Workers>, StartError> {
    let (core, mailbox) = (Arc::downgrade(core), Arc::clone(mailbox));
    let on_lost = move |process| {
        if let Some(doom) = core.upgrade().and_then(|core| core.doom(process, Cause::HungMemory)) {
            mailbox.doomed(doom);
        }
    };
    let workers = WorkersConfig {
        count: config.memory_workers,
        deadline: config.memory_deadline,
        ..WorkersConfig::default()
    };
    Workers::start(workers, Arc::new(on_lost)).map_err(part("the memory workers"))
}
