//! Names of kernels, from code objects as a loader leaves them in memory.

use crate::blit::linked;
use crate::machine::{BASE, Machine};
use waves::kernel_name;

// Keeps: wave-names
#[test]
fn a_kernel_is_called_what_its_code_object_calls_it_and_what_is_none_has_no_name() {
    let test = "a_kernel_is_called_what_its_code_object_calls_it_and_what_is_none_has_no_name";
    let Some(object) = linked(test, "blit", "-O3") else { return };
    let mut rng = fastrand::Rng::with_seed(3);
    let descriptors = object.descriptors();
    assert!(descriptors.len() > 5, "{descriptors:?}");
    for (name, at) in &descriptors {
        let mut machine = Machine::holding(object.image.clone(), BASE + at);
        assert_eq!(kernel_name(&mut machine, BASE + at).as_ref(), Some(name));
        for beside in [at - 64, at + 1, 0] {
            let is_one = descriptors.iter().any(|(_, other)| *other == beside);
            assert_eq!(kernel_name(&mut machine, BASE + beside).is_some(), is_one);
        }
        for far in [0, 1, u64::MAX, BASE - 1, machine.end()] {
            assert_eq!(kernel_name(&mut machine, far), None);
        }
        // A client may write anything there: whatever it is, the answer comes and is a name of one of its kernels or none.
        let first = object.image.len().min(4096);
        for _ in 0..300 {
            let mut image = object.image.clone();
            for _ in 0..1 << rng.u32(0..8) {
                image[rng.usize(..first)] = rng.u8(..);
            }
            let mut machine = Machine::holding(image, BASE + at);
            if let Some(found) = kernel_name(&mut machine, BASE + at) {
                assert!(found.len() < 512);
            }
        }
    }
}
