//! A toy driver: an object per client process, used by serving threads without a lock, gone with the process.
//!
//! ```text
//! cargo run -p notifier --example driver
//! ```
//!
//! Three clients (`sleep`) attach. Serving threads look them up and work. One client is killed; its object is revoked at
//! once, unpublished, and freed when the last reader has left. Then the driver is unloaded.
#![allow(clippy::disallowed_types, reason = "an example shows what a user writes")]

use notifier::watch::{Event, Pidfd, Tgid, Token, Watcher};
use notifier::{Listener, MmId, Notifier, Ref, Releasing, Slot};
use std::error::Error;
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const CLIENTS: usize = 3;

/// What the driver keeps for one client.
struct Context {
    name: String,
    revoked: AtomicBool,
    served: AtomicU64,
}

impl Listener for Context {
    fn release(&self, mm: &Releasing<'_>) {
        // The chain is being walked and other threads may be in the middle of a request: say no from now on, and
        // leave. Not a free, not a wait.
        self.revoked.store(true, Ordering::Release);
        println!("{}: revoked (mm {})", self.name, mm.id().pidfd_inode);
    }

    fn free(self: Box<Self>) {
        // On the reclaimer, after a grace period: nobody sees it any more.
        println!("{}: freed after {} requests", self.name, self.served.load(Ordering::Relaxed));
    }
}

/// One request: find the client's object, work with it, leave. Takes no lock.
fn serve(notifier: &Notifier, client: &Slot<Context>) -> bool {
    let section = notifier.domain().read();
    match client.load(&section) {
        // The reference is as good as the section, and no longer.
        Some(context) if !context.revoked.load(Ordering::Acquire) => {
            context.served.fetch_add(1, Ordering::Relaxed);
            true
        }
        _ => false,
    }
}

fn attach(
    notifier: &Notifier,
    watcher: &mut Watcher,
    slot: usize,
) -> Result<(Child, Ref<Context>), Box<dyn Error>> {
    let child = Command::new("sleep").arg("1000").spawn()?;
    let pidfd = Pidfd::open(Tgid(child.id()))?;
    // A pid is reused; the inode of a pidfd is not.
    let mm = notifier.mm(MmId { pidfd_inode: pidfd.inode()?, exec_id: 0 });
    let context = notifier.get(&mm, || Context {
        name: format!("client {}", child.id()),
        revoked: AtomicBool::new(false),
        served: AtomicU64::new(0),
    })?;
    // The descriptor may be closed; the watch goes on.
    watcher.watch_death(pidfd.as_fd(), Token::new(slot as u32, 0, 0))?;
    Ok((child, context))
}

fn main() -> Result<(), Box<dyn Error>> {
    let notifier = Notifier::new("toy driver");
    let mut watcher = Watcher::new()?;
    let table: [Slot<Context>; CLIENTS] = Default::default();
    let mut children = Vec::new();
    for (index, slot) in table.iter().enumerate() {
        let (child, context) = attach(&notifier, &mut watcher, index)?;
        slot.publish(context).expect("the slot is empty");
        children.push(child);
    }

    let stop = AtomicBool::new(false);
    thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    table.iter().for_each(|client| _ = serve(&notifier, client));
                }
            });
        }
        // The event loop: a client dies.
        children[1].kill()?;
        let mut events = Vec::new();
        watcher.wait(&mut events)?;
        for event in events {
            if let Event::Died(token) = event {
                let client = &table[token.slot() as usize];
                // Unpublish, walk the chain, put. Any order would do: the free waits for everyone who has found the object.
                if let Some(context) = client.take() {
                    Ref::mm(&context).exit();
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        Ok(())
    })?;

    // Unload: all puts, then the barrier. After it nothing of the driver can run or be reached.
    table.iter().for_each(|client| drop(client.take()));
    notifier.barrier();
    assert_eq!(notifier.domain().pending(), 0);
    println!("unloaded");
    for mut child in children {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}
