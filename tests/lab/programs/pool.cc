// A pool behind a Unix socket, with a backend behind another: pool FOLDER THREADS DELAY_MS CLIENTS
// THINK_MS. Or, as C++20 parks by itself: pool semaphore
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace {

void Rest(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

int Listen(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = AddressOf(path);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::exit(1);
  if (listen(fd, 64) != 0) std::exit(1);
  return fd;
}

int Connect(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = AddressOf(path);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::exit(1);
  return fd;
}

bool Read(int fd) {
  char line[64];
  return recv(fd, line, sizeof line, 0) > 0;
}

void Write(int fd) {
  if (send(fd, "line\n", 5, MSG_NOSIGNAL) < 0) std::perror("send");
}

template <typename Work>
void Beside(Work work) {
  if (fork() != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  work();
  std::exit(0);
}

void ServeAsBackend(int listener, int delay_ms) {
  for (;;) {
    const int fd = accept(listener, nullptr, nullptr);
    std::thread([fd, delay_ms] {
      while (Read(fd)) {
        Rest(delay_ms);
        Write(fd);
      }
    }).detach();
  }
}

void Ask(const std::string& path, int think_ms) {
  for (;;) {
    const int fd = Connect(path);
    Write(fd);
    Read(fd);
    close(fd);
    Rest(think_ms);
  }
}

class Queue {
 public:
  void Put(int job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(job);
    ready_.notify_one();
  }
  int Take() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return !jobs_.empty(); });
    const int job = jobs_.front();
    jobs_.pop_front();
    return job;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<int> jobs_;
};

void Work(Queue& queue, const std::string& backend_path) {
  const int backend = Connect(backend_path);
  for (;;) {
    const int client = queue.Take();
    Read(client);
    Write(backend);
    Read(backend);
    Write(client);
    close(client);
  }
}

void Serve(const std::string& folder, int threads, int delay_ms, int clients, int think_ms) {
  const int backend = Listen(folder + "/backend");
  const int server = Listen(folder + "/server");
  Beside([&] { ServeAsBackend(backend, delay_ms); });
  Beside([&] {
    for (int i = 1; i < clients; ++i) std::thread(Ask, folder + "/server", think_ms).detach();
    Ask(folder + "/server", think_ms);
  });
  static Queue queue;
  for (int i = 0; i < threads; ++i) {
    std::thread([&] { Work(queue, folder + "/backend"); }).detach();
  }
  std::printf("ready %d\n", getpid());
  std::fflush(stdout);
  for (;;) queue.Put(accept(server, nullptr, nullptr));
}

void ParkAtSemaphore() {
  static std::counting_semaphore<> jobs(0);
  for (int i = 0; i < 6; ++i) {
    std::thread([] {
      for (;;) {
        jobs.acquire();
        Rest(2);
      }
    }).detach();
  }
  std::printf("ready %d\n", getpid());
  std::fflush(stdout);
  for (;; Rest(10)) jobs.release(2);
}

}  // namespace

int main(int count, char** words) {
  if (count == 2) ParkAtSemaphore();
  if (count < 6) return 2;
  Serve(words[1], std::atoi(words[2]), std::atoi(words[3]), std::atoi(words[4]),
        std::atoi(words[5]));
}
