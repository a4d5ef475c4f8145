// Threads that wait in ways of Rust's own: in drop during a panic, in channels, behind trait objects.
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{mpsc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const LENGTH: Duration = Duration::from_millis(2);

#[inline(never)]
fn sleep_here() {
    thread::sleep(LENGTH);
    black_box(());
}

struct Guard;

impl Drop for Guard {
    #[inline(never)]
    fn drop(&mut self) {
        sleep_here();
        black_box(());
    }
}

#[inline(never)]
fn panics() {
    if black_box(true) {
        panic!("as planned");
    }
}

#[inline(never)]
fn holds_guard() {
    let _mine = Guard;
    panics();
    black_box(());
}

#[inline(never)]
fn wait_in_drop() {
    let caught = panic::catch_unwind(AssertUnwindSafe(holds_guard));
    black_box(caught.is_err());
}

trait Wait {
    fn wait(&self, left: u32) -> u32;
}

struct Sleeper;

impl Wait for Sleeper {
    #[inline(never)]
    fn wait(&self, left: u32) -> u32 {
        if left == 0 {
            sleep_here();
            return 1;
        }
        let next: &dyn Wait = black_box(self);
        next.wait(left - 1) * 3 + 1
    }
}

#[inline(never)]
fn wait_behind_trait() {
    let sleeper: &dyn Wait = black_box(&Sleeper);
    black_box(sleeper.wait(20));
}

#[inline(never)]
fn wait_on_channel() {
    let (sender, receiver) = mpsc::channel::<u32>();
    black_box(receiver.recv_timeout(LENGTH).is_err());
    drop(sender);
}

#[inline(never)]
fn wait_on_condition() {
    let mutex = Mutex::new(0);
    let condition = Condvar::new();
    let held = mutex.lock().unwrap();
    black_box(condition.wait_timeout(held, LENGTH).is_ok());
}

fn spawn(name: &str, wait: fn()) -> thread::JoinHandle<()> {
    let body = move || loop {
        wait();
        black_box(());
    };
    thread::Builder::new().name(name.to_string()).spawn(body).unwrap()
}

fn main() {
    panic::set_hook(Box::new(|_| {}));
    let threads = [
        spawn("drop", wait_in_drop),
        spawn("trait", wait_behind_trait),
        spawn("channel", wait_on_channel),
        spawn("condition", wait_on_condition),
    ];
    for thread in threads {
        thread.join().unwrap();
    }
}
