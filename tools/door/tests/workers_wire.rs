//! The workers' messages: what is written is read back, and what nobody wrote is refused without a panic.

use door::workers::wire::{self, Access, Header, Kind, OPS_MAX, PAYLOAD_MAX};
use kfd_core::ids::{ProcessId, Tgid, UserVa};
use kfd_core::notice::{UserAccess, UserAnswer, UserSlots};
use proptest::prelude::*;

fn access() -> impl Strategy<Value = UserAccess> {
    prop_oneof![
        (any::<u64>(), 0..=PAYLOAD_MAX as u32).prop_map(|(va, len)| UserAccess::Read { va: UserVa(va), len }),
        (any::<u64>(), proptest::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(va, bytes)| UserAccess::Write { va: UserVa(va), bytes }),
        (any::<u64>(), any::<u64>()).prop_map(|(va, by)| UserAccess::FetchSub { va: UserVa(va), by }),
        (any::<u32>(), any::<u64>(), any::<u64>()).prop_map(|(tgid, va, bytes)| UserAccess::Survey {
            tgid: Tgid(tgid),
            va: UserVa(va),
            bytes
        }),
        [(any::<u64>(), 0..=UserSlots::MAX), (any::<u64>(), 0..=UserSlots::MAX)].prop_map(|slots| {
            let [retired, wanted] = slots.map(|(va, count)| UserSlots { va: UserVa(va), count });
            UserAccess::Packets { retired, wanted }
        }),
    ]
}

proptest! {
    #[test]
    fn a_job_is_read_back_as_it_was_written(
        accesses in proptest::collection::vec(access(), 0..20), id in any::<u64>(), slot in any::<u32>(), generation in any::<u32>(),
    ) {
        let sent = Header { kind: Kind::Job, count: accesses.len() as u32, id, process: ProcessId { slot, generation } };
        let mut message = Vec::new();
        wire::begin(&mut message, sent);
        for access in &accesses {
            wire::push_access(&mut message, access);
        }
        let (header, mut rest) = wire::header(&message).unwrap();
        prop_assert_eq!(header, sent);
        for access in &accesses {
            let expected = match access {
                UserAccess::Read { va, len } => Access::Read(va.0, *len as usize),
                UserAccess::Write { va, bytes } => Access::Write(va.0, bytes),
                UserAccess::FetchSub { va, by } => Access::FetchSub(va.0, *by),
                UserAccess::Packets { retired, wanted } => {
                    Access::Packets([retired, wanted].map(|slots| (slots.va.0, slots.count as usize)))
                }
                UserAccess::Survey { tgid, va, bytes } => Access::Survey(*tgid, va.0, *bytes),
            };
            prop_assert_eq!(wire::take_access(&mut rest), Ok(expected));
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn answers_are_read_back_and_a_failure_carries_no_bytes(
        answers in proptest::collection::vec(proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)), 0..20),
    ) {
        let mut message = Vec::new();
        for answer in &answers {
            match answer {
                Some(bytes) => wire::push_reply(&mut message, bytes.len(), |to| { to.copy_from_slice(bytes); true }),
                None => wire::push_reply(&mut message, 8, |_| false),
            }
        }
        let expected: Vec<_> =
            answers.into_iter().map(|answer| answer.map_or(UserAnswer::Failed, UserAnswer::Done)).collect();
        let count = expected.len() as u32;
        prop_assert_eq!(wire::answers(count, &message), Ok(expected));
        prop_assert!(wire::answers(count + 1, &message).is_err());
        message.push(0);
        prop_assert!(wire::answers(count, &message).is_err());
    }

    #[test]
    fn bytes_that_nobody_wrote_are_never_a_panic(
        mut message in proptest::collection::vec(any::<u8>(), 0..400),
        kind in prop_oneof![Just(None), (1u32..6).prop_map(Some), Just(Some(0x83u32))], small in any::<bool>(),
    ) {
        if let (Some(kind), true) = (kind, message.len() >= 8) {
            message[..4].copy_from_slice(&kind.to_ne_bytes());
            if small {
                message[5..8].fill(0);
            }
        }
        if let Ok((header, rest)) = wire::header(&message) {
            let mut left = rest;
            while let Ok(access) = wire::take_access(&mut left) {
                match access {
                    Access::Read(_, len) => prop_assert!(len <= PAYLOAD_MAX),
                    Access::Packets(slots) => {
                        prop_assert!(slots.iter().all(|(_, count)| count * UserSlots::BYTES <= PAYLOAD_MAX));
                    }
                    _ => {}
                }
            }
            if let Ok(answers) = wire::answers(header.count, rest) {
                prop_assert!(answers.len() <= OPS_MAX);
            }
        }
    }
}

#[test]
fn an_unknown_kind_an_unknown_access_and_a_cut_are_refused() {
    let mut message = Vec::new();
    wire::begin(
        &mut message,
        Header { kind: Kind::Job, count: 1, id: 1, process: ProcessId { slot: 0, generation: 1 } },
    );
    wire::push_access(&mut message, &UserAccess::Write { va: UserVa(1), bytes: vec![1, 2, 3] });
    let head = message.len() - 27;
    for len in 0..head {
        assert!(wire::header(&message[..len]).is_err());
    }
    for len in head..message.len() {
        let (_, mut rest) = wire::header(&message[..len]).expect("the header is whole");
        assert!(wire::take_access(&mut rest).is_err());
    }
    message[0] = 77;
    assert!(wire::header(&message).is_err());
    message[0] = Kind::Job as u8;
    message[head] = 6;
    let (_, mut rest) = wire::header(&message).expect("the header is whole");
    assert!(wire::take_access(&mut rest).is_err());
}
