//! The system's resolver with look-ups that the test answers.

use super::*;
use backstop_model::id::TenantName;
use backstop_model::time::Timestamp;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

fn subject(n: u8) -> Subject {
    Subject {
        session: Some(SessionId::draw(Timestamp::from_unix_micros(1), [n; 10])),
        tenant: TenantName::parse("research").unwrap(),
        role: None,
        skill: None,
        ceiling: None,
    }
}

fn name(text: &str) -> HostName {
    HostName::parse(text).unwrap()
}

/// Look-ups of `slow*` wait until the sender is dropped; all others answer at once.
fn gated(deadline: Duration) -> (SystemResolver, Sender<()>, Arc<AtomicUsize>) {
    let (open, gate) = channel::<()>();
    let (gate, asked) = (Mutex::new(gate), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let ask = move |spelling: &Spelling| {
        counted.fetch_add(1, Ordering::SeqCst);
        let (Spelling::Absolute(name) | Spelling::AsSystem(name)) = spelling;
        if name.as_str().starts_with("slow") {
            let _ = lock(&gate).recv();
        }
        Ok(vec![IpAddr::from([93, 184, 0, 7])])
    };
    (SystemResolver::asking(deadline, Arc::new(ask)), open, asked)
}

#[tokio::test]
async fn asking_again_after_a_time_out_starts_nothing() {
    let (resolver, open, asked) = gated(Duration::from_millis(5));
    let slow = name("slow.example");
    for n in 0..20 {
        let answer = resolver.resolve(&slow, &subject(n)).await;
        assert_eq!(answer, Err(ResolveFault::TimedOut(slow.clone())));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    drop(open);
}

#[tokio::test]
async fn a_session_with_slow_names_starves_only_itself() {
    let (resolver, open, asked) = gated(Duration::from_millis(20));
    let names: Vec<HostName> = (0..50).map(|n| name(&format!("slow{n}.example"))).collect();
    let hostile = subject(1);
    let mut asking: Vec<_> = names.iter().map(|name| resolver.resolve(name, &hostile)).collect();
    for answer in &mut asking {
        assert!(answer.await.is_err());
    }
    assert!(asked.load(Ordering::SeqCst) <= SLOTS_EACH);
    let fast = name("fast.example");
    assert!(resolver.resolve(&fast, &subject(2)).await.is_ok());
    assert!(resolver.resolve(&fast, &hostile).await.is_err(), "its slots are taken");
    drop(open);
}

#[tokio::test]
async fn an_answer_is_shared_while_it_is_awaited_and_never_later() {
    let (resolver, open, asked) = gated(Duration::from_secs(60));
    let (one, other) = (subject(1), subject(2));
    let slow = name("slow.example");
    let mut first = resolver.resolve(&slow, &one);
    let mut second = resolver.resolve(&slow, &other);
    let poll = |look_up: &mut BoxFuture<'_, _>| {
        let waker = std::task::Waker::noop();
        assert!(look_up.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    };
    poll(&mut first);
    poll(&mut second);
    drop(open);
    assert!(first.await.is_ok() && second.await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(resolver.resolve(&slow, &one).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 2, "no cache");
}

#[tokio::test]
async fn a_look_up_that_panics_leaves_nothing_behind() {
    let ask = |_: &Spelling| -> io::Result<Vec<IpAddr>> { panic!("as if") };
    let resolver = SystemResolver::asking(Duration::from_secs(60), Arc::new(ask));
    let api = name("api.example");
    for _ in 0..2 * SLOTS_EACH {
        let answer = resolver.resolve(&api, &subject(1)).await;
        assert_eq!(answer, Err(ResolveFault::Failed(api.clone(), "the look-up broke off".into())));
    }
    assert!(lock(&resolver.shared.under_way).is_empty());
    assert_eq!(resolver.shared.slots.available_permits(), SLOTS);
}

#[tokio::test]
async fn names_without_an_address_and_faults_are_told_apart() {
    let ask = |spelling: &Spelling| match spelling {
        Spelling::Absolute(name) if name.as_str() == "empty.example" => Ok(Vec::new()),
        Spelling::Absolute(_) | Spelling::AsSystem(_) => Err(io::Error::other("as if")),
    };
    let resolver = SystemResolver::asking(Duration::from_secs(60), Arc::new(ask));
    let (empty, broken) = (name("empty.example"), name("broken.example"));
    let who = subject(1);
    assert_eq!(resolver.resolve(&empty, &who).await, Err(ResolveFault::NoAddress(empty.clone())));
    let fault = ResolveFault::Failed(broken.clone(), "as if".into());
    assert_eq!(resolver.resolve(&broken, &who).await, Err(fault));
}

#[test]
fn idle_askers_are_swept() {
    let (resolver, open, _) = gated(Duration::from_secs(1));
    let held = resolver.shared.slots_of(Asker::Own).try_acquire_owned().unwrap();
    for n in 0..3 * IDLE_ASKERS {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&(n as u64).to_be_bytes());
        let session = SessionId::draw(Timestamp::from_unix_micros(1), random);
        drop(resolver.shared.slots_of(Asker::Session(Some(session))));
    }
    let askers = lock(&resolver.shared.askers);
    assert!(askers.len() <= IDLE_ASKERS && askers.contains_key(&Asker::Own));
    drop((held, open));
}

/// The real getaddrinfo: the hosts file is honoured although the name is made absolute.
#[test]
fn the_hosts_file_comes_before_the_absolute_name() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"93.184.0.7 hosted.invalid\n").unwrap();
    let ask = |spelling: Spelling| getaddrinfo(&spelling, file.path());
    let found = ask(Spelling::Absolute(name("hosted.invalid"))).unwrap();
    assert_eq!(found, [IpAddr::from([93, 184, 0, 7])]);
    assert!(ask(Spelling::AsSystem(name("localhost"))).unwrap().iter().all(IpAddr::is_loopback));
}
