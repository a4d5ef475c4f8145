// A server with a pool of threads: Server.java THREADS
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

public class Server {
  static final int BACKEND = Integer.parseInt(System.getenv("BACKEND"));
  static final ThreadLocal<Socket> backends = ThreadLocal.withInitial(Server::connect);

  static Socket connect() {
    try {
      return new Socket("127.0.0.1", BACKEND);
    } catch (Exception error) {
      throw new RuntimeException(error);
    }
  }

  static Void warmUp() throws Exception {
    Thread.sleep(50);
    return null;
  }

  static void serve(Socket client, ExecutorService pool) {
    try {
      byte[] buffer = new byte[64];
      if (client.getInputStream().read(buffer) < 0) {
        client.close();
        return;
      }
      Socket backend = backends.get();
      backend.getOutputStream().write("question\n".getBytes());
      int length = backend.getInputStream().read(buffer);
      client.getOutputStream().write(buffer, 0, length);
      pool.submit(() -> serve(client, pool));
    } catch (Exception gone) {
      return;
    }
  }

  public static void main(String[] arguments) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(Integer.parseInt(arguments[0]));
    ServerSocket server =
        new ServerSocket(Integer.parseInt(System.getenv("PORT")), 64, InetAddress.getLoopbackAddress());
    for (int i = 0; i < Integer.parseInt(arguments[0]); ++i) pool.submit(Server::warmUp);
    System.out.println("ready " + ProcessHandle.current().pid());
    for (;;) {
      Socket client = server.accept();
      pool.submit(() -> serve(client, pool));
    }
  }
}
