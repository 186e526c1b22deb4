//! Objects of a file by number, as amdgpu's idr gives them out.

use crate::idr::Idr;
use std::collections::BTreeMap;

/// Objects by number; the lowest free number from 1 on is given out first, as by amdgpu's idr.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    by_number: BTreeMap<u32, T>,
    numbers: Idr,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { by_number: BTreeMap::new(), numbers: Idr::new(1, i32::MAX as u32) }
    }
}

impl<T> Numbered<T> {
    /// Adds an object and returns its number. `None` when all numbers are taken.
    pub(crate) fn insert(&mut self, value: T) -> Option<u32> {
        let number = self.numbers.take()?;
        self.by_number.insert(number, value);
        Some(number)
    }

    /// The object with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.by_number.get(&number)
    }

    /// The object with this number, to be changed.
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.by_number.get_mut(&number)
    }

    /// Takes the object with this number out and frees the number.
    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let value = self.by_number.remove(&number)?;
        self.numbers.give(number);
        Some(value)
    }

    /// Takes out every object for which `is_it`.
    pub(crate) fn remove_all(&mut self, is_it: impl Fn(&T) -> bool) -> Vec<T> {
        let ended = |(number, value): (&u32, &T)| is_it(value).then_some(*number);
        let numbers: Vec<_> = self.by_number.iter().filter_map(ended).collect();
        numbers.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    /// The lowest number whose object `is_it`.
    pub(crate) fn find(&self, is_it: impl Fn(&T) -> bool) -> Option<u32> {
        self.by_number.iter().find_map(|(number, value)| is_it(value).then_some(*number))
    }

    /// Every object, in order of number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.by_number.values()
    }
}
