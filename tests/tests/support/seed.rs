//! Random tests that can be repeated: each prints its seed when it fails, and keeps it until it passes with it.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner};

/// Runs a property with the seed that failed last, if there is one, and then with a new one. `BILLKEEP_TEST_SEED` names one to run alone.
pub fn run<S: Strategy>(
    name: &str,
    config: &Config,
    strategy: &S,
    test: impl Fn(S::Value) -> TestCaseResult,
) {
    let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.seed"));
    let read = |text: String| text.trim().parse::<u64>().ok();
    let said = std::env::var("BILLKEEP_TEST_SEED").ok().and_then(read);
    let failed = fs::read_to_string(&kept).ok().and_then(read);
    let seeds = match said {
        Some(seed) => vec![seed],
        None => failed.into_iter().chain([RandomState::new().hash_one(name)]).collect(),
    };
    for seed in seeds {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config { failure_persistence: None, ..config.clone() };
        if let Err(error) = TestRunner::new_with_rng(config, rng).run(strategy, &test) {
            fs::write(&kept, seed.to_string()).unwrap();
            panic!("{error}\nrepeat with BILLKEEP_TEST_SEED={seed}");
        }
    }
    let _ = fs::remove_file(kept);
}

#[test]
fn a_seed_that_failed_is_kept_and_run_again() {
    let name = "seed-of-a-test-that-fails";
    let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.seed"));
    let config = Config { cases: 4, ..Config::default() };
    let numbers = |fails: bool| {
        let seen = std::cell::RefCell::new(Vec::new());
        let test = std::panic::AssertUnwindSafe(|| {
            run(name, &config, &proptest::num::u64::ANY, |number| {
                seen.borrow_mut().push(number);
                if fails { Err(proptest::test_runner::TestCaseError::fail("as told")) } else { Ok(()) }
            });
        });
        let panicked = std::panic::catch_unwind(test).is_err();
        assert_eq!(panicked, fails);
        seen.into_inner()
    };
    let first = numbers(true)[0];
    assert_eq!(numbers(false)[0], first);
    assert!(!kept.exists());
}
