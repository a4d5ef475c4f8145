import java.util.concurrent.locks.LockSupport;

/** Threads that wait below calls of their own: in sleep, in park, and at a monitor. */
final class Waits {
  private static volatile long sink;

  static void sleepHere() {
    try {
      Thread.sleep(2);
    } catch (InterruptedException stop) {
      throw new IllegalStateException(stop);
    }
    sink++;
  }

  static void parkHere() {
    LockSupport.parkNanos(2_000_000);
    sink++;
  }

  static void waitAtMonitor() {
    final Object monitor = new Object();
    synchronized (monitor) {
      try {
        monitor.wait(2);
      } catch (InterruptedException stop) {
        throw new IllegalStateException(stop);
      }
    }
    sink++;
  }

  static long descend(int left, Runnable wait) {
    if (left == 0) {
      wait.run();
      return sink;
    }
    return descend(left - 1, wait) * 3 + 1;
  }

  static void repeat(Runnable wait) {
    for (;;) {
      sink += descend(10, wait);
    }
  }

  static void start(String name, Runnable wait) {
    new Thread(() -> repeat(wait), name).start();
  }

  public static void main(String[] arguments) {
    start("sleeper", Waits::sleepHere);
    start("parker", Waits::parkHere);
    start("monitor", Waits::waitAtMonitor);
  }
}
