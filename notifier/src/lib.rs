//! Binds the life of any object to the life of another process's address space.
//!
//! For daemons that serve processes that die. It knows nothing of what is served.
//!
//! # The problem
//!
//! A driver keeps an object per process and wants it to live exactly as long as that process's address space.
//! So it puts a listener on the address space's chain; when the space dies, the chain is walked and every
//! listener's `release` runs. And there it stands, inside the hook, with an object that is useless from now
//! on, and cannot free it: the walk is still standing on the listener that the object contains. Nor can it
//! unlink itself and wait until the walk has moved on: the walk waits for the hook. Other threads may be
//! using the object too; they found it without a lock.
//!
//! ```text
//!   exit of the address space            the object's owner               a serving thread
//!   ─────────────────────────            ──────────────────               ────────────────
//!   walk: call release(A) ───────┐                                        finds A in a table
//!          release(A) is done    │       sees that A is dead              │
//!          load A.next  ◄── !    │       unlink A; free(A)                │ uses A  ◄── !
//!   walk: call release(B)        │                                        │
//! ```
//!
//! Each `!` is a use after free if the owner frees when it sees fit, and there is no moment at which any of the three
//! could know that the other two are through. A lock around the walk and every use would do, and then a release hook that
//! needs the owner's lock deadlocks, and every request pays for a death that happens once.
//!
//! The way out has four parts (Linux took it in "mmu_notifier: add call_srcu and sync function for listener
//! to delay call and sync", and amdkfd was its first user):
//!
//! 1. The hook only **revokes**: after it nothing new can be done through the object.
//! 2. Whoever finds the object does so inside a read section ([`srcu::Domain::read`]), and so does the walk.
//! 3. The owner unlinks *without* waiting and hands the object to a thread that frees it **after a grace
//!    period**, when every section that could have found it is over.
//! 4. Whoever shuts down waits for a **barrier**: every free that was ordered has been done, not merely
//!    become safe.
//!
//! # A driver
//!
//! ```
//! use notifier::watch::{Event, Pidfd, Tgid, Token, Watcher};
//! use notifier::{Listener, MmId, Notifier, Releasing, Slot};
//! use std::os::fd::AsFd;
//! use std::sync::atomic::{AtomicBool, Ordering};
//!
//! /// What the driver keeps for one process.
//! struct Context {
//!     revoked: AtomicBool,
//! }
//!
//! impl Listener for Context {
//!     fn release(&self, _mm: &Releasing<'_>) {
//!         // May run twice, and while other threads use the context: so it flips what they look at, and that is all.
//!         self.revoked.store(true, Ordering::Release);
//!     }
//!     fn free(self: Box<Self>) {
//!         // On the reclaimer. Nobody can see the context any more: unmap, close, give back what was charged.
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let notifier = Notifier::new("driver");
//! let mut child = std::process::Command::new("sleep").arg("1000").spawn()?;
//!
//! // Attach: name the address space, bind a context to it, publish it for lock-free readers, watch for the death.
//! let pidfd = Pidfd::open(Tgid(child.id()))?;
//! let mm = notifier.mm(MmId { pidfd_inode: pidfd.inode()?, exec_id: 0 });
//! let context = notifier.get(&mm, || Context { revoked: AtomicBool::new(false) })?;
//! let table = Slot::empty();
//! table.publish(context.clone()).expect("the slot was empty");
//! let mut watcher = Watcher::new()?;
//! watcher.watch_death(pidfd.as_fd(), Token::new(0, 0, 0))?;
//!
//! // Use: a read section for a look, a reference for anything that may wait.
//! let section = notifier.domain().read();
//! assert!(!table.load(&section).expect("published").revoked.load(Ordering::Acquire));
//! drop(section);
//!
//! // The client dies; the event loop hears of it and walks the chain.
//! child.kill()?;
//! let mut events = Vec::new();
//! watcher.wait(&mut events)?;
//! assert_eq!(events, [Event::Died(Token::new(0, 0, 0))]);
//! mm.exit();
//! assert!(context.revoked.load(Ordering::Acquire));
//! assert!(notifier.get(&mm, || unreachable!("nothing is bound to a dead space")).map(|_: notifier::Ref<Context>| ()).is_err());
//!
//! // Unpublish, put the last reference; the free happens later and elsewhere.
//! drop(table.take());
//! drop(context);
//!
//! // Shutdown: after the last put, the barrier.
//! notifier.barrier();
//! assert_eq!(notifier.domain().pending(), 0);
//! # child.wait()?;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/driver.rs` is the same with several clients and serving threads; it runs.
//!
//! # Which piece for what
//!
//! | question | answer |
//! |---|---|
//! | Look up a client's object for every request | [`Slot::load`] in a section: two plain stores, no lock, no shared cache line |
//! | Keep it over something that waits | [`Slot::get`] in a section, then leave the section |
//! | Free or replace something else that sections look at | [`srcu::Domain::retire`], [`srcu::Domain::defer`], or [`srcu::Domain::call`] with a head inside the object |
//! | Be sure that no section sees the old state | [`srcu::Domain::synchronize`]; without waiting, [`srcu::Domain::start_poll`] |
//! | Be sure that what was queued **has run** | [`Notifier::barrier`]. A grace period is not enough: the callback may not have begun |
//! | Keep a producer from outrunning the frees | [`srcu::Domain::throttle`] |
//! | Find out who holds everything up | [`srcu::Builder::on_stall`], with [`srcu::Builder::record_places`] down to the line |
//!
//! # How one learns of a death
//!
//! [`watch`] waits for pidfds, and for a daemon's other descriptors and deadlines, on one ring. But a pidfd is the *last*
//! sign: a process with a gigabyte of memory needs a tenth of a second to die, a tracer can hold it up for ever, an exec
//! ends the address space and leaves the pidfd silent, and one that shares its memory (`CLONE_VM`) may live on when the
//! pidfd is ready. So [`Mm::exit`] may be called as often as there are signs, by any thread: the first sure one counts, and the
//! others find everything done.
//!
//! # Two protocols
//!
//! | | one owner (Linux 2014) | counted (Linux 2019, what amdkfd uses) |
//! |---|---|---|
//! | bind | [`Mm::register`] → [`Registration`] | [`Notifier::get`] → [`Ref`], one object per type and [`Mm`] |
//! | end and wait | [`Registration::unregister`] gives the listener back | – |
//! | end, free later | [`Registration::unregister_no_release`] → [`Unlinked::call_srcu`] | the last `Ref` dropped: [`Listener::free`] |
//!
//! # The rules
//!
//! Each is kept by the code or by a type, and has a test of its number in `tests/rules`.
//!
//! 1. A listener is registered only while the mm is alive, under the lock that exit takes.
//! 2. Exit walks inside a read section, calls every `release`, then unlinks so that the owner's later unlink
//!    is harmless.
//! 3. A hook never unlinks itself or a sibling: its token cannot, and a smuggled [`Registration`] panics by
//!    name. Dropping a [`Ref`] there is allowed.
//! 4. When `unregister` returns, release has run at least once and has finished on every thread.
//! 5. After `unregister_no_release` the free runs when every walker that could see the listener has left.
//! 6. The last put unlinks and queues the free; it never frees inline.
//! 7. After all puts and the barrier nothing of the driver is reachable.
//! 8. A hook runs in bounded time: it revokes; it neither frees nor waits. `exit` itself waits for no reader.
//! 9. A reader never takes a lock under which somebody waits for a grace period.
//! 10. An attach while the former object of the same mm is being destroyed gets a distinct object or
//!     [`Dead`], never a mix.
//!
//! A hook that panics counts as having run: the other hooks run, the chain is emptied, and then the panic
//! goes on to whoever called exit.
//!
//! # What protects what
//!
//! A reference found in a read section is protected by *that* section, not by one that was entered later on
//! the same thread; the lifetimes of [`Slot::load`] say so. A section may sleep, but every updater of its
//! domain then sleeps with it: take a [`Ref`] and leave the section before anything that may take long.
//! [`srcu`] has the ordering argument.
//!
//! # What is refused instead of hanging
//!
//! - A wait inside a section of the same domain (debug builds), a barrier inside a callback, a hook that unlinks or calls exit:
//!   a panic that names it.
//! - A wait in a forked child, whose domain's threads are in the parent: a panic. Its sections work.
//! - A domain dropped with sections or callbacks left: drained, and a panic in debug builds.
//!
//! Without membarrier or rseq (an old kernel, a seccomp filter, another architecture) readers are counted in other ways,
//! at other costs, with the same guarantees: [`srcu::ReaderKind`].

mod chain;
mod identity;
mod listener;
mod mm;
mod notifier;
mod reference;
mod registration;
mod shared;
pub mod srcu;
mod sync;
mod walking;
#[cfg(not(loom))]
pub mod watch;

pub use chain::sys::Slot;
pub use identity::MmId;
pub use listener::{Listener, Releasing};
pub use mm::{Dead, Mm};
pub use notifier::Notifier;
pub use reference::Ref;
pub use registration::{Registration, Unlinked};
#[cfg(loom)]
#[doc(hidden)]
pub use sync::model;
