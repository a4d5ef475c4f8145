// A Query server in this process that answers as told, or misbehaves as told.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "cli/endpoint.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

struct FakeBehavior {
  // Runs at the start of every call on the server's side; a status code other than 0 ends it.
  std::function<int()> before_answer = [] { return 0; };
  std::string error_message = "as told";
  std::vector<std::string> chunks;  // of a recording
  bool recording_hangs_at_end = false;
};

class FakeAgent {
 public:
  explicit FakeAgent(FakeBehavior behavior = {});
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;
  ~FakeAgent();

  Endpoint endpoint() const;
  v1::ViewRequest last_view() const;
  // Ends at once, with calls in progress.
  void Kill();

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace waitscope::cli
