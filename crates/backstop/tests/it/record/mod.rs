//! The record from outside: what a kill leaves, what a hand on the files leaves, what is kept.

mod crash;
mod keeping;
mod tamper;
