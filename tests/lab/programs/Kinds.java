// Threads of Java: Kinds.java convoy|deadlock|connections|sleep|nested|common|lock|borrow|stamped|
// queue|timers|bursts|barrier|limit|chain|fair|kept|deadlock-beside|acceptors
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.StampedLock;

public class Kinds {
  interface Job {
    void run() throws Exception;
  }

  static final Object monitor = new Object();
  static int total;

  static void forever(int threads, Job job) {
    for (int i = 0; i < threads; ++i) {
      new Thread(() -> {
        try {
          for (;;) job.run();
        } catch (Exception error) {
          error.printStackTrace();
          System.exit(1);
        }
      }).start();
    }
  }

  static void report() throws Exception {
    synchronized (monitor) {
      ++total;
      Thread.sleep(20);
    }
    Thread.sleep(2);
  }

  static void transfer(Object from, Object to) throws Exception {
    synchronized (from) {
      Thread.sleep(500);
      synchronized (to) {
        ++total;
      }
    }
  }

  static void collect(Object from, Object to) throws Exception {
    synchronized (from) {
      Thread.sleep(500);
      synchronized (to) {
        ++total;
      }
    }
  }

  static void count(Object counter) throws Exception {
    synchronized (counter) {
      Thread.sleep(3);
    }
    Thread.sleep(5);
  }

  static Socket backend() throws Exception {
    return new Socket("127.0.0.1", Integer.parseInt(System.getenv("BACKEND")));
  }

  static void borrow(BlockingQueue<Socket> connections) throws Exception {
    Socket connection = connections.take();
    connection.getOutputStream().write("question\n".getBytes());
    connection.getInputStream().read(new byte[64]);
    connections.put(connection);
  }

  static final ReentrantLock lock = new ReentrantLock();
  static final BlockingQueue<Socket> idle = new ArrayBlockingQueue<>(8);

  static String alone() throws Exception {
    lock.lock();
    try {
      Thread.sleep(45);
    } finally {
      lock.unlock();
    }
    return "answer\n";
  }

  static String withConnection() throws Exception {
    borrow(idle);
    return "answer\n";
  }

  static void work(int milliseconds) throws Exception {
    Thread.sleep(1 + ThreadLocalRandom.current().nextInt(milliseconds));
  }

  static void follow(ExecutorService pool) {
    pool.submit(() -> {
      work(10);
      pool.submit(() -> {
        work(10);
        follow(pool);
        return null;
      });
      return null;
    });
  }

  // Each of four tasks waits for two more, of the inner pool.
  static void delegate(ExecutorService outer, ExecutorService inner) {
    Callable<Integer> count = () -> new ProcessBuilder("sleep", "15").start().waitFor();
    for (int i = 0; i < 4; ++i) {
      outer.submit(() -> {
        Thread.sleep(500);
        return inner.invokeAll(List.of(count, count));
      });
    }
  }

  static String slowly() {
    try {
      Thread.sleep(400);
    } catch (InterruptedException stop) {
      return "";
    }
    return "answer\n";
  }

  static void answer(Socket client, Callable<String> text) {
    try (client) {
      client.getInputStream().read(new byte[64]);
      client.getOutputStream().write(text.call().getBytes());
    } catch (Exception gone) {
      return;
    }
  }

  static ServerSocket listener() throws Exception {
    return new ServerSocket(
        Integer.parseInt(System.getenv("PORT")), 64, InetAddress.getLoopbackAddress());
  }

  static void serve(String kind) throws Exception {
    ServerSocket server = listener();
    boolean roomy = kind.equals("lock") || kind.equals("borrow");
    ExecutorService pool = Executors.newFixedThreadPool(roomy ? 12 : 4);
    for (int i = 0; kind.equals("borrow") && i < 3; ++i) idle.put(backend());
    System.out.println("ready " + ProcessHandle.current().pid());
    for (;;) {
      Socket client = server.accept();
      if (kind.equals("sleep")) pool.submit(() -> answer(client, Kinds::slowly));
      if (kind.equals("lock")) pool.submit(() -> answer(client, Kinds::alone));
      if (kind.equals("borrow")) pool.submit(() -> answer(client, Kinds::withConnection));
      if (kind.equals("nested")) {
        pool.submit(() -> answer(client, () -> pool.submit(Kinds::slowly).get()));
      }
      if (kind.equals("common")) {
        CompletableFuture.supplyAsync(Kinds::slowly).thenAccept(text -> answer(client, () -> text));
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    String kind = arguments[0];
    if (kind.equals("convoy")) forever(6, Kinds::report);
    if (kind.equals("deadlock")) {
      Object other = new Object();
      forever(1, () -> transfer(monitor, other));
      forever(1, () -> transfer(other, monitor));
    }
    if (kind.equals("deadlock-beside")) {
      Object other = new Object();
      Object counter = new Object();
      forever(1, () -> transfer(monitor, other));
      forever(1, () -> collect(other, monitor));
      forever(3, () -> count(counter));
    }
    if (kind.equals("acceptors")) {
      ServerSocket server = listener();
      forever(4, () -> answer(server.accept(), () -> "answer\n"));
    }
    if (kind.equals("connections")) {
      BlockingQueue<Socket> connections = new ArrayBlockingQueue<>(8);
      for (int i = 0; i < 3; ++i) connections.put(backend());
      forever(12, () -> borrow(connections));
    }
    if (kind.equals("queue")) {
      BlockingQueue<String> jobs = new ArrayBlockingQueue<>(4);
      forever(3, () -> {
        Thread.sleep(3);
        jobs.put("job");
      });
      forever(4, jobs::take);
    }
    if (kind.equals("delegated")) {
      ExecutorService own = Executors.newFixedThreadPool(4);
      delegate(own, arguments.length > 1 ? Executors.newFixedThreadPool(3) : own);
    }
    if (kind.equals("timers")) {
      ScheduledExecutorService pool = Executors.newScheduledThreadPool(6);
      for (int i = 1; i < 9; ++i) pool.scheduleAtFixedRate(() -> ++total, 10, 15 * i, TimeUnit.MILLISECONDS);
    }
    if (kind.equals("stamped")) {
      StampedLock stamped = new StampedLock();
      forever(6, () -> {
        long stamp = stamped.writeLock();
        Thread.sleep(25);
        stamped.unlockWrite(stamp);
        Thread.sleep(3);
      });
    }
    if (kind.equals("fair")) {
      ReentrantLock fair = new ReentrantLock(true);
      forever(5, () -> {
        fair.lock();
        Thread.sleep(8);
        fair.unlock();
      });
    }
    if (kind.equals("kept")) {
      forever(4, () -> {
        lock.lock();
        ++total;
        lock.unlock();
        Thread.sleep(2);
      });
      Thread.sleep(300);
      forever(1, () -> {
        lock.lock();
        Thread.sleep(3600 * 1000);
      });
    }
    if (kind.equals("bursts")) {
      ExecutorService pool = Executors.newFixedThreadPool(10);
      forever(1, () -> {
        for (int i = 0; i < 8; ++i) {
          pool.submit(() -> {
            work(60);
            return null;
          });
        }
        Thread.sleep(300);
      });
    }
    if (kind.equals("barrier")) {
      CyclicBarrier barrier = new CyclicBarrier(5);
      forever(5, () -> {
        work(80);
        barrier.await();
      });
    }
    if (kind.equals("limit")) {
      Semaphore permits = new Semaphore(3);
      forever(9, () -> {
        permits.acquire();
        work(40);
        permits.release();
        work(4);
      });
    }
    if (kind.equals("chain")) follow(Executors.newFixedThreadPool(6));
    if (System.getenv("PORT") != null && !kind.equals("acceptors")) serve(kind);
    System.out.println("ready " + ProcessHandle.current().pid());
  }
}
