// The terminal of `waitscope top`: keys in, painted lines out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/render/top.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

// Holds the terminal from construction to destruction.
class TopScreen {
 public:
  // Only where TerminalTakesScreens: else the library ends the program.
  explicit TopScreen(bool color);
  TopScreen(const TopScreen&) = delete;
  TopScreen& operator=(const TopScreen&) = delete;
  ~TopScreen();

  // Takes the keys pressed since the last call and repaints what they changed. False when the
  // answer being waited for is not wanted any more: the user quits or looks at something else.
  bool HandleKeys();

  void Show(v1::ProcessesResponse response);
  void Show(v1::ThreadsResponse response);

  bool quit() const { return quit_; }
  // The process whose threads are looked at; nothing: all processes.
  std::optional<uint32_t> pid() const { return pid_; }

 private:
  void HandleKey(int key);
  void HandleFilterKey(int key);
  void MoveSelection(int by);
  void MoveSort(int by);
  void Enter();
  void Leave();

  void Paint();
  void PaintProcesses();
  void PaintThreads();
  void PaintTable(int top, const std::vector<TopLine>& lines);
  void PaintFooter();

  TopView view_;
  v1::ProcessesResponse processes_;
  v1::ThreadsResponse threads_;
  bool has_processes_ = false;
  bool has_threads_ = false;
  std::optional<uint32_t> pid_;
  size_t selected_ = 0;
  size_t first_line_ = 0;
  bool typing_filter_ = false;
  bool quit_ = false;
};

}  // namespace waitscope::cli
