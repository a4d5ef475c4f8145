// Threads of Rust: rust deadlock|pair|readers|workers|idle
use std::sync::{mpsc, Arc, Mutex, RwLock};
use std::thread;
use std::time::Duration;

fn rest(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

fn forever(work: impl Fn() + Send + 'static) {
    thread::spawn(move || loop {
        work();
    });
}

#[inline(never)]
fn transfer(from: &Mutex<u64>, to: &Mutex<u64>) {
    let mut source = from.lock().unwrap();
    rest(300);
    *to.lock().unwrap() += 1;
    *source += 1;
}

#[inline(never)]
fn keep(total: &Mutex<u64>, milliseconds: u64) {
    let mut held = total.lock().unwrap();
    *held += 1;
    rest(milliseconds);
}

fn deadlock() {
    let accounts = [Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0))];
    for first in 0..2 {
        let (from, to) = (accounts[first].clone(), accounts[1 - first].clone());
        forever(move || transfer(&from, &to));
    }
}

fn pair() {
    let total = Arc::new(Mutex::new(0));
    for milliseconds in [60, 1] {
        let own = total.clone();
        forever(move || {
            keep(&own, milliseconds);
            rest(3);
        });
    }
}

fn readers() {
    let table = Arc::new(RwLock::new(0u64));
    for _ in 0..4 {
        let own = table.clone();
        forever(move || {
            assert!(*own.read().unwrap() < u64::MAX);
            rest(4);
        });
    }
    forever(move || {
        *table.write().unwrap() += 1;
        let held = table.write().unwrap();
        rest(70);
        drop(held);
        rest(2);
    });
}

// The worker that has the lock waits for the next job; the others wait for the lock.
fn workers(pause: u64) {
    let (sender, receiver) = mpsc::channel::<u64>();
    let jobs = Arc::new(Mutex::new(receiver));
    for _ in 0..4 {
        let own = jobs.clone();
        forever(move || {
            let milliseconds = own.lock().unwrap().recv().unwrap();
            rest(milliseconds);
        });
    }
    forever(move || {
        rest(pause);
        sender.send(2).unwrap();
    });
}

fn main() {
    match std::env::args().nth(1).unwrap().as_str() {
        "deadlock" => deadlock(),
        "pair" => pair(),
        "readers" => readers(),
        "workers" => workers(40),
        _ => workers(3_600_000),
    }
    println!("ready {}", std::process::id());
    loop {
        rest(3_600_000);
    }
}
