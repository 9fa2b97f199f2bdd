use std::collections::BTreeMap;
use std::time::Duration;

use super::super::grants::Grants;
use super::*;

fn host(state_bytes_max: u64, memory: &Memory) -> Host {
    let grants = Grants::of(&BTreeMap::new()).unwrap();
    let shared = Shared {
        secrets: Secrets::find(&grants, &|_| None).unwrap(),
        web: HttpAccess { rules: Vec::new(), ca: None },
        state_bytes_max,
        memory_bytes_max: 1 << 20,
        listener: None,
    };
    Host::new(Arc::new(shared), Arc::default(), memory, Instant::now() + Duration::from_secs(60))
}

#[test]
fn what_a_call_has_changed_is_never_more_than_what_may_be_remembered() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let memory = Memory::default();
    memory.set("state/old", Some(b"1".to_vec()));
    runtime.block_on(async {
        let mut none = host(0, &memory);
        for n in 0..1_000 {
            state::Host::delete(&mut none, format!("{n}")).await.unwrap();
        }
        assert!(none.changed.is_empty());
        // Set and deleted again, each time another key: nothing is left of it, and nothing is noted of it.
        let mut some = host(100, &memory);
        for n in 0..1_000 {
            state::Host::set(&mut some, format!("{n}"), b"x".to_vec()).await.unwrap().unwrap();
            state::Host::delete(&mut some, format!("{n}")).await.unwrap();
        }
        assert!(some.changed.is_empty());
        let long = "k".repeat(STATE_KEY_BYTES_MAX + 1);
        assert!(state::Host::set(&mut some, long.clone(), Vec::new()).await.unwrap().is_err());
        state::Host::delete(&mut some, long).await.unwrap();
        state::Host::delete(&mut some, "old".into()).await.unwrap();
        state::Host::set(&mut some, "new".into(), b"2".to_vec()).await.unwrap().unwrap();
        assert_eq!(some.changed.len(), 2);
        some.remember(&memory);
    });
    assert_eq!(memory.of(STATE), [("state/new".to_owned(), b"2".to_vec())]);
}
