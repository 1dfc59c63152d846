//! The threads that receive: a batch of datagrams in, a batch of answers out, nothing that waits.
//! Next: `tcp`.
//!
//! Each thread has a socket of its own on the same port (SO_REUSEPORT); the kernel keeps a client
//! with one of them. It allocates nothing once it is warm: buffers and headers are its own, and a
//! client's handle is looked up once in a while.

use super::later::{Job, To};
use super::local::{self, Local};
use super::turn::{self, By, From, House, Turn, Wait};
use super::{Known, Service};
use crate::wire::query::{Query, Unfit};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use socket2::Socket;
use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// One receiving thread.
pub(super) struct Receiver<S: Service> {
    pub(super) socket: Arc<Socket>,
    pub(super) listener: SocketAddr,
    pub(super) house: Arc<House<S>>,
    pub(super) later: mpsc::Sender<Job<S>>,
    pub(super) stop: Arc<AtomicBool>,
}

/// Handles of clients, looked up again after a while so that a change of who they are is seen.
struct Clients<C> {
    known: Vec<Option<Known<C>>>,
    places: HashMap<IpAddr, usize>,
    /// The one that was looked up last.
    last: Option<(IpAddr, usize)>,
    since: Instant,
}

/// A datagram that was read, by its number in the batch.
struct Opened {
    number: usize,
    /// Where in it the message stands.
    message: Range<usize>,
    from: From,
    /// Who asks, by the place among the handles.
    client: usize,
    read: Result<Query, Unfit>,
}

impl<S: Service> Receiver<S> {
    /// Receives until `stop`. The socket must give up waiting now and then (SO_RCVTIMEO).
    pub(super) fn run(&self) {
        let mut inbox = Box::new([[0u8; LONGEST]; BATCH]);
        // No more room than most answers need: buffers a page apart would meet in a few lines of the
        // processor's cache, and take a page of its table each.
        let mut outbox: [Vec<u8>; BATCH] = std::array::from_fn(|_| Vec::with_capacity(LONGEST));
        let room = || local::room(self.listener);
        let mut arrivals = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, room());
        let mut departures = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, room());
        let mut clients = Clients::new(Instant::now());
        let mut opened: Vec<Opened> = Vec::with_capacity(BATCH);
        let mut desk = self.house.service.desk();
        let mut letters: [Option<Letter>; BATCH] = [None; BATCH];
        let mut to: [Option<SockaddrStorage>; BATCH] = [None; BATCH];
        let mut by: [Option<Local>; BATCH] = [None; BATCH];
        let mut room = BATCH;
        while !self.stop.load(Ordering::Relaxed) {
            let count = match self.receive(&mut inbox, &mut arrivals, &mut letters, room) {
                Ok(count) => {
                    // Each place that is offered has its price: about as many as came last time.
                    room = (count * 2).clamp(FEWEST, BATCH);
                    count
                }
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                Err(fault) => {
                    // An ICMP error of an earlier answer, or no memory for a moment.
                    tracing::debug!(%fault, "cannot receive");
                    continue;
                }
            };
            let at = Instant::now();
            clients.age(at);
            opened.clear();
            self.read(&mut clients, (&inbox, &letters), count, at, &mut opened);
            let asked = opened.iter().filter_map(|opened| {
                let known = clients.of(opened.client)?;
                Some((&known.client, opened.read.as_ref().ok()?))
            });
            self.house.service.ahead(&mut desk, asked);
            let mut answers = 0;
            for Opened { number, message, from, client, read } in &opened {
                let Some(out) = outbox.get_mut(answers) else { continue };
                let letter = letters.get(*number).and_then(Option::as_ref);
                let message = inbox.get(*number).and_then(|octets| octets.get(message.clone()));
                let (Some(letter), Some(message)) = (letter, message) else { continue };
                let (known, hand) = (clients.of(*client), (By::Datagram, &mut desk));
                match self.house.turn_of((message, read), known, *from, hand, out) {
                    Turn::Silence | Turn::Unanswered | Turn::Parts(_) => continue,
                    Turn::Answer => {}
                    Turn::Wait(wait) => {
                        let Some(sender) = socket_address(&letter.from) else { continue };
                        match self.put_off(wait, sender, letter.at) {
                            Some(wait) => *out = wait.turned_away(),
                            None => continue,
                        }
                    }
                }
                if let (Some(to), Some(by)) = (to.get_mut(answers), by.get_mut(answers)) {
                    (*to, *by) = (Some(letter.from), letter.at);
                    answers += 1;
                }
            }
            self.send(&outbox, &to, &by, answers, &mut departures);
        }
    }

    fn receive<'a>(
        &self,
        inbox: &'a mut [[u8; LONGEST]; BATCH],
        arrivals: &'a mut MultiHeaders<SockaddrStorage>,
        letters: &mut [Option<Letter>; BATCH],
        room: usize,
    ) -> Result<usize, Errno> {
        let mut slices = inbox.each_mut().map(|octets| [IoSliceMut::new(octets)]);
        let fd = self.socket.as_raw_fd();
        let mut count = 0;
        let slices = slices.iter_mut().take(room);
        let got = recvmmsg(fd, arrivals, slices, MsgFlags::MSG_WAITFORONE, None)?;
        for (message, letter) in got.zip(letters) {
            // What did not fit is longer than any query we read.
            let whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
            let at = || message.cmsgs().ok()?.find_map(|beside| Local::of(&beside));
            *letter = message.address.filter(|_| whole).map(|from| Letter {
                from,
                at: at(),
                length: message.bytes,
            });
            count += 1;
        }
        Ok(count)
    }

    /// Reads what came, and looks up who sent it.
    fn read(
        &self,
        clients: &mut Clients<S::Client>,
        (inbox, letters): (&[[u8; LONGEST]; BATCH], &[Option<Letter>; BATCH]),
        count: usize,
        at: Instant,
        opened: &mut Vec<Opened>,
    ) {
        let mut whole = 0;
        for (number, (octets, letter)) in inbox.iter().zip(letters).take(count).enumerate() {
            let Some(letter) = letter else { continue };
            let Some(sender) = socket_address(&letter.from) else { continue };
            let Some(datagram) = octets.get(..letter.length) else { continue };
            whole += 1;
            let known = self.house.opened(self.listener, sender, datagram, at);
            let Some((from, message)) = known else { continue };
            let ip = from.source.ip();
            let client = clients.find(ip, || self.house.service.client(self.listener, ip));
            let read = turn::read(message, By::Datagram);
            let message = datagram.len() - message.len()..datagram.len();
            opened.push(Opened { number, message, from, client, read });
        }
        // Once a batch: all threads count here.
        self.house.stats.datagrams.add(whole);
    }

    /// Hands a question to the runtime; gives it back where no room is left.
    fn put_off(
        &self,
        wait: Box<Wait<S>>,
        sender: SocketAddr,
        at: Option<Local>,
    ) -> Option<Wait<S>> {
        let to = To { socket: Arc::clone(&self.socket), address: sender, by: at };
        self.later.try_send(Job { wait, to }).err().map(|full| {
            self.house.stats.turned_away.add(1);
            *full.into_inner().wait
        })
    }

    fn send(
        &self,
        outbox: &[Vec<u8>; BATCH],
        to: &[Option<SockaddrStorage>; BATCH],
        by: &[Option<Local>; BATCH],
        answers: usize,
        departures: &mut MultiHeaders<SockaddrStorage>,
    ) {
        let slices: [[IoSlice<'_>; 1]; BATCH] = std::array::from_fn(|number| {
            let octets = outbox.get(number).filter(|_| number < answers);
            [IoSlice::new(octets.map_or(&[], Vec::as_slice))]
        });
        let mut done = 0;
        while done < answers {
            // One call says once from which address; nearly always it is the same for all.
            let alike = by.get(done..answers).unwrap_or_default();
            let from = alike.first().and_then(Option::as_ref);
            let end = done + alike.iter().take_while(|by| by.as_ref() == from).count();
            let (Some(slices), Some(to)) = (slices.get(done..end), to.get(done..end)) else {
                return;
            };
            let from = from.map(Local::control);
            let fd = self.socket.as_raw_fd();
            match sendmmsg(fd, departures, slices, to, from.as_slice(), MsgFlags::MSG_DONTWAIT) {
                Ok(sent) => done += sent.count().max(1),
                // One that cannot be sent (no route, filtered) holds up nobody else.
                Err(_) => {
                    self.house.stats.unsent.add(1);
                    done += 1;
                }
            }
        }
    }
}

/// What the kernel says of a datagram.
#[derive(Clone, Copy)]
struct Letter {
    from: SockaddrStorage,
    /// To which of our addresses it was sent, where that is not plain.
    at: Option<Local>,
    length: usize,
}

impl<C> Clients<C> {
    fn new(since: Instant) -> Self {
        Self { known: Vec::new(), places: HashMap::new(), last: None, since }
    }
    fn age(&mut self, at: Instant) {
        if self.known.len() >= CLIENTS || at.saturating_duration_since(self.since) > AGE {
            self.known.clear();
            self.places.clear();
            self.last = None;
            self.since = at;
        }
    }
    /// The place of an address, which is asked for where it is not known.
    fn find(&mut self, ip: IpAddr, ask: impl FnOnce() -> Option<Known<C>>) -> usize {
        if let Some((last, place)) = self.last
            && last == ip
        {
            return place;
        }
        let Self { known, places, .. } = self;
        let place = *places.entry(ip).or_insert_with(|| {
            known.push(ask());
            known.len() - 1
        });
        self.last = Some((ip, place));
        place
    }
    fn of(&self, place: usize) -> Option<&Known<C>> {
        self.known.get(place)?.as_ref()
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(four) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*four).into()));
    }
    address.as_sockaddr_in6().map(|six| SocketAddr::V6((*six).into()))
}

/// Datagrams of one system call.
const BATCH: usize = 64;
/// Of these, room for so many at least.
const FEWEST: usize = 8;
/// LIMIT: the longest query: a header, one question and an OPT record need far less.
const LONGEST: usize = 1_232;
/// LIMIT: handles kept by a thread.
const CLIENTS: usize = 65_536;
const AGE: Duration = Duration::from_secs(5);
