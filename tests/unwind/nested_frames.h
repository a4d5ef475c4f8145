/* Functions of every kind of frame, nested; the innermost captures its own registers. */
#ifndef WAITSCOPE_TESTS_NESTED_FRAMES_H
#define WAITSCOPE_TESTS_NESTED_FRAMES_H

#ifdef __cplusplus
extern "C" {
#endif

enum { NESTED_FRAMES = 6 };

struct captured_frame {
  unsigned long pc;
  unsigned long sp;
  unsigned long bp;
  unsigned long bx;
  /* Where each function returns to, the innermost first. */
  unsigned long returns[NESTED_FRAMES];
  void (*then)(struct captured_frame* frame);
  int through_signal; /* a handler on a stack of its own captures */
};

/* Calls `then` while all of the frames are still there. */
void nested_capture(struct captured_frame* frame);

#ifdef __cplusplus
}
#endif
#endif
