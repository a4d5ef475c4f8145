using System.Runtime.CompilerServices;
using System.Threading;

/// Threads that wait below calls of their own.
static class Waits {
  static long sink;

  [MethodImpl(MethodImplOptions.NoInlining)]
  static void SleepHere() {
    Thread.Sleep(2);
    sink++;
  }

  [MethodImpl(MethodImplOptions.NoInlining)]
  static long Descend(int left) {
    if (left == 0) {
      SleepHere();
      return sink;
    }
    return Descend(left - 1) * 3 + 1;
  }

  static void Repeat() {
    for (;;) sink += Descend(20);
  }

  static void Main() {
    var thread = new Thread(Repeat) { Name = "sleeper" };
    thread.Start();
    thread.Join();
  }
}
