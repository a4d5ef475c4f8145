// Twelve threads that borrow one of two connections to $BACKEND for each question.
#include <arpa/inet.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace {

std::mutex mutex;
std::condition_variable returned;
std::deque<int> idle;

int Dial() {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(atoi(getenv("BACKEND"))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    perror("connect");
    exit(1);
  }
  return connection;
}

int Borrow() {
  std::unique_lock lock(mutex);
  returned.wait(lock, [] { return !idle.empty(); });
  const int connection = idle.front();
  idle.pop_front();
  return connection;
}

void Return(int connection) {
  {
    const std::lock_guard lock(mutex);
    idle.push_back(connection);
  }
  returned.notify_one();
}

void Work() {
  char answer[64];
  for (;;) {
    const int connection = Borrow();
    if (write(connection, "question\n", 9) != 9) return;
    if (read(connection, answer, sizeof(answer)) <= 0) return;
    Return(connection);
    usleep(1000);
  }
}

}  // namespace

int main() {
  for (int i = 0; i < 2; ++i) idle.push_back(Dial());
  std::vector<std::thread> threads;
  threads.reserve(12);
  for (int i = 0; i < 12; ++i) threads.emplace_back(Work);
  printf("ready %d\n", getpid());
  fflush(stdout);
  for (std::thread& thread : threads) thread.join();
}
