//! Streams of events: masks, lines, who hears of whom, and their ends.

use crate::world::{Aql, Client, World, barrier, gpu};
use kfd_core::abi::kfd as abi;
use kfd_core::eviction::Reason;
use kfd_core::notice::Notice;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

fn stream(client: &mut Client<'_>) -> UnixStream {
    client.stream(gpu().0)
}

fn mask(events: &[u32]) -> [u8; 8] {
    events.iter().fold(0u64, |mask, event| mask | 1 << (event - 1)).to_ne_bytes()
}

/// What can be read now.
fn heard(stream: &mut UnixStream) -> String {
    let mut bytes = vec![0; 4096];
    match stream.read(&mut bytes) {
        Ok(count) => String::from_utf8(bytes[..count].to_vec()).unwrap(),
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "a read of nothing does not wait");
            String::new()
        }
    }
}

/// Hands the core's notices to its streams, as the daemon does.
pub fn deliver(notices: impl IntoIterator<Item = Notice>) {
    for notice in notices {
        let Notice::Smi { event, streams } = notice else { continue };
        for stream in streams {
            let mut socket = UnixStream::from(stream.descriptor().try_clone_to_owned().unwrap());
            let mut word = [0; 8];
            while let Ok(8) = socket.read(&mut word) {
                stream.masked(u64::from_ne_bytes(word));
            }
            if stream.wants(&event) {
                // What does not fit is lost.
                let _ = socket.write(event.line(&comm(event.tgid.0)).as_bytes());
            }
        }
    }
}

/// A packet whose completion signal is nowhere.
fn fault(client: &mut Client<'_>, queue: &mut Aql) {
    let packet = barrier(&[], 0x6666_0000);
    client.push(queue, &packet);
    client.ring(queue);
    let notices = client.world.settle();
    deliver(notices);
}

// Keeps: smi-own, SMI_EVENTS
#[test]
fn a_client_hears_of_its_own_faults_and_evictions_when_its_mask_says_so() {
    let world = World::new();
    let tgid = std::process::id();
    let mut client = world.client(tgid);
    let mut queue = client.queue(0x1000_0000);
    let mut events = stream(&mut client);
    assert_eq!(heard(&mut events), "");
    assert!(world.core.evict(client.process, Reason::Userptr));
    deliver(world.outbox.take());
    assert_eq!(heard(&mut events), "", "nothing was asked for");

    let wanted = [abi::SMI_EVENT_VMFAULT, abi::SMI_EVENT_QUEUE_EVICTION, abi::SMI_EVENT_QUEUE_RESTORE];
    events.write_all(&mask(&wanted)).unwrap();
    assert!(world.core.restore(client.process, Reason::Userptr));
    assert!(world.core.evict(client.process, Reason::Request));
    assert!(world.core.restore(client.process, Reason::Request));
    deliver(world.outbox.take());
    let now = world.core.now().0;
    let gpu_id = gpu().0;
    let lines =
        format!("a {now} -{tgid} {gpu_id:x} 0\n9 {now} -{tgid} {gpu_id:x} 3\na {now} -{tgid} {gpu_id:x} 0\n");
    assert_eq!(heard(&mut events), lines);

    fault(&mut client, &mut queue);
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    assert_eq!(heard(&mut events), format!("1 {tgid:x}:{name}"));
    events.write_all(&mask(&[])).unwrap();
    assert!(world.core.evict(client.process, Reason::Request));
    deliver(world.outbox.take());
    assert_eq!(heard(&mut events), "", "the last mask counts");
    world.end();
}

// Keeps: smi-root
#[test]
fn only_root_hears_of_other_processes_and_only_when_it_asks() {
    let world = World::new();
    let (mut victim, mut neighbour) = (world.client(1), world.client(2));
    let mut root = world.stranger(3, 0);
    let all = mask(&[abi::SMI_EVENT_VMFAULT, abi::SMI_EVENT_ALL_PROCESS]);
    let [mut of_neighbour, mut of_root, mut of_shy_root] =
        [stream(&mut neighbour), stream(&mut root), stream(&mut root)];
    of_neighbour.write_all(&all).unwrap();
    of_root.write_all(&all).unwrap();
    of_shy_root.write_all(&mask(&[abi::SMI_EVENT_VMFAULT])).unwrap();
    let mut queue = victim.queue(0x1000_0000);
    fault(&mut victim, &mut queue);
    assert_eq!(heard(&mut of_root), "1 1:\n".replace("1:", &format!("1:{}", comm(1))));
    assert_eq!((heard(&mut of_neighbour), heard(&mut of_shy_root)), (String::new(), String::new()));
    world.end();
}

fn comm(tgid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{tgid}/comm")).unwrap_or_default().trim_end().to_owned()
}

// Keeps: smi-ends, SMI_EVENTS
#[test]
fn a_stream_ends_with_its_process_and_closed_ones_cost_nothing_more() {
    let world = World::new();
    let mut client = world.client(1);
    for _ in 0..100 {
        drop(stream(&mut client));
    }
    let mut events = stream(&mut client);
    assert_eq!(world.core.totals().holds.descriptors, 1);
    world.kill(client.process);
    world.core.barrier();
    assert_eq!(world.core.totals().holds.descriptors, 0);
    assert_eq!(events.read(&mut [0; 8]).unwrap(), 0, "the end of the stream");
    assert!(events.write_all(&mask(&[1])).is_err());
    world.end();
}

// Keeps: smi-unread
#[test]
fn a_reader_that_does_not_read_loses_lines_whole_and_delays_nobody() {
    let world = World::new();
    let mut client = world.client(1);
    let mut events = stream(&mut client);
    events.write_all(&mask(&[abi::SMI_EVENT_QUEUE_EVICTION])).unwrap();
    for _ in 0..2000 {
        assert!(world.core.evict(client.process, Reason::Request));
        assert!(world.core.restore(client.process, Reason::Request));
        deliver(world.outbox.take());
    }
    let mut text = String::new();
    loop {
        let more = heard(&mut events);
        if more.is_empty() {
            break;
        }
        text.push_str(&more);
    }
    let line = format!("9 {} -1 {:x} 3", world.core.now().0, gpu().0);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() > 10 && lines.len() < 2000, "{}", lines.len());
    assert!(lines.iter().all(|seen| *seen == line), "{text}");
    world.end();
}
