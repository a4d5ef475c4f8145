// Work for .NET's thread pool: Pool.cs sleep|wait|light|idle
using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

static class Pool {
  static async Task<int> Fetch() {
    await Task.Delay(700);
    return 1;
  }

  static void Work(string kind) {
    if (kind == "sleep") Thread.Sleep(900);
    if (kind == "wait") Fetch().Wait();
    if (kind == "light") Thread.SpinWait(20000);
  }

  static void Main(string[] arguments) {
    string kind = arguments[0];
    for (int i = 0; i < 8; ++i) ThreadPool.QueueUserWorkItem(_ => Thread.SpinWait(1000));
    Console.WriteLine("ready " + Process.GetCurrentProcess().Id);
    for (;;) {
      if (kind != "idle") ThreadPool.QueueUserWorkItem(_ => Work(kind));
      Thread.Sleep(kind == "idle" ? 60000 : 40);
    }
  }
}
