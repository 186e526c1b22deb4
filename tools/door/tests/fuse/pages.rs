//! Doorbell pages and arenas, as mappings see them.

use crate::client::Client;
use crate::script::{ARENA, KFD_BYTES};
use crate::served;
use std::os::unix::fs::FileExt;

#[test]
fn the_first_store_to_a_doorbell_page_traps_and_again_after_each_rearm() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let process = served.opened();
    // Offsets are handed out at multiples of 4 GiB.
    let base = 3u64 << 32;
    assert_eq!(client.tell(&format!("map {fd} {base} 8192")), "map 0");
    client.tell("store 0 8 1");
    let (trapped, offset, _) = served.trapped();
    assert_eq!((trapped, offset), (process, base));
    client.tell("store 0 16 2");
    assert_eq!(client.tell("load 0 8"), "1");
    assert!(served.drain().is_empty(), "a present page trapped");
    client.tell("store 0 4096 1");
    assert_eq!(served.trapped().1, base + 4096);
    for round in 0..50 {
        served.door.rearm(process, base, 4096);
        client.tell(&format!("store 0 8 {round}"));
        assert_eq!(served.trapped().1, base, "round {round}");
    }
    assert!(served.drain().is_empty(), "the second page trapped without having been dropped");
    served.door.rearm(process, base, 0);
    client.tell("store 0 4096 1");
    assert_eq!(served.trapped().1, base + 4096);
}

#[test]
fn a_touch_beyond_the_kfd_node_is_a_sigbus_and_never_a_page_nobody_reads() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    client.tell(&format!("map {fd} {KFD_BYTES} 4096"));
    assert_eq!(client.tell("store 0 0 1"), "");
    assert_eq!(client.wait(), Some(libc::SIGBUS));
}

#[test]
fn truncating_or_writing_the_kfd_node_spoils_neither_its_pages_nor_the_trap() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    client.tell(&format!("map {fd} 0 8192"));
    client.tell("store 0 8 7");
    served.trapped();
    assert_eq!(client.tell(&format!("truncate {fd} 0")), "0");
    assert_eq!(client.tell("load 0 8"), "7");
    assert_eq!(client.tell(&format!("write {fd} 4096")), libc::EINVAL.to_string());
    client.tell("store 0 4096 1");
    assert_eq!(served.trapped().1, 4096);
}

// Keeps: processes-apart
#[test]
fn two_processes_never_share_doorbell_pages() {
    let served = served_or_skip!();
    let mut clients: Vec<_> = (0..4).map(|_| Client::start()).collect();
    let mut processes = Vec::new();
    for (index, client) in clients.iter_mut().enumerate() {
        let fd = client.open(&served.kfd());
        processes.push(served.opened());
        client.tell(&format!("map {fd} 0 4096"));
        client.tell(&format!("store 0 0 {}", index + 100));
        assert_eq!(served.trapped().0, processes[index]);
    }
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.tell("load 0 0"), (index + 100).to_string());
        // The same process finds its pages again under a second open.
        let fd = client.open(&served.kfd());
        client.tell(&format!("map {fd} 0 4096"));
        assert_eq!(client.tell("load 1 0"), (index + 100).to_string());
    }
}

// Keeps: processes-apart
#[test]
fn the_render_node_shows_the_arena_and_ends_where_it_ends() {
    let served = served_or_skip!();
    let (mut one, mut other) = (Client::start(), Client::start());
    let fd = one.open(&served.render());
    let process = served.opened();
    one.tell(&format!("map {fd} 8192 4096"));
    one.tell("store 0 16 4711");
    let arena = served.script.arena_file(process);
    let mut word = [0; 8];
    arena.read_exact_at(&mut word, 8192 + 16).unwrap();
    assert_eq!(u64::from_le_bytes(word), 4711);
    arena.write_all_at(&99u64.to_le_bytes(), 8192 + 24).unwrap();
    assert_eq!(one.tell("load 0 24"), "99");
    // A second open of the same node, and another process's own arena.
    let again = one.open(&served.render());
    one.tell(&format!("map {again} 8192 4096"));
    assert_eq!(one.tell("load 1 16"), "4711");
    let fd = other.open(&served.render());
    other.tell(&format!("map {fd} 8192 4096"));
    assert_eq!(other.tell("load 0 16"), "0");
    assert_eq!(other.tell(&format!("map {fd} {ARENA} 4096")), "map 1");
    assert_eq!(other.tell("load 1 0"), "");
    assert_eq!(other.wait(), Some(libc::SIGBUS));
}
